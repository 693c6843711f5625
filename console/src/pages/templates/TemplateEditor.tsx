// The form and the YAML of a template, for a new one and for a new revision.
import { useLingui } from "@lingui/react/macro";
import { useState, type ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { DocumentEditor } from "../../forms/DocumentEditor";
import { useFormState } from "../../forms/form";
import type { Json, JsonObject } from "../../forms/schema";
import { templateSchema, templateWidgets } from "../../forms/templateHints";
import { useDocument, type DocumentState } from "../../forms/useDocument";
import { Button } from "../../ui/Button";

type Props = {
  draft: string;
  initial: JsonObject;
  base?: Json;
  /** Text of the button that saves. */
  action: ReactNode;
  /** Why the user may not save. */
  reason: (document: DocumentState) => string | undefined;
  save: (body: Schemas["TemplateInput"], document: DocumentState) => Promise<void>;
  notes?: (document: DocumentState) => ReactNode;
  more?: (document: DocumentState) => ReactNode;
};

export function TemplateEditor({ draft, initial, base = null, action, reason, save, notes, more }: Props) {
  const { t } = useLingui();
  const document = useDocument({ kind: "Template", schema: templateSchema, draft, initial, base });
  const form = useFormState(document, templateSchema, templateWidgets);
  const [pending, setPending] = useState(false);
  const run = async () => {
    if (pending) return;
    setPending(true);
    form.fail(undefined);
    try {
      // The fields are as the user entered them: the hub says which are invalid.
      await save(document.value as unknown as Schemas["TemplateInput"], document);
    } catch (failure) {
      form.fail(failure);
    } finally {
      setPending(false);
    }
  };
  return (
    <DocumentEditor
      form={form}
      document={document}
      notes={notes?.(document)}
      actions={
        <>
          <Button kind="primary" disabledReason={document.error ? t`Correct the YAML first.` : reason(document)} pending={pending} onClick={() => void run()}>
            {action}
          </Button>
          {more?.(document)}
        </>
      }
    />
  );
}
