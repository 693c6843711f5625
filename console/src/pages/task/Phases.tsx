import { useLingui } from "@lingui/react/macro";
import type { Schemas } from "../../api/client";
import { usePhaseText } from "../../ui/Phase";
import { duration } from "../../ui/Time";
import type { Run } from "./data";
import css from "./task.module.css";

type Event = Schemas["Event"];
type Span = { phase: string; from: number; to: number };

/** The phase that a message about a member begins with. */
export function phaseOf(message: string): string {
  return /^[a-z_]+/.exec(message)?.[0] ?? message;
}

/** Phases of the run and of each member over the time of the run. */
export function Phases({ run, events }: { run: Run; events: Event[] }) {
  const { t } = useLingui();
  const phaseText = usePhaseText();
  const begin = Date.parse(run.created_at);
  const last = Date.parse(events.at(-1)?.at ?? run.created_at);
  const end = Math.max(run.finished_at ? Date.parse(run.finished_at) : Date.now(), last, begin + 1);
  const rows: { name: string; spans: Span[] }[] = [
    { name: t`run`, spans: spansOf(events.filter((event) => event.kind.startsWith("run.") && !["run.settled", "run.retry"].includes(event.kind)).map((event) => [event.kind.slice(4), event.at]), end) },
    ...run.members.map((member) => ({ name: member.party, spans: spansOf([["pending", run.created_at], ...events.filter((event) => event.kind === "member.phase" && event.party === member.party).map((event): [string, string] => [phaseOf(event.message), event.at])], end) })),
  ];
  const percent = (at: number) => `${Math.min(100, Math.max(0, ((at - begin) / (end - begin)) * 100))}%`;
  return (
    <div className={css.phases} role="list">
      {rows.map(({ name, spans }) => (
        <div key={name} className={css.phaseRow} role="listitem">
          <span className={css.phaseName}>{name}</span>
          <div className={css.track}>
            {spans.map((span) => {
              const text = `${phaseText(span.phase)} · ${duration((span.to - span.from) / 1000)}`;
              return (
                <div key={`${span.phase} ${span.from}`} className={css.span} data-phase={span.phase} style={{ left: `min(${percent(span.from)}, 100% - 4px)`, width: `calc(${percent(span.to)} - ${percent(span.from)})` }} title={text}>
                  <span>{text}</span>
                </div>
              );
            })}
          </div>
        </div>
      ))}
      <div className={css.phaseRow} aria-hidden="true">
        <span />
        <div className={css.scale}>
          <span>0 s</span>
          <span>{duration((end - begin) / 1000)}</span>
        </div>
      </div>
    </div>
  );
}

const ENDS = new Set(["succeeded", "failed", "cancelled", "stopped", "refused"]);

/** Times between changes of the phase. A phase after which nothing happens has no length. */
function spansOf(changes: [phase: string, at: string][], end: number): Span[] {
  return changes
    .map(([phase, at], index): Span => {
      const from = Date.parse(at);
      const next = changes[index + 1];
      return { phase, from, to: next ? Date.parse(next[1]) : ENDS.has(phase) ? from : end };
    })
    .filter(({ phase, from, to }) => Number.isFinite(from) && Number.isFinite(to) && (to > from || ENDS.has(phase)));
}
