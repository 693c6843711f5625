import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, ApiError, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { hasRole, useMe } from "../../app/session";
import { isSame, type JsonObject } from "../../forms/schema";
import { revisionQuery, templateQuery, type Template } from "../../forms/template";
import { templateDocument, templateSchema } from "../../forms/templateHints";
import type { DocumentState } from "../../forms/useDocument";
import { writeYaml } from "../../forms/yaml";
import { Button, buttonClass } from "../../ui/Button";
import { Diff } from "../../ui/Diff";
import { Note } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { TemplateEditor } from "./TemplateEditor";
import css from "./templates.module.css";

/** A new revision from the newest one, or from an earlier one (`?revision=`). */
export function EditTab({ template }: { template: Template }) {
  const { revision } = useSearch({ strict: false }) as { revision?: string };
  const number = Number(revision);
  const isOther = Number.isInteger(number) && number > 0 && number !== template.revision;
  const other = useQuery({ ...revisionQuery(template.id, number), enabled: isOther });
  if (!isOther) return <Editor key="newest" template={template} from="" />;
  return <Loaded query={other}>{(found) => <Editor key={revision} template={template} from={String(number)} content={templateDocument(found)} />}</Loaded>;
}

function Editor({ template, from, content }: { template: Template; from: string; content?: JsonObject }) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const newest = templateDocument(template);
  const [start] = useState({ content: content ?? newest, revision: template.revision });
  const baseOf = (document: DocumentState) => (typeof document.base === "number" ? document.base : start.revision);
  const save = async (body: Schemas["TemplateInput"], document: DocumentState) => {
    try {
      const saved = await bodyOf(api.PUT("/api/v2/templates/{template}", { params: { path: { template: template.id }, header: { "If-Match": `"${baseOf(document)}"` } }, body }));
      for (const warning of saved.warnings ?? []) toast(warning);
      toast(saved.revision === template.revision ? t`The content is the same: there is no new revision.` : t`Revision ${saved.revision} of ${saved.name} was created. Tasks keep their revision until they are edited.`);
      document.done();
      await navigate({ to: ".", search: (search: Record<string, unknown>) => ({ ...search, tab: undefined, revision: undefined, view: undefined }) as never });
      client.setQueryData(templateQuery(template.id).queryKey, saved);
      void client.invalidateQueries({ queryKey: keys.templates });
    } catch (failure) {
      if (failure instanceof ApiError && failure.code === "precondition_failed") await client.invalidateQueries({ queryKey: templateQuery(template.id).queryKey });
      throw failure;
    }
  };
  const notes = (document: DocumentState) => {
    const base = baseOf(document);
    if (base === template.revision)
      return from === "" ? null : (
        <Note>
          <Trans>The content of revision {from}. Saving makes it the newest revision.</Trans>
        </Note>
      );
    return <Moved template={template} base={base} document={document} newest={newest} />;
  };
  return (
    <TemplateEditor
      draft={`template.${template.id}.${from}`}
      initial={start.content}
      base={start.revision}
      action={<Trans>Create a new revision</Trans>}
      reason={(document) =>
        !hasRole(me, "submitter") ? t`Your role in this project does not allow to edit templates.` : baseOf(document) !== template.revision ? t`The template was edited elsewhere: choose a version first.` : isSame(document.value, newest) ? t`Nothing has changed.` : undefined
      }
      save={save}
      notes={notes}
      more={(document) => (
        <Link to="." search={(search: Record<string, unknown>) => ({ ...search, tab: undefined, revision: undefined, view: undefined }) as never} className={buttonClass({ kind: "quiet" })} onClick={() => document.done()}>
          <Trans>Cancel</Trans>
        </Link>
      )}
    />
  );
}

/** Someone else created a revision meanwhile. */
function Moved({ template, base, document, newest }: { template: Template; base: number; document: DocumentState; newest: JsonObject }) {
  const { t } = useLingui();
  const yaml = (value: JsonObject) => writeYaml(value, "Template", templateSchema);
  return (
    <Note tone="warn" role="alert">
      <div>
        <Trans>
          Revision {template.revision} was created elsewhere; your changes began with revision {base}. The difference from revision {template.revision} to yours:
        </Trans>
      </div>
      <Diff before={yaml(newest)} after={yaml(document.value)} label={t`Difference to the newest revision`} />
      <div className={css.choose}>
        <Button small onClick={() => document.reset(newest, template.revision)}>
          <Trans>Take the newest, without my changes</Trans>
        </Button>
        <Button small onClick={() => document.rebase(template.revision)}>
          <Trans>Keep mine</Trans>
        </Button>
      </div>
    </Note>
  );
}
