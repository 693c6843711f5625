import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { keys, listRuns, listTasks } from "../../api/queries";
import type { Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { TextField } from "../../ui/Field";
import { Empty } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { duration, Time } from "../../ui/Time";
import css from "./compare.module.css";

type ListedRun = Schemas["ListedRun"];

/** Time without a key stroke after which the search begins, in milliseconds. */
const TYPING_MS = 250;

/** Finds runs: the newest of all tasks, of a task by its name, or by the beginning of an id. */
export function RunPicker({ chosen, onAdd }: { chosen: string[]; onAdd: (id: string) => void }) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const [task, setTask] = useState<{ id: string; name: string } | undefined>();
  const wanted = useSettled(text.trim());
  const isId = /^[0-9a-f]{8,32}$/.test(wanted);
  const runs = useQuery({
    queryKey: [...keys.runLists, "picker", task?.id, isId ? wanted : ""],
    queryFn: ({ signal }) => listRuns({ limit: 20, ...(task ? { task: task.id } : isId ? { id: wanted } : {}) }, signal),
    enabled: task !== undefined || wanted === "" || isId,
    placeholderData: keepPreviousData,
  });
  const tasks = useQuery({
    queryKey: [...keys.taskLists, "picker", wanted],
    queryFn: ({ signal }) => listTasks({ name: wanted, limit: 20 }, signal),
    enabled: task === undefined && wanted !== "" && !isId,
    placeholderData: keepPreviousData,
  });
  const isTasks = task === undefined && wanted !== "" && !isId;
  return (
    <div className={css.picker}>
      <TextField
        label={t`Name of a task, or id of a run`}
        placeholder={t`Empty: the newest runs`}
        value={text}
        autoComplete="off"
        type="search"
        onChange={(event) => {
          setText(event.target.value);
          setTask(undefined);
        }}
      />
      {task && (
        <div className={css.of}>
          <span>
            <Trans>Runs of {safeText(task.name)}</Trans>
          </span>
          <Button small onClick={() => setTask(undefined)}>
            <Trans>Back</Trans>
          </Button>
        </div>
      )}
      {isTasks ? (
        <Loaded query={tasks}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title={<Trans>No task has this name.</Trans>} />
            ) : (
              <ul className={css.found}>
                {items.map((each) => (
                  <li key={each.id}>
                    <span className={css.foundName}>{safeText(each.name)}</span>
                    <span className={css.sub}>
                      <Plural value={each.runs} one="# run" other="# runs" />
                    </span>
                    {each.run && <PhaseBadge phase={each.run.phase} />}
                    <Button small disabledReason={each.runs === 0 ? t`The task has not been started.` : undefined} onClick={() => setTask({ id: each.id, name: each.name })} aria-label={t`Show the runs of ${safeText(each.name)}`}>
                      <Trans>Runs</Trans>
                    </Button>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      ) : (
        <Loaded query={runs}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title={isId ? <Trans>No run has an id that begins so.</Trans> : <Trans>There are no runs yet.</Trans>}>{!isId && <Trans>Start a task; each start is a run that can be compared.</Trans>}</Empty>
            ) : (
              <ul className={css.found}>
                {items.map((run) => (
                  <Found key={run.id} run={run} isChosen={chosen.includes(run.id)} onAdd={onAdd} />
                ))}
              </ul>
            )
          }
        </Loaded>
      )}
    </div>
  );
}

function Found({ run, isChosen, onAdd }: { run: ListedRun; isChosen: boolean; onAdd: (id: string) => void }) {
  const { t } = useLingui();
  return (
    <li>
      <span className={css.foundName}>
        {safeText(run.task_name)} <span className={css.sub}>{t`run ${run.number}`}</span>
      </span>
      <PhaseBadge phase={run.phase} />
      <span className={css.sub}>
        <Time at={run.created_at} />
        {typeof run.duration_s === "number" ? ` · ${duration(run.duration_s)}` : ""}
      </span>
      <Button small disabledReason={isChosen ? t`This run is already chosen.` : undefined} onClick={() => onAdd(run.id)} aria-label={t`Choose run ${run.number} of ${safeText(run.task_name)}`}>
        {isChosen ? <Trans>Chosen</Trans> : <Trans>Choose</Trans>}
      </Button>
    </li>
  );
}

/** The value after it has not changed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
