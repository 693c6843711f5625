import { Trans, useLingui } from "@lingui/react/macro";
import { safeText } from "../../ui/Copy";
import { Facts, Panel } from "../../ui/Panel";
import { numeral } from "../../ui/Time";
import { taskName, type Member } from "./data";
import css from "./party.module.css";

/** ANSI colours in last lines, whose control characters are escaped. */
const COLOURS = /\\u\{1b\}\[[\d;]*m/g;

/** Last lines of a workload that failed. */
export function LastLines({ member }: { member: Member }) {
  const { t } = useLingui();
  const lines = member.exit?.last_lines ?? [];
  if (lines.length === 0) return null;
  const name = safeText(taskName(member));
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line no-noninteractive-tabindex
    <div className={css.lastLines} tabIndex={0} role="region" aria-label={t`Last lines of ${name}`}>
      <pre>{lines.map((line) => safeText(line.replaceAll(COLOURS, ""))).join("\n")}</pre>
    </div>
  );
}

/** Newest values that the workload has reported. */
export function Metrics({ member }: { member: Member }) {
  const values = Object.entries(member.progress?.metrics ?? {});
  if (values.length === 0) return null;
  return (
    <Panel title={<Trans>Newest values</Trans>}>
      <Facts items={values.map(([name, value]) => [safeText(name), numeral(value)])} />
    </Panel>
  );
}
