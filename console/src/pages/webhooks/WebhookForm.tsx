import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { fieldError, type Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import dialog from "../../ui/dialog.module.css";
import { CheckField, SelectField, TextArea, TextField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { useDraft } from "../../ui/useDraft";
import { GROUPS, labelsOf, labelText, unknownKinds, type EventKind } from "./events";
import css from "./webhooks.module.css";

type Props<T> = {
  webhook?: Schemas["Webhook"];
  action: React.ReactNode;
  save: (input: Schemas["WebhookInput"]) => Promise<T>;
  onSaved: (saved: T) => void;
  onCancel: () => void;
};

/** Content of a new or an existing webhook. */
export function WebhookForm<T>({ webhook, action, save, onSaved, onCancel }: Props<T>) {
  const { t } = useLingui();
  const [draft, change, clear] = useDraft(`webhook.${webhook?.id ?? "new"}`, {
    name: webhook?.name ?? "",
    url: webhook?.url ?? "",
    all: !webhook?.events,
    events: (webhook?.events ?? ["run.succeeded", "run.failed"]) as string[],
    labels: labelText(webhook?.labels),
  });
  const send = useMutation({
    mutationFn: () =>
      save({
        name: draft.name.trim(),
        url: draft.url.trim(),
        enabled: webhook?.enabled ?? true,
        labels: labelsOf(draft.labels),
        ...(draft.all ? {} : { events: draft.events as EventKind[] }),
      }),
    onSuccess: (saved) => {
      clear();
      onSaved(saved);
    },
  });
  const titles = { runs: t`Runs`, members: t`Members`, tasks: t`Tasks` };
  const toggle = (kind: string, on: boolean) => change({ events: on ? [...draft.events, kind] : draft.events.filter((each) => each !== kind) });
  const others = unknownKinds(draft.events);
  const none = !draft.all && draft.events.length === 0;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send.mutate();
      }}
    >
      <TextField label={<Trans>Name</Trans>} value={draft.name} onChange={(event) => change({ name: event.target.value })} error={fieldError(send.error, "/name")} autoComplete="off" maxLength={50} required />
      <TextField
        label={<Trans>URL of the receiver</Trans>}
        help={<Trans>https://, at a public address. The hub’s configuration can allow other networks.</Trans>}
        type="url"
        value={draft.url}
        onChange={(event) => change({ url: event.target.value })}
        error={fieldError(send.error, "/url")}
        placeholder="https://hooks.example/flow"
        autoComplete="off"
        maxLength={2048}
        required
      />
      <SelectField label={<Trans>Events</Trans>} value={draft.all ? "all" : "some"} onChange={(event) => change({ all: event.target.value === "all" })} error={fieldError(send.error, "/events")}>
        <option value="all">{t`All, also of later releases`}</option>
        <option value="some">{t`Only those chosen here`}</option>
      </SelectField>
      {!draft.all &&
        GROUPS.map(([group, kinds]) => (
          <fieldset key={group} className={css.group}>
            <legend>{titles[group]}</legend>
            <div className={css.events}>
              {kinds.map((kind) => (
                <CheckField key={kind} label={kind} checked={draft.events.includes(kind)} onChange={(event) => toggle(kind, event.target.checked)} />
              ))}
              {group === "tasks" && others.map((kind) => <CheckField key={kind} label={kind} checked onChange={() => toggle(kind, false)} />)}
            </div>
          </fieldset>
        ))}
      <TextArea
        label={<Trans>Labels of the tasks</Trans>}
        help={<Trans>One name=value per line. Only events of tasks with all of them are sent. Empty: of all tasks.</Trans>}
        value={draft.labels}
        onChange={(event) => change({ labels: event.target.value })}
        error={fieldError(send.error, "/labels")}
        rows={2}
        spellCheck={false}
      />
      <Problem error={send.error} shown={["/name", "/url", "/events", "/labels"]} />
      <div className={dialog.actions}>
        <Button
          onClick={() => {
            clear();
            onCancel();
          }}
        >
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={send.isPending} disabledReason={none ? t`Choose at least one kind of event.` : undefined}>
          {action}
        </Button>
      </div>
    </form>
  );
}
