import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { hasRole, useMe } from "../../app/session";
import { buttonClass } from "../../ui/Button";
import { Empty, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { usePageTitle } from "../../ui/usePageTitle";
import { Attention } from "./Attention";
import { Counts } from "./Counts";
import { HOURS, hoursOf, overviewQuery, type Overview as Data } from "./data";
import css from "./overview.module.css";
import { Running } from "./Running";
import { QueueTime, Throughput } from "./Trends";

export default function Overview() {
  const { t } = useLingui();
  usePageTitle(t`Overview`);
  const me = useMe();
  const search = useSearch({ strict: false }) as { hours?: string; project?: string };
  const hours = hoursOf(search.hours);
  const query = useQuery(overviewQuery(hours));
  const project = search.project ?? me.project;
  return (
    <Page
      title={<Trans>Overview</Trans>}
      intro={<Trans>Project {project}</Trans>}
      actions={<Period hours={hours} />}
    >
      <Loaded query={query}>{(data) => (isNew(data) ? <Welcome data={data} /> : <Content data={data} />)}</Loaded>
    </Page>
  );
}

function Content({ data }: { data: Data }) {
  return (
    <>
      <Attention {...data.attention} />
      <Counts counts={data.counts} />
      <Running />
      <div className={css.trends}>
        <Throughput buckets={data.buckets} />
        <QueueTime buckets={data.buckets} />
      </div>
    </>
  );
}

function isNew({ counts }: Data): boolean {
  return Object.values(counts).every((count) => !count);
}

/** The first steps in a project without tasks. */
function Welcome({ data }: { data: Data }) {
  const me = useMe();
  return (
    <>
      {data.attention.parties_away.length > 0 && <Attention {...data.attention} />}
      <Panel>
        <Empty title={<Trans>This project has no tasks yet</Trans>}>
          <p>
            <Trans>A template describes a kind of training. A task names a template, the parties that take part and its parameters.</Trans>
          </p>
          <div className={css.steps}>
            {hasRole(me, "submitter") && (
              <Link to="/tasks/new" className={buttonClass({ kind: "primary" })}>
                <Trans>Create a task</Trans>
              </Link>
            )}
            <Link to="/templates" className={buttonClass({})}>
              <Trans>See the templates</Trans>
            </Link>
            <Link to="/parties" className={buttonClass({})}>
              <Trans>See the parties</Trans>
            </Link>
          </div>
        </Empty>
      </Panel>
    </>
  );
}

function Period({ hours }: { hours: number }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const names: Record<number, string> = { 1: t`Last hour`, 24: t`Last 24 hours`, 168: t`Last 7 days`, 720: t`Last 30 days` };
  const offered: number[] = (HOURS as readonly number[]).includes(hours) ? [...HOURS] : [...HOURS, hours].toSorted((a, b) => a - b);
  return (
    <select
      className={css.period}
      aria-label={t`Period`}
      value={hours}
      onChange={(event) => {
        const next = event.target.value;
        void navigate({ to: ".", search: ((former: Record<string, unknown>) => ({ ...former, hours: next === "24" ? undefined : next })) as never, replace: true });
      }}
    >
      {offered.map((each) => (
        <option key={each} value={each}>
          {names[each] ?? t`Last ${each} hours`}
        </option>
      ))}
    </select>
  );
}
