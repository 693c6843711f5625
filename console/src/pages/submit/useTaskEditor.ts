// The task editor: state of form and YAML for new and edited tasks.
import { useLingui } from "@lingui/react/macro";
import type { Schemas } from "../../api/client";
import { useFormState, type FormState } from "../../forms/form";
import { onlyKnown, withoutDefaults, type Json, type JsonObject } from "../../forms/schema";
import { referenceOf } from "../../forms/TemplateField";
import { taskDocumentSchema, taskSchema, taskWidgets } from "../../forms/taskHints";
import { useTaskTemplate, type Template } from "../../forms/template";
import { useDocument, type DocumentState } from "../../forms/useDocument";

export type TaskEditor = {
  document: DocumentState;
  form: FormState;
  /** The request, or why there can be none yet. */
  request: { body: Schemas["TaskInput"]; missing?: undefined } | { missing: string; body?: undefined };
};

export function useTaskEditor(draft: string, initial: JsonObject, base: Json = null): TaskEditor {
  const { t } = useLingui();
  const document = useDocument({ kind: "Task", schema: taskDocumentSchema, draft, initial, base });
  const form = useFormState(document, taskSchema, taskWidgets);
  const { template, error } = useTaskTemplate(document.value);
  const chosen = document.value["template"];
  const missing = document.error
    ? t`Correct the YAML first.`
    : chosen === undefined
      ? t`Choose a template first.`
      : template && (chosen === template.name || chosen === template.id)
        ? undefined
        : error
          ? t`The hub has no such template.`
          : t`The template is being read.`;
  // The fields are as the user entered them: the hub says which are invalid.
  if (missing !== undefined || !template) return { document, form, request: { missing: missing ?? "" } };
  return { document, form, request: { body: { ...document.value, template: template.id } as unknown as Schemas["TaskInput"] } };
}

/** The document of a task: its content, with the name of its template. */
export function documentOf(task: Schemas["Task"], template: Template): JsonObject {
  const content = onlyKnown(task as unknown as JsonObject, taskDocumentSchema);
  return withoutDefaults({ ...content, template: referenceOf(template) }, taskDocumentSchema) as JsonObject;
}
