import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { safeText } from "../../ui/Copy";
import { Badge, Bar, Guarded } from "../../ui/Panel";
import { isActive, PhaseBadge } from "../../ui/Phase";
import { duration, numeral, Time } from "../../ui/Time";
import { byMetric, metricOf } from "./curves";
import { estimatedEnd, type Member, type Run, type Task } from "./data";
import css from "./task.module.css";

/** The parties of the run side by side. */
export function Members({ task, run }: { task: Task; run: Run }) {
  const { t } = useLingui();
  return (
    <section aria-label={t`Parties`} className={css.members}>
      {run.members.map((member) => (
        <Guarded key={member.party}>
          <MemberCard task={task} run={run} member={member} />
        </Guarded>
      ))}
    </section>
  );
}

function MemberCard({ task, run, member }: { task: Task; run: Run; member: Member }) {
  const { t } = useLingui();
  const { progress, exit } = member;
  const epochs = progress?.epochs ?? run.inputs?.epochs;
  const isDone = member.phase === "succeeded" || member.complete;
  const isRunning = member.phase === "running";
  const done = isDone ? epochs : Math.max(0, (progress?.epoch ?? 0) - (isRunning ? 1 : 0));
  const end = isRunning ? estimatedEnd(run, { epoch: progress?.epoch, epochs }) : undefined;
  const dataset = run.inputs?.datasets[member.party] ?? task.members.find((each) => each.party === member.party)?.dataset;
  const hasRun = exit !== undefined || isRunning || member.phase === "starting";
  const isAwaited = isActive(run.phase) && run.waiting?.party === member.party;
  const tab = (name: string) => (search: Record<string, unknown>) => ({ ...search, tab: name, party: member.party }) as never;
  return (
    <article className={css.member} aria-label={member.party} data-tone={member.phase === "failed" || member.phase === "refused" ? "bad" : member.phase === "waiting_approval" || isAwaited ? "warn" : undefined}>
      <header className={css.memberHead}>
        <h2>
          <Link to="/parties/$party" params={{ party: member.party }}>
            {member.party}
          </Link>
        </h2>
        <PhaseBadge phase={member.phase} />
      </header>
      <p className={css.sub}>
        {member.role === "aggregator" ? <Trans>aggregator</Trans> : member.role === "trainer" ? <Trans>trainer</Trans> : safeText(member.role)}
        {dataset ? ` · ${safeText(dataset)}` : ""}
        {!member.required && (
          <>
            {" · "}
            <Trans>left out</Trans>
          </>
        )}
        {member.contact.state !== "connected" && (
          <>
            {" "}
            <Badge tone="bad">
              {member.contact.since ? (
                <Trans>
                  connection lost <Time at={member.contact.since} />
                </Trans>
              ) : (
                <Trans>has never connected</Trans>
              )}
            </Badge>
          </>
        )}
      </p>
      <div className={css.progress}>
        <Bar value={epochs ? (done ?? 0) / epochs : undefined} label={t`Progress of ${member.party}`} />
        <div className={css.progressText}>
          <span>
            <Trans>
              Epoch {progress?.epoch ?? 0} of {epochs ?? "–"}
            </Trans>
          </span>
          <span>
            {end !== undefined && (
              <Trans>
                ends <Time at={end} />
              </Trans>
            )}
            {exit && duration((Date.parse(exit.finished_at) - Date.parse(exit.started_at)) / 1000)}
          </span>
        </div>
      </div>
      {isAwaited && !member.reason && (
        <div className={css.why} data-tone="warn">
          <Trans>The run waits for this party.</Trans>
        </div>
      )}
      <Why member={member} isActive={isActive(run.phase)} />
      <Metrics values={progress?.metrics ?? {}} />
      <footer className={css.memberFoot}>
        {hasRun && (
          <>
            <Link to="." search={tab("log")}>
              <Trans>Log</Trans>
            </Link>
            <Link to="." search={tab("outputs")}>
              <Trans>Outputs</Trans>
            </Link>
          </>
        )}
      </footer>
    </article>
  );
}

/** ANSI colours in last lines, whose control characters are escaped. */
const COLOURS = /\\u\{1b\}\[[\d;]*m/g;

/** Why the member waits or has failed, with the last lines of a failed workload. */
function Why({ member, isActive: active }: { member: Member; isActive: boolean }) {
  const { t } = useLingui();
  const { exit, reason } = member;
  const isExpected = !active && (member.phase === "stopped" || member.phase === "succeeded");
  const lines = exit?.last_lines ?? [];
  const isFailed = member.phase === "failed";
  return (
    <>
      {reason && (
        <div className={css.why} data-tone={isFailed || member.phase === "refused" ? "bad" : isExpected ? undefined : "warn"}>
          {safeText(reason.message)}
          {member.phase === "waiting_approval" && (
            <div className={css.sub}>
              <Trans>An administrator of {member.party} approves it with “flow-federate approve”.</Trans>
            </div>
          )}
        </div>
      )}
      {isFailed && exit && !reason && (
        <div className={css.why} data-tone="bad">
          {exit.reason ? safeText(exit.reason.message) : typeof exit.code === "number" ? <Trans>exit status {exit.code}</Trans> : typeof exit.signal === "number" ? <Trans>ended by signal {exit.signal}</Trans> : null}
        </div>
      )}
      {lines.length > 0 && (
        // A region that scrolls must be reachable by keyboard.
        // oxlint-disable-next-line no-noninteractive-tabindex
        <div className={css.lastLines} tabIndex={0} role="region" aria-label={t`Last lines of ${member.party}`}>
          <pre>{lines.map((line) => safeText(line.replaceAll(COLOURS, ""))).join("\n")}</pre>
        </div>
      )}
    </>
  );
}

/** Newest values: those of the shared model and those of the party. */
function Metrics({ values }: { values: Record<string, number | null> }) {
  const { t } = useLingui();
  const rows = new Map<string, { shared?: number | null; own?: number | null }>();
  for (const [name, value] of Object.entries(values)) {
    const { metric, isShared } = metricOf(name);
    rows.set(metric, { ...rows.get(metric), [isShared ? "shared" : "own"]: value });
  }
  if (rows.size === 0) return null;
  const shown = [...rows].toSorted(([a], [b]) => byMetric(a, b)).slice(0, 6);
  const hasShared = shown.some(([, { shared }]) => shared !== undefined);
  return (
    <table className={css.metrics} aria-label={t`Newest values`}>
      <thead>
        <tr>
          <td />
          <th scope="col">
            <Trans>here</Trans>
          </th>
          {hasShared && (
            <th scope="col">
              <Trans>shared model</Trans>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {shown.map(([metric, { own, shared }]) => (
          <tr key={metric}>
            <th scope="row" title={safeText(metric)}>
              {safeText(metric)}
            </th>
            <td>{numeral(own)}</td>
            {hasShared && <td>{numeral(shared)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
