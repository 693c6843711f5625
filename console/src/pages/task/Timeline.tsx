import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { duration, exact } from "../../ui/Time";
import { eventsQuery, type Run, type Task } from "./data";
import { phaseOf, Phases } from "./Phases";
import css from "./task.module.css";

type Event = Schemas["Event"];

/** Pages of events that are read by themselves until the run is found. */
const PAGES_MAX = 5;
/** Events that are listed. */
const SHOWN_MAX = 500;

/** What happened in the run, from the events of the task. */
export function Timeline({ task, run }: { task: Task; run: Run }) {
  const query = useInfiniteQuery(eventsQuery(task.id));
  const events = query.data?.pages.flatMap((page) => page.items) ?? [];
  const own = events.filter((event) => event.run === run.id);
  const { hasNextPage, fetchNextPage, isFetchingNextPage } = query;
  const isComplete = !hasNextPage || own.some((event) => event.kind === "run.settled");
  const pages = query.data?.pages.length ?? 0;
  useEffect(() => {
    if (!isComplete && !isFetchingNextPage && pages > 0 && pages < PAGES_MAX) void fetchNextPage();
  }, [isComplete, isFetchingNextPage, pages, fetchNextPage]);
  return (
    <Loaded query={query as never}>
      {() => (
        <>
          {own.length > 0 && (
            <Panel title={<Trans>Phases</Trans>}>
              <Phases run={run} events={own} />
            </Panel>
          )}
          <Panel title={<Trans>Events</Trans>} padded={false}>
            {own.length === 0 && isComplete ? <Empty title={<Trans>There are no events of this run.</Trans>} /> : <Events run={run} events={own.slice(-SHOWN_MAX)} />}
            {own.length > SHOWN_MAX && (
              <p className={css.foot}>
                <Trans>The newest {SHOWN_MAX} events are shown.</Trans>
              </p>
            )}
            {!isComplete && (
              <div className={css.foot}>
                <Button small pending={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                  <Trans>Read more events</Trans>
                </Button>
              </div>
            )}
          </Panel>
        </>
      )}
    </Loaded>
  );
}

function Events({ run, events }: { run: Run; events: Event[] }) {
  const { t, i18n } = useLingui();
  const begin = Date.parse(run.created_at);
  return (
    <ol className={css.events} aria-label={t`Events of the run`}>
      {events.map((event) => {
        const isPhase = event.kind === "member.phase";
        const at = new Date(event.at);
        const after = (at.getTime() - begin) / 1000;
        return (
          <li key={event.seq} className={css.event} data-run={event.kind.startsWith("run.") || undefined}>
            <time dateTime={event.at} title={Number.isNaN(at.getTime()) ? event.at : exact(at, i18n.locale)}>
              +{duration(Math.max(0, after))}
            </time>
            <span className={css.actor}>{event.party ?? (event.kind.startsWith("run.") ? t`run` : t`task`)}</span>
            <span>
              {isPhase ? <MemberPhase message={event.message} /> : event.kind.startsWith("run.") ? <RunEvent event={event} /> : safeText(event.message)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** The message begins with the phase; a reason may follow in brackets. */
function MemberPhase({ message }: { message: string }) {
  const phase = phaseOf(message);
  const reason = message.slice(phase.length).trim();
  return (
    <>
      <PhaseBadge phase={phase} /> {safeText(reason.replace(/^\((?:[a-z_]+: )?(.*)\)$/s, "$1"))}
    </>
  );
}

function RunEvent({ event }: { event: Event }) {
  const phase = event.kind.slice("run.".length);
  return (
    <>
      {phase !== "settled" && phase !== "retry" && (
        <>
          <PhaseBadge phase={phase} />{" "}
        </>
      )}
      {safeText(event.message)}
    </>
  );
}
