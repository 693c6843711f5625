import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { safeText } from "../../ui/Copy";
import { Bar, Note } from "../../ui/Panel";
import { isActive, PhaseBadge } from "../../ui/Phase";
import { duration, Time } from "../../ui/Time";
import { estimatedEnd, type Run, type Task } from "./data";
import { OlderRun } from "./Task";
import css from "./task.module.css";

/** State of the chosen run: how far, since when, and why it waits or has ended. */
export function RunHead({ task, run }: { task: Task; run: Run }) {
  const { t } = useLingui();
  const { epoch, epochs } = run.progress;
  const end = estimatedEnd(run, run.progress);
  const seconds = run.finished_at ? (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000 : undefined;
  return (
    <div className={css.runHead}>
      <OlderRun task={task} run={run} />
      <dl className={css.figures}>
        <Figure label={t`Run`}>
          {run.number} {run.number !== task.run?.number && <PhaseBadge phase={run.phase} />}
        </Figure>
        <Figure label={t`Epoch`}>
          {epoch ?? 0} / {epochs ?? run.inputs?.epochs ?? "–"}
        </Figure>
        <Figure label={t`Started`}>
          <Time at={run.created_at} />
          {run.started_by ? <span className={css.by}> {safeText(run.started_by)}</span> : null}
        </Figure>
        {seconds !== undefined && <Figure label={t`Duration`}>{duration(seconds)}</Figure>}
        {end !== undefined && (
          <Figure label={t`Estimated end`}>
            <Time at={end} />
          </Figure>
        )}
        {run.attempt > 1 && <Figure label={t`Attempt`}>{run.attempt}</Figure>}
        {isActive(run.phase) && run.retries_left > 0 && <Figure label={t`Retries left`}>{run.retries_left}</Figure>}
      </dl>
      {isActive(run.phase) && <Bar value={epochs ? Math.max(0, (epoch ?? 0) - (run.phase === "running" ? 1 : 0)) / epochs : undefined} label={t`Progress of the run`} />}
      {run.waiting && (
        <Note tone="warn">
          <strong>
            <Trans>Waiting</Trans>
          </strong>
          <span className={css.long}>{safeText(run.waiting.message)}</span>
          <span className={css.sub}>
            <Trans>
              began <Time at={run.waiting.since} />
            </Trans>
            {run.waiting.until && (
              <>
                {" · "}
                {run.waiting.code === "backoff" || run.waiting.code === "reservation" ? (
                  <Trans>
                    next try <Time at={run.waiting.until} />
                  </Trans>
                ) : (
                  <Trans>
                    gives up <Time at={run.waiting.until} />
                  </Trans>
                )}
              </>
            )}
          </span>
        </Note>
      )}
      {run.ending && run.ending.code !== "completed" && (
        <Note tone={run.ending.outcome === "failed" ? "bad" : "info"}>
          <strong className={css.long}>{safeText(run.ending.message)}</strong>
          {run.ending.reason && !run.ending.message.includes(run.ending.reason.message) && (
            <span>
              {run.ending.party ? `${run.ending.party}: ` : ""}
              {safeText(run.ending.reason.message)}
            </span>
          )}
          <span className={css.sub}>
            <Time at={run.ending.at} />
          </span>
        </Note>
      )}
    </div>
  );
}

function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
