// A template or task as a form with its YAML beside it, its messages and its actions.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, type ReactNode } from "react";
import { ApiError } from "../api/client";
import { Button } from "../ui/Button";
import layout from "../ui/layout.module.css";
import { Note } from "../ui/Panel";
import { Problem } from "../ui/Problem";
import { ObjectFields } from "./Fields";
import { focusField, FormProvider, type FormState } from "./form";
import css from "./forms.module.css";
import { pathOf } from "./schema";
import type { DocumentState } from "./useDocument";
import { YamlView } from "./YamlView";

type Props = {
  form: FormState;
  document: DocumentState;
  /** Buttons at the end of the page. */
  actions: ReactNode;
  /** Messages above the form. */
  notes?: ReactNode;
  /** Below the YAML: the answers of the parties. */
  side?: ReactNode;
};

export function DocumentEditor({ form, document, actions, notes, side }: Props) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { view = "form" } = useSearch({ strict: false }) as { view?: string };
  const show = (next: string) => void navigate({ to: ".", search: (search: Record<string, unknown>) => ({ ...search, view: next === "form" ? undefined : next }) as never, replace: true });
  const marks = new Set(form.mistakes.map(({ pointer }) => document.lineOf(pathOf(pointer))).filter((line) => line !== undefined));
  const name = typeof document.value["name"] === "string" ? document.value["name"] : "";
  return (
    <FormProvider form={form}>
      {document.isRestored && document.isChanged && (
        <Note>
          <div>
            <Trans>This is what you had entered before.</Trans>
          </div>
          <div>
            <Button small onClick={() => document.reset()}>
              <Trans>Start again without it</Trans>
            </Button>
          </div>
        </Note>
      )}
      {notes}
      <div className={css.views} role="group" aria-label={t`View`}>
        <Button small aria-pressed={view !== "yaml"} kind={view === "yaml" ? "quiet" : undefined} onClick={() => show("form")}>
          <Trans>Form</Trans>
        </Button>
        <Button small aria-pressed={view === "yaml"} kind={view === "yaml" ? undefined : "quiet"} onClick={() => show("yaml")}>
          YAML {document.error && "⚠"}
        </Button>
      </div>
      <div className={css.editor} data-view={view === "yaml" ? "yaml" : "form"}>
        <div className={css.main}>
          {document.error && (
            <Note tone="warn">
              <Trans>The form shows the last valid document. Correct line {document.error.line} of the YAML to go on here.</Trans>
            </Note>
          )}
          <fieldset className={css.form} disabled={document.error !== undefined} aria-label={t`Form`}>
            <div className={css.grid}>
              <ObjectFields path={[]} schema={form.schema} />
            </div>
          </fieldset>
        </div>
        <div className={css.side}>
          <YamlView text={document.text} onChange={document.setText} error={document.error} marks={marks} restore={document.restoreText} file={name} />
          {side}
        </div>
      </div>
      <FormProblem form={form} />
      <div className={css.bar}>
        {actions}
        <span className={css.barNote} role="status">
          {form.mistakes[0] && (
            <button type="button" className={css.jump} onClick={() => focusField(form.mistakes[0]?.pointer ?? "")}>
              <Plural value={form.mistakes.length} one="# field is not valid" other="# fields are not valid" />
            </button>
          )}
        </span>
      </div>
    </FormProvider>
  );
}

/** The failure of the last request. Invalid fields are links to their controls. */
function FormProblem({ form: { failure, mistakes } }: { form: FormState }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const pointer = failure instanceof ApiError ? failure.fields.find((field) => field.pointer.startsWith("/"))?.pointer : undefined;
    if (pointer !== undefined) focusField(pointer);
    else if (failure !== undefined) box.current?.scrollIntoView({ block: "end" });
  }, [failure]);
  return (
    <div ref={box} className={css.problem}>
      <FailureNote failure={failure} mistakes={mistakes} />
    </div>
  );
}

function FailureNote({ failure, mistakes }: Pick<FormState, "failure" | "mistakes">) {
  if (!(failure instanceof ApiError) || failure.fields.length === 0) return <Problem error={failure} />;
  const others = failure.fields.filter(({ pointer }) => !pointer.startsWith("/"));
  if (mistakes.length === 0 && others.length === 0) return null;
  return (
    <Note tone="bad" role="alert">
      <div>
        <Trans>The hub does not accept these fields:</Trans>
      </div>
      <ul className={css.mistakes}>
        {[...mistakes, ...others].map(({ pointer, message }) => (
          <li key={pointer + message}>
            <button type="button" className={css.jump} onClick={() => focusField(pointer)}>
              {pointer}
            </button>{" "}
            {message}
          </li>
        ))}
      </ul>
      {failure.requestId && (
        <div className={layout.small}>
          <Trans>
            Request <code>{failure.requestId}</code>
          </Trans>
        </div>
      )}
    </Note>
  );
}
