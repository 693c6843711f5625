import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { safeText } from "../../ui/Copy";
import { Panel } from "../../ui/Panel";
import { Problem } from "../../ui/Problem";
import { RunState } from "../../ui/RunState";
import { useTaskRows } from "../tasks/rows";
import css from "./overview.module.css";

const SHOWN = 6;
const RUNNING = { phase: "starting,running,stopping" };

/** The newest tasks that run now, and how far they are. */
export function Running() {
  const { query, rows } = useTaskRows(RUNNING, SHOWN);
  if (rows?.length === 0 && !query.error) return null;
  return (
    <Panel
      title={<Trans>Running now</Trans>}
      actions={
        <Link to="/tasks" search={RUNNING as never}>
          <Trans>All running tasks</Trans>
        </Link>
      }
      padded={false}
    >
      <Problem error={query.error} retry={() => void query.refetch()} />
      <ul className={css.items}>
        {rows?.map((task) => (
          <li key={task.id} className={css.running}>
            <div className={css.what}>
              <Link to="/tasks/$task" params={{ task: task.id }} className={css.subject ?? ""}>
                {safeText(task.name)}
              </Link>
            </div>
            <RunState run={task.run} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
