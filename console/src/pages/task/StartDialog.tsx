import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, bodyOf, fieldError, idempotencyKey, type Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Loaded, Problem } from "../../ui/Problem";
import { useDraft } from "../../ui/useDraft";
import form from "../../ui/dialog.module.css";
import type { Run, Task } from "./data";
import css from "./task.module.css";

type ParamSchema = Schemas["ParamSchema"];
type Props = { task: Task; onClose: () => void; onStarted: (run: Run) => Promise<void> };

/** Starts a run with values that replace those of the task in this run only. */
export function StartDialog({ task, onClose, onStarted }: Props) {
  const query = useQuery({
    queryKey: ["template", task.template, "revision", task.revision],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates/{template}/revisions/{revision}", { params: { path: { template: task.template, revision: task.revision } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Dialog open onClose={onClose} title={<Trans>Start {safeText(task.name)} with other values</Trans>}>
      <Loaded query={query}>{(revision) => <Form task={task} schemas={revision.parameters} onClose={onClose} onStarted={onStarted} />}</Loaded>
    </Dialog>
  );
}

function Form({ task, schemas, onClose, onStarted }: Props & { schemas: Record<string, ParamSchema> }) {
  const { t } = useLingui();
  const [draft, change, clear] = useDraft<{ epochs: string; parameters: Record<string, string> }>(`start ${task.id}`, { epochs: "", parameters: {} });
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<unknown>();
  const names = Object.keys(schemas).toSorted((a, b) => a.localeCompare(b));
  // An empty field keeps the value of the task.
  const parameters = Object.fromEntries(Object.entries(draft.parameters).filter(([name, value]) => value !== "" && name in schemas));
  const start = async () => {
    setPending(true);
    setError(undefined);
    try {
      const body = { epochs: draft.epochs === "" ? null : Number(draft.epochs), parameters };
      const run = await bodyOf(api.POST("/api/v2/tasks/{task}/start", { params: { path: { task: task.id }, header: { "Idempotency-Key": idempotencyKey() } }, body }));
      clear();
      onClose();
      await onStarted(run);
    } catch (failure) {
      setError(failure);
      setPending(false);
    }
  };
  const pointers = ["/epochs", ...names.map(pointerOf)];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!pending) void start();
      }}
    >
      <p className={css.sub}>
        <Trans>Empty fields keep the value of the task. The task itself does not change.</Trans>
      </p>
      <TextField label={t`Epochs`} inputMode="numeric" type="number" min={1} max={100_000} placeholder={String(task.epochs)} value={draft.epochs} onChange={(event) => change({ epochs: event.target.value })} error={fieldError(error, "/epochs")} />
      {names.map((name) => {
        const schema = schemas[name] as ParamSchema;
        const set = (value: string) => change({ parameters: { ...draft.parameters, [name]: value } });
        const former = task.parameters[name] ?? schema.default ?? "";
        const props = { label: safeText(name), help: helpOf(schema), value: draft.parameters[name] ?? "", error: fieldError(error, pointerOf(name)) };
        const values = schema.enum ?? (schema.type === "boolean" || (schema.type as string) === "bool" ? ["true", "false"] : undefined);
        return values ? (
          <SelectField key={name} {...props} onChange={(event) => set(event.target.value)}>
            <option value="">{former === "" ? "" : t`${safeText(former)} (as in the task)`}</option>
            {values.map((value) => (
              <option key={value} value={value}>
                {safeText(value)}
              </option>
            ))}
          </SelectField>
        ) : (
          <TextField key={name} {...props} placeholder={safeText(former)} autoComplete="off" onChange={(event) => set(event.target.value)} />
        );
      })}
      <Problem error={error} shown={pointers} />
      <div className={form.actions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={pending}>
          {pending ? <Trans>Starting…</Trans> : <Trans>Start</Trans>}
        </Button>
      </div>
    </form>
  );
}

/** JSON pointer of a parameter in the request. */
function pointerOf(name: string): string {
  return `/parameters/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function helpOf({ description, minimum, maximum }: ParamSchema): string {
  const range = minimum && maximum ? `${minimum} … ${maximum}` : minimum ? `≥ ${minimum}` : maximum ? `≤ ${maximum}` : "";
  return [description ? safeText(description) : "", range].filter(Boolean).join(" · ");
}
