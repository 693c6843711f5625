import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Schemas } from "../../api/client";
import { useProject } from "../../app/session";
import { safeText } from "../../ui/Copy";
import { Empty, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { RunState } from "../../ui/RunState";
import { Table, type Column } from "../../ui/Table";
import { activeRunsQuery } from "./data";
import css from "./parties.module.css";

/** Runs of the project in which the party has a member now. */
export function ActiveRuns({ party }: { party: string }) {
  const { t } = useLingui();
  const project = useProject();
  const query = useQuery(activeRunsQuery(party));
  const columns: Column<Schemas["ListedRun"]>[] = [
    {
      key: "task",
      title: <Trans>Task</Trans>,
      cell: (run) => (
        <>
          <Link to="/tasks/$task" params={{ task: run.task }} search={{ run: run.id } as never} className={css.link ?? ""}>
            {safeText(run.task_name)}
          </Link>
          <div className={css.remark}>
            <Plural value={run.number} one="run #" other="run #" />
          </div>
        </>
      ),
    },
    { key: "state", title: <Trans>Run</Trans>, cell: (run) => <RunState run={run} /> },
  ];
  return (
    <Panel
      title={<Trans>Active runs with this party</Trans>}
      actions={
        <Link to="/tasks" search={{ party } as never}>
          <Trans>All tasks with this party</Trans>
        </Link>
      }
      padded={false}
    >
      <Loaded query={query}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title={<Trans>No active run of the project {safeText(project ?? "")}</Trans>} />
          ) : (
            <>
              <Table label={t`Active runs`} columns={columns} rows={items} rowKey={(run) => run.id} />
              {next && (
                <p className={css.more}>
                  <Trans>The newest 50 are shown.</Trans>
                </p>
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}
