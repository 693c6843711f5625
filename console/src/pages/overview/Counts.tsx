import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { usePhaseName } from "../../ui/Phase";
import { PHASES } from "../tasks/filters";
import css from "./overview.module.css";

const ALWAYS = new Set<string>(["queued", "running", "succeeded", "failed"]);

/** Number of tasks by the phase of their newest run. Each leads to these tasks. */
export function Counts({ counts }: { counts: Record<string, number> }) {
  const { t, i18n } = useLingui();
  const nameOf = usePhaseName();
  const known: readonly string[] = PHASES;
  const phases = [...known, ...Object.keys(counts).filter((phase) => !known.includes(phase))].filter((phase) => counts[phase] || ALWAYS.has(phase));
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <nav className={css.counts} aria-label={t`Tasks by phase`}>
      <Link to="/tasks" className={css.count ?? ""}>
        <strong>{i18n.number(total)}</strong>
        <span>
          <Trans>all tasks</Trans>
        </span>
      </Link>
      {phases.map((phase) => (
        <Link key={phase} to="/tasks" search={{ phase } as never} className={css.count ?? ""} data-phase={counts[phase] ? phase : undefined}>
          <strong>{i18n.number(counts[phase] ?? 0)}</strong>
          <span>{nameOf(phase)}</span>
        </Link>
      ))}
    </nav>
  );
}
