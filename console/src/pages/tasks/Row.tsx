import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { memo, useState } from "react";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { isActive } from "../../ui/Phase";
import { RunState } from "../../ui/RunState";
import { Time } from "../../ui/Time";
import type { TaskRow } from "./rows";
import css from "./tasks.module.css";

type Props = {
  task: TaskRow;
  template: string | undefined;
  isSelected: boolean;
  date: "created" | "modified";
  disabledReason: string | undefined;
  toggle: (id: string, isRange: boolean) => void;
  addLabel: (label: string) => void;
  stop: (task: TaskRow) => void;
  /** Settles when the hub has answered; the table shows an error. */
  start: (task: TaskRow) => Promise<void>;
};

const PARTIES_SHOWN = 3;
const LABELS_SHOWN = 4;

export const Row = memo(function Row({ task, template, isSelected, date, disabledReason, toggle, addLabel, stop, start }: Props) {
  const { t } = useLingui();
  const name = safeText(task.name);
  const labels = Object.entries(task.labels ?? {}).map(([label, value]) => `${label}=${value}`);
  const parties = [...new Set(task.members.map(({ party }) => party))];
  return (
    <tr role="row" data-selected={isSelected || undefined}>
      <td role="cell" className={css.check}>
        <input type="checkbox" aria-label={t`Select ${name}`} checked={isSelected} onChange={(event) => toggle(task.id, (event.nativeEvent as MouseEvent).shiftKey)} />
      </td>
      <td role="cell" className={css.task}>
        <Link to="/tasks/$task" params={{ task: task.id }} className={css.link ?? ""}>
          {name}
        </Link>
        <div className={css.below}>
          <span>{safeText(template ?? task.template.slice(0, 8))}</span>
          {task.runs > 1 && <Plural value={task.runs} one="# run" other="# runs" />}
          {labels.slice(0, LABELS_SHOWN).map((label) => (
            <button key={label} type="button" className={css.tag} title={t`Show tasks with the label ${label}`} onClick={() => addLabel(label)}>
              {safeText(label)}
            </button>
          ))}
          {labels.length > LABELS_SHOWN && <span title={labels.slice(LABELS_SHOWN).map(safeText).join("\n")}>+{labels.length - LABELS_SHOWN}</span>}
        </div>
      </td>
      <td role="cell" className={css.run}>
        <RunState run={task.run} />
      </td>
      <td role="cell" className={css.parties} title={parties.map(safeText).join(", ")}>
        <div className={css.names}>
          {parties.slice(0, PARTIES_SHOWN).map((party) => (
            <span key={party}>{safeText(party)}</span>
          ))}
          {parties.length > PARTIES_SHOWN && <span>+{parties.length - PARTIES_SHOWN}</span>}
        </div>
      </td>
      <td role="cell" className={css.date}>
        <Time at={date === "modified" ? task.modified_at : task.created_at} />
        {task.created_by && <div className={css.by}>{safeText(task.created_by)}</div>}
      </td>
      <td role="cell" className={css.action}>
        {isActive(task.run?.phase) ? (
          <Button small kind="quiet" disabledReason={task.run?.phase === "stopping" ? t`The run is stopping.` : disabledReason} aria-label={t`Stop ${name}`} onClick={() => stop(task)}>
            <Trans>Stop</Trans>
          </Button>
        ) : (
          <Start task={task} disabledReason={disabledReason} start={start} />
        )}
      </td>
    </tr>
  );
});

/** Starts the task with its own parameters. */
function Start({ task, disabledReason, start }: Pick<Props, "task" | "disabledReason" | "start">) {
  const { t } = useLingui();
  const [pending, setPending] = useState(false);
  const name = safeText(task.name);
  return (
    <Button
      small
      kind="quiet"
      pending={pending}
      disabledReason={disabledReason}
      aria-label={t`Start ${name}`}
      onClick={() => {
        setPending(true);
        void start(task).finally(() => setPending(false));
      }}
    >
      <Trans>Start</Trans>
    </Button>
  );
}
