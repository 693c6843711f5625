import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, idempotencyKey } from "../../api/client";
import { keys } from "../../api/queries";
import { hasRole, useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm, Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Menu } from "../../ui/Menu";
import { isActive } from "../../ui/Phase";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import form from "../../ui/dialog.module.css";
import type { Task } from "./data";
import { StartDialog } from "./StartDialog";
import css from "./task.module.css";

type Open = "start" | "stop" | "clone" | "delete" | undefined;

/** What can be done with the task. */
export function Actions({ task }: { task: Task }) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState<Open>();
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<unknown>();
  const active = isActive(task.run?.phase);
  const mayChange = hasRole(me, "operator") || (hasRole(me, "submitter") && task.created_by === me.name);
  const roleReason = mayChange ? undefined : hasRole(me, "submitter") ? t`Only its creator and the role operator can change this task.` : t`This needs the role submitter in the project.`;
  const cloneReason = hasRole(me, "submitter") ? undefined : t`This needs the role submitter in the project.`;
  const activeReason = active ? t`A run of the task is active. Stop it first.` : undefined;
  const close = () => setOpen(undefined);

  const started = async (run: { number: number }) => {
    toast(<Trans>Run {run.number} has been started.</Trans>);
    await client.invalidateQueries({ queryKey: keys.task(task.id) });
    void navigate({ to: "/tasks/$task", params: { task: task.id }, search: true as never });
    void navigate({ to: ".", search: ((search: Record<string, unknown>) => ({ ...search, run: undefined, tab: undefined, party: undefined, cursor: undefined })) as never });
  };
  const start = async () => {
    setPending(true);
    setError(undefined);
    try {
      await started(await bodyOf(api.POST("/api/v2/tasks/{task}/start", { params: { path: { task: task.id }, header: { "Idempotency-Key": idempotencyKey() } } })));
    } catch (failure) {
      setError(failure);
    } finally {
      setPending(false);
    }
  };
  const stop = async () => {
    await api.POST("/api/v2/tasks/{task}/stop", { params: { path: { task: task.id } } });
    toast(<Trans>The run is being stopped.</Trans>);
    void client.invalidateQueries({ queryKey: keys.task(task.id) });
  };
  const remove = async () => {
    await api.DELETE("/api/v2/tasks/{task}", { params: { path: { task: task.id } } });
    toast(<Trans>{safeText(task.name)} has been deleted.</Trans>);
    void client.invalidateQueries({ queryKey: keys.taskLists });
    void navigate({ to: "/tasks" });
  };
  return (
    <>
      {active ? (
        <Button kind="danger" disabledReason={roleReason ?? (task.run?.phase === "stopping" ? t`The run is already stopping.` : undefined)} onClick={() => setOpen("stop")}>
          <Trans>Stop</Trans>
        </Button>
      ) : (
        <>
          <Button onClick={() => setOpen("start")} disabledReason={roleReason}>
            <Trans>Start with other values…</Trans>
          </Button>
          <Button kind="primary" pending={pending} disabledReason={roleReason} onClick={() => void start()}>
            {pending ? <Trans>Starting…</Trans> : <Trans>Start</Trans>}
          </Button>
        </>
      )}
      <Menu
        label={<Trans>More</Trans>}
        items={[
          { key: "edit", label: t`Edit`, disabledReason: roleReason ?? activeReason, run: () => void navigate({ to: "/tasks/$task/edit", params: { task: task.id } }) },
          { key: "clone", label: t`Clone…`, disabledReason: cloneReason, run: () => setOpen("clone") },
          { key: "delete", label: t`Delete…`, disabledReason: roleReason, run: () => setOpen("delete") },
        ]}
      />
      {error !== undefined && (
        <div className={css.wide}>
          <Problem error={error} />
        </div>
      )}
      {open === "start" && <StartDialog task={task} onClose={close} onStarted={started} />}
      {open === "clone" && <Clone task={task} onClose={close} />}
      <Confirm open={open === "stop"} onClose={close} title={<Trans>Stop run {task.run?.number}?</Trans>} action={<Trans>Stop the run</Trans>} run={stop}>
        <Trans>The workloads of all parties end. The run cannot go on afterwards; a start begins a new one.</Trans>
      </Confirm>
      <Confirm open={open === "delete"} onClose={close} title={<Trans>Delete this task?</Trans>} action={<Trans>Delete the task</Trans>} name={task.name} run={remove}>
        <Trans>The task, its runs, metrics and events are deleted, and its active run is stopped. This cannot be undone. Outputs stay at the parties.</Trans>
      </Confirm>
    </>
  );
}

function Clone({ task, onClose }: { task: Task; onClose: () => void }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState(`${task.name}-2`);
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<unknown>();
  const [key] = useState(idempotencyKey);
  const clone = async () => {
    setPending(true);
    setError(undefined);
    try {
      const made = await bodyOf(api.POST("/api/v2/tasks/{task}/clone", { params: { path: { task: task.id }, header: { "Idempotency-Key": `${key}-${encodeURIComponent(name).slice(0, 200)}` } }, body: { name } }));
      toast(<Trans>{safeText(made.name)} has been created.</Trans>);
      void client.invalidateQueries({ queryKey: keys.taskLists });
      onClose();
      void navigate({ to: "/tasks/$task", params: { task: made.id } });
    } catch (failure) {
      setError(failure);
      setPending(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={<Trans>Clone {safeText(task.name)}</Trans>}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!pending && name.trim() !== "") void clone();
        }}
      >
        <TextField label={t`Name of the new task`} help={t`Template, parties, parameters and rules are the same. It is not started.`} value={name} onChange={(event) => setName(event.target.value)} required autoComplete="off" />
        <Problem error={error} />
        <div className={form.actions}>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" type="submit" pending={pending} disabledReason={name.trim() === "" ? t`The task needs a name.` : undefined}>
            <Trans>Clone</Trans>
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
