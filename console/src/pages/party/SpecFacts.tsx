import { Plural, Trans } from "@lingui/react/macro";
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
              [<Trans>Command</Trans>, <Block text={spec.command.map(quoted).join(" ")} />],
              [<Trans>Working directory</Trans>, spec.workdir === "" ? <Trans>directory of the run</Trans> : <code>{safeText(spec.workdir)}</code>],
              [<Trans>Parameters</Trans>, <Pairs values={spec.parameters} />],
              [<Trans>Environment</Trans>, <Pairs values={spec.env} />],
              [<Trans>Epochs</Trans>, <Plural value={spec.epochs} one="# epoch" other="# epochs" />],
              [<Trans>Longest runtime</Trans>, duration(spec.max_runtime_s)],
              [<Trans>Grace period at a stop</Trans>, duration(spec.stop_grace_s)],
              [
                <Trans>Exchanges data with</Trans>,
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

function Pairs({ values }: { values: Record<string, string> }) {
  const pairs = Object.entries(values);
  if (pairs.length === 0) return <>–</>;
  return <Block text={pairs.map(([name, value]) => `${name}=${value}`).join("\n")} />;
}

export function Block({ text }: { text: string }) {
  return <pre className={css.block}>{safeText(text)}</pre>;
}

/** An argument as a shell would read it. */
function quoted(text: string): string {
  return /^[\w./:=@%+,${}-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
