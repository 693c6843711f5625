import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { TextField } from "../../ui/Field";
import { Bar } from "../../ui/Panel";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import css from "./tasks.module.css";

export type BulkTarget = { tasks: { id: string; name: string }[] } | { filter: Schemas["TaskSelector"] };

type Props = { action: "stop" | "delete"; target: BulkTarget; onClose: (hasActed: boolean) => void };

/** Tasks of one request. */
const CHUNK = 100;
/** Names and failures that the dialog lists. */
const LISTED = 50;

type State = { step: "ask" | "working" | "done"; done: number; failed: Schemas["BulkTask"][]; error?: unknown };

/** Asks, sends the requests one after the other, and shows the result of each task that failed. */
export function BulkDialog({ action, target, onClose }: Props) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [state, setState] = useState<State>({ step: "ask", done: 0, failed: [] });
  const [typed, setTyped] = useState("");
  const cancelled = useRef(false);
  const tasks = "tasks" in target ? target.tasks : undefined;
  const total = tasks?.length;
  const names = new Map(tasks?.map(({ id, name }) => [id, name]));
  const phrase = action === "stop" ? undefined : total === 1 ? (tasks?.[0]?.name ?? "") : total === undefined ? t`delete all` : t`delete ${total} tasks`;
  const isMissing = phrase !== undefined && typed.trim() !== phrase.trim();

  const run = async () => {
    let done = 0;
    const failed: Schemas["BulkTask"][] = [];
    let error: unknown;
    setState({ step: "working", done, failed });
    try {
      for await (const result of results(action, target)) {
        done += result.tasks.length;
        failed.push(...result.tasks.filter((task) => task.error));
        setState({ step: "working", done, failed: [...failed] });
        if (cancelled.current) break;
      }
    } catch (failure) {
      error = failure;
    }
    void client.invalidateQueries({ queryKey: keys.taskLists });
    if (error === undefined && failed.length === 0) {
      toast(action === "stop" ? <Plural value={done} one="# task stops" other="# tasks stop" /> : <Plural value={done} one="# task was deleted" other="# tasks were deleted" />);
      onClose(true);
    } else setState({ step: "done", done, failed, error });
  };

  const ok = state.done - state.failed.length;
  return (
    <Dialog
      open
      onClose={() => state.step !== "working" && onClose(state.step === "done")}
      title={
        state.step === "done" ? (
          state.error === undefined ? <Trans>Some tasks did not change</Trans> : <Trans>The action did not end</Trans>
        ) : total === undefined ? (
          action === "stop" ? <Trans>Stop all tasks that match the filters?</Trans> : <Trans>Delete all tasks that match the filters?</Trans>
        ) : action === "stop" ? (
          <Plural value={total} one="Stop # task?" other="Stop # tasks?" />
        ) : (
          <Plural value={total} one="Delete # task?" other="Delete # tasks?" />
        )
      }
    >
      {state.step === "ask" ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!isMissing) void run();
          }}
        >
          <p>
            {action === "stop" ? (
              <Trans>The active run of each task is cancelled. A task without an active run is reported as failed and does not change.</Trans>
            ) : (
              <Trans>The tasks and the records of their runs are deleted; active runs stop. This cannot be undone.</Trans>
            )}
          </p>
          {tasks && (
            // A region that scrolls must be reachable by keyboard.
            // oxlint-disable-next-line no-noninteractive-tabindex
            <ul className={css.tasks} tabIndex={0} aria-label={t`Selected tasks`}>
              {tasks.slice(0, LISTED).map(({ id, name }) => (
                <li key={id}>{safeText(name)}</li>
              ))}
            </ul>
          )}
          {phrase !== undefined && <TextField label={<Trans>Type “{safeText(phrase)}” to confirm</Trans>} value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />}
          <div className={dialog.actions}>
            <Button onClick={() => onClose(false)}>
              <Trans>Cancel</Trans>
            </Button>
            <Button kind="danger" type="submit" disabledReason={isMissing ? t`The typed text differs.` : undefined}>
              {action === "stop" ? <Trans>Stop</Trans> : <Trans>Delete</Trans>}
            </Button>
          </div>
        </form>
      ) : (
        <>
          <div className={css.result} role="status">
            {state.step === "working" && <Bar value={total ? state.done / total : undefined} label={t`Tasks done`} />}
            <span>
              {action === "stop" ? <Plural value={ok} one="# task stops" other="# tasks stop" /> : <Plural value={ok} one="# task was deleted" other="# tasks were deleted" />}
              {state.failed.length > 0 && (
                <>
                  , <Plural value={state.failed.length} one="# did not change" other="# did not change" />
                </>
              )}
            </span>
          </div>
          <Problem error={state.error} />
          {state.failed.length > 0 && (
            // oxlint-disable-next-line no-noninteractive-tabindex
            <ul className={css.failures} tabIndex={0} aria-label={t`Tasks that did not change`}>
              {state.failed.slice(0, LISTED).map((task) => (
                <li key={task.id}>
                  <strong>{safeText(task.name ?? names.get(task.id) ?? task.id)}</strong>
                  <div>{safeText(task.error?.message ?? "")}</div>
                </li>
              ))}
              {state.failed.length > LISTED && (
                <li>
                  <Plural value={state.failed.length - LISTED} one="and # more" other="and # more" />
                </li>
              )}
            </ul>
          )}
          <div className={dialog.actions}>
            {state.step === "working" ? (
              <Button onClick={() => (cancelled.current = true)}>
                <Trans>Stop after this request</Trans>
              </Button>
            ) : (
              <Button onClick={() => onClose(true)}>
                <Trans>Close</Trans>
              </Button>
            )}
          </div>
        </>
      )}
    </Dialog>
  );
}

/** Sends the requests of a bulk action, each after the result of the one before. */
async function* results(action: "stop" | "delete", target: BulkTarget): AsyncGenerator<Schemas["BulkResult"]> {
  const send = (body: Schemas["BulkRequest"]) =>
    action === "stop" ? bodyOf(api.POST("/api/v2/bulk/tasks/stop", { body })) : bodyOf(api.POST("/api/v2/bulk/tasks/delete", { body }));
  if ("tasks" in target) {
    const ids = target.tasks.map(({ id }) => id);
    for (let at = 0; at < ids.length; at += CHUNK) yield await send({ tasks: ids.slice(at, at + CHUNK) } as Schemas["BulkRequest"]);
    return;
  }
  let cursor: string | undefined;
  do {
    const result = await send({ filter: target.filter, ...(cursor === undefined ? {} : { cursor }) } as Schemas["BulkRequest"]);
    yield result;
    cursor = result.next ?? undefined;
  } while (cursor !== undefined);
}
