import { Trans, useLingui } from "@lingui/react/macro";
import type { Schemas } from "../api/client";
import { safeText } from "./Copy";
import { Bar } from "./Panel";
import { isActive, PhaseBadge } from "./Phase";
import css from "./run-state.module.css";
import { duration, Elapsed, Time } from "./Time";

type Props = { run: Schemas["RunSummary"] | null | undefined };

/** Phase of a run, how far it is, and why it waits or has ended. For the row of a list. */
export function RunState({ run }: Props) {
  if (!run) return <PhaseBadge phase="new" />;
  const { phase, waiting, ending } = run;
  const failed = phase === "failed" || ending?.outcome === "failed";
  return (
    <div className={css.state}>
      <div className={css.line}>
        <PhaseBadge phase={phase} />
        <span className={css.aside}>
          <When run={run} />
        </span>
      </div>
      {phase === "running" && <Progress run={run} />}
      {waiting && isActive(phase) ? (
        <Cause text={waiting.message} tone={SLOW.has(waiting.code) ? "warn" : undefined} since={phase === "running" ? waiting.since : undefined} />
      ) : ending && phase !== "succeeded" ? (
        <Cause text={ending.message} tone={failed ? "bad" : undefined} />
      ) : null}
    </div>
  );
}

// Waits that last until somebody acts.
const SLOW = new Set<string>(["party_away", "party_disabled", "approval", "backoff"]);

function Cause({ text, tone, since }: { text: string; tone?: "warn" | "bad" | undefined; since?: string | undefined }) {
  const shown = safeText(text);
  return (
    <div className={css.cause} data-tone={tone} title={shown}>
      {shown}
      {since && (
        <>
          {" · "}
          <Elapsed at={since} />
        </>
      )}
    </div>
  );
}

function When({ run }: { run: Schemas["RunSummary"] }) {
  const { finished_at: finished, running_at: running, created_at: created, waiting, phase } = run;
  if (finished) {
    const seconds = (Date.parse(finished) - Date.parse(running ?? created)) / 1000;
    return (
      <>
        <Time at={finished} />
        {running && seconds >= 0 ? <> · {duration(seconds)}</> : null}
      </>
    );
  }
  if (waiting && isActive(phase) && phase !== "running")
    return (
      <Trans>
        for <Elapsed at={waiting.since} />
      </Trans>
    );
  return (
    <Trans>
      started <Time at={running ?? created} />
    </Trans>
  );
}

/** Bar of the epochs that every trainer has reached. */
export function Progress({ run }: { run: Schemas["RunSummary"] }) {
  const { t } = useLingui();
  const { epoch, epochs } = run.progress;
  const known = typeof epoch === "number" && typeof epochs === "number" && epochs > 0;
  return (
    <div className={css.progress}>
      <Bar value={known ? epoch / epochs : undefined} label={t`Epochs that every trainer has reached`} />
      <span className={css.count}>
        {known ? (
          <Trans>
            epoch {epoch} of {epochs}
          </Trans>
        ) : typeof epoch === "number" ? (
          <Trans>epoch {epoch}</Trans>
        ) : (
          <Trans>no epoch yet</Trans>
        )}
      </span>
    </div>
  );
}
