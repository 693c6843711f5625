import { Trans, useLingui } from "@lingui/react/macro";
import { Copy } from "../../ui/Copy";
import { Secret } from "../../ui/Secret";
import css from "./parties.module.css";

/** The port at which a hub accepts agents unless its configuration has another. */
const AGENT_PORT = 1234;

/** The secret of a party, and what its administrator does with it. */
export function AgentSetup({ party, secret }: { party: string; secret: string }) {
  const { t } = useLingui();
  const { hostname, protocol } = new URL(document.baseURI);
  const isSecure = protocol === "https:";
  const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  const config = [
    "# /etc/flow/agent.toml",
    `party = "${party}"`,
    'data_dir = "/var/lib/flow-federate"',
    "[hub]",
    `address = "${isSecure ? "https" : "http"}://${host}:${AGENT_PORT}"`,
    `secret_file = "/etc/flow/${party}.secret"`,
    ...(isSecure ? ['ca_file = "/etc/flow/ca.crt"   # empty: the authorities that the machine trusts'] : []),
    '[images.mine]                  # programs that may run at the party',
    'root = "/opt/mine"',
    "allow = true",
    "[datasets.mine]                # data that a task may use",
    'path = "/srv/data"',
    "",
  ].join("\n");
  const commands = [
    `install -m 600 -o flow-federate -g flow-federate ${party}.secret /etc/flow`,
    "runuser -u flow-federate -- flow-federate doctor --config /etc/flow/agent.toml",
    "systemctl enable --now flow-federate",
    "",
  ].join("\n");
  return (
    <ol className={css.steps}>
      <li>
        <Secret text={secret} label={t`Secret of ${party}`}>
          <Trans>
            Give this secret to the administrator of the party over a secure channel, in a file <code>{party}.secret</code>. The hub cannot show it again.
          </Trans>
        </Secret>
      </li>
      <li>
        <Code
          text={config}
          intro={
            <Trans>
              Configuration of the agent. Check the address: it is that of this page with the port {AGENT_PORT}; the hub accepts agents at <code>[grpc] listen</code> of its configuration.
            </Trans>
          }
          label={t`Configuration of the agent`}
        />
      </li>
      <li>
        <Code text={commands} intro={<Trans>At the machine of the party, with the package of flow-federate installed:</Trans>} label={t`Commands`} />
      </li>
    </ol>
  );
}

function Code({ text, intro, label }: { text: string; intro: React.ReactNode; label: string }) {
  return (
    <>
      <div className={css.codeHead}>
        <p>{intro}</p>
        <Copy text={text} />
      </div>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* oxlint-disable-next-line no-noninteractive-tabindex */}
      <pre className={css.code} tabIndex={0} role="region" aria-label={label}>
        {text}
      </pre>
    </>
  );
}
