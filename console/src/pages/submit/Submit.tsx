import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { api, bodyOf, idempotencyKey, type Schemas } from "../../api/client";
import { keys, taskQuery } from "../../api/queries";
import { hasRole, useMe, useProject } from "../../app/session";
import { DocumentEditor } from "../../forms/DocumentEditor";
import { referenceOf } from "../../forms/TemplateField";
import type { JsonObject } from "../../forms/schema";
import { templateQuery, type Template } from "../../forms/template";
import { Button } from "../../ui/Button";
import { Page } from "../../ui/Panel";
import { Loaded, Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { usePageTitle } from "../../ui/usePageTitle";
import { DryRun, useDryRun } from "./DryRun";
import { documentOf, useTaskEditor } from "./useTaskEditor";

/** A new task: from nothing, from a template (`?template=`), or with the content of another task (`?from=`). */
export default function Submit() {
  const { t } = useLingui();
  const { from, template } = useSearch({ strict: false }) as { from?: string; template?: string };
  const project = useProject() ?? "";
  usePageTitle(from ? t`Clone a task` : t`New task`);
  const source = useQuery({ ...taskQuery(from ?? ""), enabled: from !== undefined });
  const task = source.data;
  const reference = from === undefined ? template : task?.template;
  const known = useQuery({ ...templateQuery(reference ?? ""), enabled: reference !== undefined });
  const found = known.data;
  const isReady = from === undefined ? template === undefined || found !== undefined : task !== undefined && found !== undefined;
  const title = from ? <Trans>Clone a task</Trans> : <Trans>New task</Trans>;
  const error = source.error ?? known.error;
  // A failed reading must not become an empty form.
  if (!isReady) return <Page title={title}>{error ? <Problem error={error} /> : <Loaded query={known}>{() => null}</Loaded>}</Page>;
  return <Editor key={`${project} ${from} ${template}`} draft={`task.${project}.${from ?? ""}.${template ?? ""}`} task={task} template={found} title={title} />;
}

function Editor({ draft, task, template, title }: { draft: string; task: Schemas["Task"] | undefined; template: Template | undefined; title: React.ReactNode }) {
  const client = useQueryClient();
  const [initial] = useState((): JsonObject => {
    if (!template) return {};
    // The form looks the template up by the name that the document has.
    client.setQueryData(templateQuery(referenceOf(template)).queryKey, template);
    return task ? { ...documentOf(task, template), name: nextName(task.name) } : { template: referenceOf(template) };
  });
  const editor = useTaskEditor(draft, initial);
  const check = useDryRun();
  const create = useCreate(editor);
  const me = useMe();
  const { t } = useLingui();
  const reason = hasRole(me, "submitter") ? editor.request.missing : t`Your role in this project does not allow to create tasks.`;
  const body = editor.request.body;
  const run = () => {
    if (!body) return;
    editor.form.fail(undefined);
    check.mutate(body, { onError: editor.form.fail });
  };
  return (
    <Page
      title={title}
      intro={task ? <Trans>The content of {task.name}, to change and save under another name.</Trans> : <Trans>A task is a template with its parties and parameters. It can be started many times.</Trans>}
    >
      <DocumentEditor
        form={editor.form}
        document={editor.document}
        side={<DryRun run={check} current={body} />}
        actions={
          <>
            <Button kind="primary" disabledReason={reason} pending={create.pending === "start"} onClick={() => body && void create.run(body, true)}>
              <Trans>Create and start</Trans>
            </Button>
            <Button disabledReason={reason} pending={create.pending === "create"} onClick={() => body && void create.run(body, false)}>
              <Trans>Create</Trans>
            </Button>
            <Button disabledReason={reason} pending={check.isPending} onClick={run}>
              <Trans>Ask the parties</Trans>
            </Button>
          </>
        }
      />
    </Page>
  );
}

/** Creates the task, and starts it if wanted. A repetition after a lost response creates no second task. */
function useCreate({ document, form }: ReturnType<typeof useTaskEditor>) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [pending, setPending] = useState<"create" | "start" | undefined>();
  const attempt = useRef({ body: "", create: "", start: "" });
  const run = async (body: Schemas["TaskInput"], isStart: boolean) => {
    if (pending) return;
    const text = JSON.stringify(body);
    if (attempt.current.body !== text) attempt.current = { body: text, create: idempotencyKey(), start: idempotencyKey() };
    const { create, start } = attempt.current;
    setPending(isStart ? "start" : "create");
    form.fail(undefined);
    try {
      const task = await bodyOf(api.POST("/api/v2/tasks", { params: { header: { "Idempotency-Key": create } }, body }));
      for (const warning of task.warnings ?? []) toast(warning);
      if (isStart) {
        try {
          await api.POST("/api/v2/tasks/{task}/start", { params: { path: { task: task.id }, header: { "Idempotency-Key": start } } });
          toast(t`${task.name} was created and started.`);
        } catch (failure) {
          // The task exists: its page has the button to start it.
          const why = failure instanceof Error ? failure.message : String(failure);
          toast(t`${task.name} was created, but not started: ${why}`);
        }
      } else toast(t`${task.name} was created.`);
      document.done();
      void client.invalidateQueries({ queryKey: keys.taskLists });
      await navigate({ to: "/tasks/$task", params: { task: task.id } });
    } catch (failure) {
      form.fail(failure);
    } finally {
      setPending(undefined);
    }
  };
  return { pending, run };
}

/** A free name for the copy: `digits` becomes `digits-2`, `digits-2` becomes `digits-3`. */
function nextName(name: string): string {
  const [, stem = name, number = "1"] = /^(.*?)-(\d{1,6})$/.exec(name) ?? [];
  const suffix = `-${Number(number) + 1}`;
  return [...stem].slice(0, 50 - suffix.length).join("") + suffix;
}
