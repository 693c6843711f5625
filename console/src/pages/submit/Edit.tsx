import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ApiError, bodyOf, type Schemas } from "../../api/client";
import { keys, taskQuery } from "../../api/queries";
import { hasRole, useMe } from "../../app/session";
import { DocumentEditor } from "../../forms/DocumentEditor";
import { isObject, isSame, type JsonObject } from "../../forms/schema";
import { referenceOf } from "../../forms/TemplateField";
import { taskDocumentSchema } from "../../forms/taskHints";
import { templateQuery, type Template } from "../../forms/template";
import type { DocumentState } from "../../forms/useDocument";
import { writeYaml } from "../../forms/yaml";
import { Button, buttonClass } from "../../ui/Button";
import { Diff } from "../../ui/Diff";
import { Note, Page } from "../../ui/Panel";
import { isActive } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { usePageTitle } from "../../ui/usePageTitle";
import { DryRun, useDryRun } from "./DryRun";
import css from "./submit.module.css";
import { documentOf, useTaskEditor } from "./useTaskEditor";

type Task = Schemas["Task"];
/** What the user began to edit. The version also changes with the runs of the task. */
type Base = { version: number; content: JsonObject };

/** Edits a task. Its runs keep what they were started with. */
export default function Edit() {
  const { t } = useLingui();
  const { task: reference = "" } = useParams({ strict: false }) as { task?: string };
  const task = useQuery(taskQuery(reference));
  const template = useQuery({ ...templateQuery(task.data?.template ?? ""), enabled: task.data !== undefined });
  const name = task.data?.name ?? "";
  usePageTitle(name === "" ? t`Edit a task` : t`Edit ${name}`);
  const title = <Trans>Edit {name}</Trans>;
  if (task.data === undefined || template.data === undefined)
    return (
      <Page title={title}>
        <Loaded query={task}>{() => <Loaded query={template}>{() => null}</Loaded>}</Loaded>
      </Page>
    );
  return <Editor key={task.data.id} task={task.data} template={template.data} title={title} />;
}

function Editor({ task, template, title }: { task: Task; template: Template; title: React.ReactNode }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const navigate = useNavigate();
  const me = useMe();
  const current = documentOf(task, template);
  const [initial] = useState(() => {
    // The form looks the template up by the name that the document has.
    client.setQueryData(templateQuery(referenceOf(template)).queryKey, template);
    return current;
  });
  const { document, form, request } = useTaskEditor(`edit.${task.id}`, initial, { version: task.version, content: initial });
  const check = useDryRun();
  const [pending, setPending] = useState(false);
  const base = baseOf(document, { version: task.version, content: initial });
  const isMoved = !isSame(base.content, current);
  const body = request.body;

  const isOwn = task.created_by === me.name && hasRole(me, "submitter");
  const reason =
    !isOwn && !hasRole(me, "operator")
      ? t`Only the account that created the task and operators of the project may edit it.`
      : isActive(task.run?.phase)
        ? t`The task has a run that has not ended: stop it, or wait until it ends.`
        : isMoved
          ? t`The task was edited elsewhere: choose a version first.`
          : !document.isChanged
            ? t`Nothing has changed.`
            : request.missing;

  const save = async () => {
    if (!body || pending) return;
    setPending(true);
    form.fail(undefined);
    try {
      // A run that began or ended meanwhile changes the version, not the content.
      const saved = await bodyOf(api.PUT("/api/v2/tasks/{task}", { params: { path: { task: task.id }, header: { "If-Match": `"${task.version}"` } }, body }));
      for (const warning of saved.warnings ?? []) toast(warning);
      toast(t`${saved.name} was saved. Its next run uses the new content.`);
      document.done();
      client.setQueryData(taskQuery(task.id).queryKey, saved);
      void client.invalidateQueries({ queryKey: keys.taskLists });
      await navigate({ to: "/tasks/$task", params: { task: task.id } });
    } catch (failure) {
      if (failure instanceof ApiError && failure.code === "precondition_failed") await client.invalidateQueries({ queryKey: keys.task(task.id) });
      form.fail(failure);
    } finally {
      setPending(false);
    }
  };
  return (
    <Page title={title} intro={<Trans>The next run uses the new content. Runs that exist keep theirs.</Trans>}>
      <DocumentEditor
        form={form}
        document={document}
        notes={
          isMoved && (
            <Note tone="warn" role="alert">
              <div>
                <Trans>The task was edited elsewhere while this page was open. This is what changed there:</Trans>
              </div>
              <Diff before={yaml(base.content)} after={yaml(current)} label={t`What changed elsewhere`} />
              <div className={css.buttons}>
                <Button small onClick={() => document.reset(current, { version: task.version, content: current })}>
                  <Trans>Take that version, without my changes</Trans>
                </Button>
                <Button small onClick={() => document.rebase({ version: task.version, content: current })}>
                  <Trans>Keep mine</Trans>
                </Button>
              </div>
            </Note>
          )
        }
        side={<DryRun run={check} current={body} />}
        actions={
          <>
            <Button kind="primary" disabledReason={reason} pending={pending} onClick={() => void save()}>
              <Trans>Save</Trans>
            </Button>
            <Button
              disabledReason={request.missing}
              pending={check.isPending}
              onClick={() => {
                if (!body) return;
                form.fail(undefined);
                check.mutate(body, { onError: form.fail });
              }}
            >
              <Trans>Ask the parties</Trans>
            </Button>
            <Link to="/tasks/$task" params={{ task: task.id }} className={buttonClass({ kind: "quiet" })} onClick={() => document.done()}>
              <Trans>Cancel</Trans>
            </Link>
            {reason !== undefined && document.isChanged && <span className={css.why}>{reason}</span>}
          </>
        }
      />
    </Page>
  );
}

const yaml = (content: JsonObject) => writeYaml(content, "Task", taskDocumentSchema);

/** The base of a draft, which may come from the storage of the browser. */
function baseOf(document: DocumentState, fallback: Base): Base {
  const base = document.base;
  return isObject(base) && isObject(base["content"]) && typeof base["version"] === "number" ? { version: base["version"], content: base["content"] } : fallback;
}
