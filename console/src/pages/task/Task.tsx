import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { ApiError } from "../../api/client";
import { runQuery, taskQuery } from "../../api/queries";
import type { Search } from "../../app/search";
import { buttonClass } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Note, Page, Panel } from "../../ui/Panel";
import { isActive, PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { Tabs } from "../../ui/Tabs";
import { usePageTitle } from "../../ui/usePageTitle";
import { Actions } from "./Actions";
import { Curves } from "./Curves";
import { useRunLive, type Run, type Task as TaskData } from "./data";
import { Inputs } from "./Inputs";
import { MemberLog } from "./MemberLog";
import { Members } from "./Members";
import { Outputs } from "./Outputs";
import { RunHead } from "./RunHead";
import { Runs } from "./Runs";
import css from "./task.module.css";
import { Timeline } from "./Timeline";

const TABS = ["run", "log", "timeline", "outputs", "inputs", "runs"] as const;
type Tab = (typeof TABS)[number];

/** A task: what its newest or another run does at each party, its curves, logs, outputs and past runs. */
export default function Task() {
  const { t } = useLingui();
  const { task: reference } = useParams({ strict: false }) as { task: string };
  const search = useSearch({ strict: false }) as Search;
  const query = useQuery(taskQuery(reference));
  const task = query.data;
  const client = useQueryClient();
  const navigate = useNavigate();
  // Events name tasks by id, so the page does too.
  const id = task?.id;
  useEffect(() => {
    if (!task || task.id === reference) return;
    client.setQueryData(taskQuery(task.id).queryKey, task);
    void navigate({ to: "/tasks/$task", params: { task: task.id }, search: true as never, replace: true });
  }, [task, reference, client, navigate]);

  const number = search.run ?? (task?.run ? String(task.run.number) : undefined);
  const run = useQuery({ ...runQuery(reference, number ?? ""), enabled: number !== undefined && (id === undefined || id === reference) });
  useRunLive(reference, run.data);
  usePageTitle(task ? safeText(task.name) : t`Task`);
  const tab = TABS.find((each) => each === search.tab) ?? "run";

  return (
    <Page
      title={task ? <Title task={task} /> : t`Task`}
      intro={task?.remark ? <span className={css.remark}>{safeText(task.remark)}</span> : undefined}
      actions={task && <Actions task={task} />}
    >
      <Loaded query={query}>
        {(data) => (
          <>
            {number === undefined ? null : <Loaded query={run}>{(of) => <RunHead task={data} run={of} />}</Loaded>}
            {isMissing(run.error) && (
              <Link to="." search={(former: Record<string, unknown>) => ({ ...former, run: undefined }) as never}>
                <Trans>Show the newest run</Trans>
              </Link>
            )}
            <TaskTabs task={data} tab={tab} />
            {tab === "runs" ? <Runs task={data} current={run.data?.number} /> : number === undefined ? <NeverStarted task={data} tab={tab} /> : run.data && <RunTab task={data} run={run.data} tab={tab} party={search.party} />}
          </>
        )}
      </Loaded>
      {isMissing(query.error) && (
        <Link to="/tasks">
          <Trans>Show all tasks</Trans>
        </Link>
      )}
    </Page>
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function Title({ task }: { task: TaskData }) {
  return (
    <span className={css.title}>
      {safeText(task.name)} <PhaseBadge phase={task.run?.phase ?? "new"} />
    </span>
  );
}

function TaskTabs({ task, tab }: { task: TaskData; tab: Tab }) {
  const { t } = useLingui();
  const titles: Record<Tab, React.ReactNode> = { run: t`Progress`, log: t`Logs`, timeline: t`Timeline`, outputs: t`Outputs`, inputs: t`Inputs`, runs: <Trans>Runs ({task.runs})</Trans> };
  return <Tabs label={t`Views of the task`} current={tab} tabs={TABS.map((key) => ({ key, title: titles[key] }))} />;
}

function RunTab({ task, run, tab, party }: { task: TaskData; run: Run; tab: Tab; party: string | undefined }) {
  if (tab === "log") return <MemberLog task={task} run={run} party={party} />;
  if (tab === "timeline") return <Timeline task={task} run={run} />;
  if (tab === "outputs") return <Outputs task={task} run={run} party={party} />;
  if (tab === "inputs") return <Inputs task={task} run={run} />;
  return (
    <>
      <Members task={task} run={run} />
      <Curves task={task} run={run} />
    </>
  );
}

function NeverStarted({ task, tab }: { task: TaskData; tab: Tab }) {
  if (tab === "inputs") return <Inputs task={task} run={undefined} />;
  return (
    <Panel padded={false}>
      <Empty title={<Trans>This task has not been started.</Trans>}>
        <span>
          <Trans>Start it to see its parties, curves and logs here.</Trans>
        </span>
        <Link to="." search={(former: Record<string, unknown>) => ({ ...former, tab: "inputs" }) as never} className={buttonClass({ small: true })}>
          <Trans>Look at its inputs</Trans>
        </Link>
      </Empty>
    </Panel>
  );
}

/** The run that is shown is not the newest one. */
export function OlderRun({ task, run }: { task: TaskData; run: Run }) {
  const newest = task.run?.number;
  if (newest === undefined || newest === run.number) return null;
  return (
    <Note tone={isActive(task.run?.phase) ? "warn" : "info"}>
      <span>
        <Trans>This is run {run.number}; the newest is run {newest}.</Trans>{" "}
        <Link to="." search={(search: Record<string, unknown>) => ({ ...search, run: undefined }) as never}>
          <Trans>Show the newest run</Trans>
        </Link>
      </span>
    </Note>
  );
}
