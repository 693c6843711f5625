import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useRef } from "react";
import { api, bodyOf, idempotencyKey, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { hasRole, useMe, useProject } from "../../app/session";
import type { JsonObject } from "../../forms/schema";
import { templateQuery } from "../../forms/template";
import { templateDocument } from "../../forms/templateHints";
import type { DocumentState } from "../../forms/useDocument";
import { buttonClass } from "../../ui/Button";
import { Page } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { usePageTitle } from "../../ui/usePageTitle";
import { TemplateEditor } from "./TemplateEditor";

/** A new template: from nothing, or with the content of another (`?from=`). */
export default function NewTemplate() {
  const { t } = useLingui();
  usePageTitle(t`New template`);
  const { from } = useSearch({ strict: false }) as { from?: string };
  const source = useQuery({ ...templateQuery(from ?? ""), enabled: from !== undefined });
  const title = <Trans>New template</Trans>;
  const intro = <Trans>The program that each party runs, and the parameters that a task may set.</Trans>;
  if (from === undefined)
    return (
      <Page title={title} intro={intro}>
        <Editor from="" initial={{}} />
      </Page>
    );
  return (
    <Page title={title} intro={intro}>
      <Loaded query={source}>{(template) => <Editor key={from} from={from} initial={{ ...templateDocument(template), name: `${template.name}-copy`.slice(-50) }} />}</Loaded>
    </Page>
  );
}

function Editor({ from, initial }: { from: string; initial: JsonObject }) {
  const { t } = useLingui();
  const me = useMe();
  const project = useProject() ?? "";
  const navigate = useNavigate();
  const client = useQueryClient();
  const attempt = useRef({ body: "", key: "" });
  const save = async (body: Schemas["TemplateInput"], document: DocumentState) => {
    const text = JSON.stringify(body);
    // A repetition after a lost response creates no second template.
    if (attempt.current.body !== text) attempt.current = { body: text, key: idempotencyKey() };
    const template = await bodyOf(api.POST("/api/v2/templates", { params: { header: { "Idempotency-Key": attempt.current.key } }, body }));
    for (const warning of template.warnings ?? []) toast(warning);
    toast(t`${template.name} was created.`);
    document.done();
    void client.invalidateQueries({ queryKey: keys.templates });
    await navigate({ to: "/templates/$template", params: { template: template.id } });
  };
  return (
    <TemplateEditor
      draft={`template.${project}.${from}`}
      initial={initial}
      action={<Trans>Create</Trans>}
      reason={() => (hasRole(me, "submitter") ? undefined : t`Your role in this project does not allow to create templates.`)}
      save={save}
      more={(document) => (
        <Link to="/templates" className={buttonClass({ kind: "quiet" })} onClick={() => document.done()}>
          <Trans>Cancel</Trans>
        </Link>
      )}
    />
  );
}
