import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { safeText } from "../../ui/Copy";
import { Facts } from "../../ui/Panel";
import { duration } from "../../ui/Time";
import type { Details } from "./data";
import { Requests, RoleName } from "./MemberTable";
import css from "./party.module.css";

/** What a member runs, on which data, with whom. */
export function SpecFacts({ details: { member, spec } }: { details: Details }) {
  return (
    <Facts
      items={[
        [<Trans>Role</Trans>, member.role ? <RoleName role={member.role} /> : "–"],
        [<Trans>Image</Trans>, <Named name={member.image} meaning={spec?.image_meaning} missing={<Trans>the party does not declare it</Trans>} hasSpec={!!spec} />],
        [<Trans>Dataset</Trans>, <Named name={member.dataset} meaning={spec?.dataset_meaning} missing={<Trans>the party does not declare it</Trans>} hasSpec={!!spec} />],
        [<Trans>Requests</Trans>, <Requests resources={member.resources} />],
        ...(spec
          ? ([
              [<Trans>Command</Trans>, <Command command={spec.command} />],
              [<Trans>Working directory</Trans>, spec.workdir === "" ? <Trans>directory of the run</Trans> : <code>{safeText(spec.workdir)}</code>],
              [<Trans>Parameters</Trans>, <Parameters values={spec.parameters} />],
              [<Trans>Environment</Trans>, <Environment values={spec.env} />],
              [<Trans>Epochs</Trans>, spec.epochs],
              [<Trans>Longest runtime</Trans>, duration(spec.max_runtime_s)],
              [<Trans>Grace period at a stop</Trans>, duration(spec.stop_grace_s)],
              [
                <Trans>Parties</Trans>,
                <ul className={css.names}>
                  {spec.parties.map(({ party, role }) => (
                    <li key={`${party} ${role}`}>
                      {safeText(party)}{" "}
                      <span className={css.aside}>
                        <RoleName role={role} />
                      </span>
                    </li>
                  ))}
                </ul>,
              ],
            ] as [ReactNode, ReactNode][])
          : []),
      ]}
    />
  );
}

type NamedProps = { name: string | null | undefined; meaning: string | null | undefined; missing: ReactNode; hasSpec: boolean };

/** A name of the hub's side with its meaning at the party. */
function Named({ name, meaning, missing, hasSpec }: NamedProps) {
  if (!name) return <>–</>;
  return (
    <>
      <code>{safeText(name)}</code>
      {hasSpec && <div className={css.aside}>{meaning ? <code>{safeText(meaning)}</code> : missing}</div>}
    </>
  );
}

function Command({ command }: { command: string[] }) {
  const { t } = useLingui();
  return <Block label={t`Command`} text={command.map(quoted).join(" ")} />;
}

function Parameters({ values }: { values: Record<string, string> }) {
  const { t } = useLingui();
  return <Pairs label={t`Parameters`} values={values} />;
}

function Environment({ values }: { values: Record<string, string> }) {
  const { t } = useLingui();
  return <Pairs label={t`Environment`} values={values} />;
}

function Pairs({ label, values }: { label: string; values: Record<string, string> }) {
  const pairs = Object.entries(values);
  if (pairs.length === 0) return <>–</>;
  return <Block label={label} text={pairs.map(([name, value]) => `${name}=${value}`).join("\n")} />;
}

function Block({ label, text }: { label: string; text: string }) {
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line no-noninteractive-tabindex
    <pre className={css.block} tabIndex={0} role="region" aria-label={label}>
      {safeText(text)}
    </pre>
  );
}

/** An argument as a shell would read it. */
function quoted(text: string): string {
  return /^[\w./:=@%+,${}-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
