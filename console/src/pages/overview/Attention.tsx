import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { safeText } from "../../ui/Copy";
import { Badge, Panel, type Tone } from "../../ui/Panel";
import { Elapsed, Time } from "../../ui/Time";
import { ACTIVE, textOf } from "../tasks/filters";
import type { Overview } from "./data";
import css from "./overview.module.css";


/** What somebody has to act on: parties, certificates, runs that failed or wait. */
export function Attention({ failed, waiting, parties_away: parties, certificates = [] }: Overview["attention"]) {
  const { t } = useLingui();
  const isCalm = failed.length + waiting.length + parties.length + certificates.length === 0;
  if (isCalm)
    return (
      <div className={css.calm}>
        <Badge tone="good">{t`all well`}</Badge>
        <Trans>No run failed or waits, and every party is connected.</Trans>
      </div>
    );
  return (
    <Panel
      title={<Trans>Needs attention</Trans>}
      actions={
        <div className={css.more}>
          {failed.length > 0 && (
            <Link to="/tasks" search={{ phase: "failed" } as never}>
              <Trans>All failed tasks</Trans>
            </Link>
          )}
          {waiting.length > 0 && (
            <Link to="/tasks" search={{ phase: textOf(ACTIVE.filter((phase) => phase !== "running" && phase !== "stopping")) } as never}>
              <Trans>All waiting tasks</Trans>
            </Link>
          )}
        </div>
      }
      padded={false}
    >
      <ul className={css.items}>
        {parties.map(({ name, since: from }) => (
          <Item key={`party ${name}`} tone="bad" kind={t`party away`} when={from ? <Since at={from} /> : t`never connected`}>
            <Link to="/parties/$party" params={{ party: name }} className={css.subject ?? ""}>
              {safeText(name)}
            </Link>
            <p>
              <Trans>Runs with this party wait until its agent connects.</Trans>
            </p>
          </Item>
        ))}
        {certificates.map(({ name, not_after: end }) => (
          <Item key={`certificate ${name}`} tone={Date.parse(end) < Date.now() ? "bad" : "warn"} kind={t`certificate`} when={<Time at={end} />}>
            <Link to="/system" className={css.subject ?? ""}>
              <Trans>Certificate of {safeText(name)}</Trans>
            </Link>
            <p>{Date.parse(end) < Date.now() ? <Trans>The certificate has expired. Replace it.</Trans> : <Trans>The certificate expires soon. Replace it before its end.</Trans>}</p>
          </Item>
        ))}
        {waiting.map((run) => (
          <RunItem key={run.id} run={run} tone="warn" kind={t`waiting`} when={run.waiting ? <Since at={run.waiting.since} /> : null}>
            <p>
              {safeText(run.waiting?.message ?? "")}
              {run.waiting?.until && (
                <span className={css.until}>
                  {" · "}
                  {run.waiting.code === "backoff" ? (
                    <Trans>
                      Next try <Time at={run.waiting.until} />
                    </Trans>
                  ) : (
                    <Trans>
                      Deadline <Time at={run.waiting.until} />
                    </Trans>
                  )}
                </span>
              )}
            </p>
          </RunItem>
        ))}
        {failed.map((run) => (
          <RunItem key={run.id} run={run} tone="bad" kind={t`failed`} when={<Time at={run.finished_at ?? run.ending?.at} />}>
            <p>{safeText(run.ending?.message ?? "")}</p>
          </RunItem>
        ))}
      </ul>
    </Panel>
  );
}

type ItemProps = { tone: Tone; kind: string; when: ReactNode; children: ReactNode };

function Item({ tone, kind, when, children }: ItemProps) {
  return (
    <li className={css.item}>
      <span className={css.kind}>
        <Badge tone={tone}>{kind}</Badge>
      </span>
      <div className={css.what}>{children}</div>
      <span className={css.when}>{when}</span>
    </li>
  );
}

function RunItem({ run, children, ...rest }: ItemProps & { run: Schemas["ListedRun"] }) {
  return (
    <Item {...rest}>
      <Link to="/tasks/$task" params={{ task: run.task }} search={{ run: run.id } as never} className={css.subject ?? ""}>
        {safeText(run.task_name)}
      </Link>{" "}
      {run.number > 1 && (
        <span className={css.number}>
          <Plural value={run.number} one="run #" other="run #" />
        </span>
      )}
      {children}
    </Item>
  );
}

function Since({ at }: { at: string }) {
  return (
    <Trans>
      for <Elapsed at={at} />
    </Trans>
  );
}
