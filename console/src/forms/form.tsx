// State of a form: its value, the error of each field, and the component of each field.
import { useLingui } from "@lingui/react/macro";
import { createContext, useContext, useMemo, useState, type ComponentType, type ReactNode } from "react";
import { ApiError } from "../api/client";
import { check, type Mistake } from "./check";
import { pointerOf, type Json, type JsonObject, type Path, type Schema } from "./schema";
import { texts } from "./texts";
import type { DocumentState } from "./useDocument";

export type FieldProps = { path: Path; schema: Schema; value: Json | undefined; required: boolean; label: string };
export type Widget = ComponentType<FieldProps>;

/** Fields that a component of their own draws, by path; a path has `*` for an index. */
export type Widgets = Record<string, Widget>;

export type Form = {
  value: JsonObject;
  set: (path: Path, value: Json | undefined) => void;
  schema: Schema;
  widgets: Widgets;
  /** The message at a field: that of the hub, or after an edit that of the schema. */
  errorAt: (path: Path) => string | undefined;
  /** A field of this part of the form has a message. */
  hasErrorIn: (path: Path) => boolean;
  touch: (path: Path) => void;
};

export type FormState = Form & {
  /** Failure of the last request. */
  failure: unknown;
  /** Messages of the whole form, those of the hub first. */
  mistakes: Mistake[];
  fail: (error: unknown) => void;
};

const FormContext = createContext<Form | undefined>(undefined);

export function useForm(): Form {
  const form = useContext(FormContext);
  if (!form) throw new Error("a field is outside of a form");
  return form;
}

export function FormProvider({ form, children }: { form: Form; children: ReactNode }) {
  return <FormContext value={form}>{children}</FormContext>;
}

/** The text of a schema in the language of the user. */
export function useText(): (text: string | undefined) => string {
  const { i18n } = useLingui();
  return (text = "") => {
    const known = Object.hasOwn(texts, text) ? texts[text] : undefined;
    if (!known) return text;
    const shown = i18n._(known);
    // A text that no catalogue has yet.
    return shown === known.id ? text : shown;
  };
}

function isWithin(pointer: string, parent: string): boolean {
  return pointer === parent || pointer.startsWith(`${parent}/`);
}

export function useFormState(document: DocumentState, schema: Schema, widgets: Widgets): FormState {
  const { i18n } = useLingui();
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [isSent, setSent] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const [refused, setRefused] = useState<Mistake[]>([]);
  const found = useMemo(() => check(schema, document.value, i18n), [schema, document.value, i18n, i18n.locale]);

  const own = found.filter(({ pointer }) => (isSent || touched.has(pointer)) && !refused.some((each) => each.pointer === pointer));
  const mistakes = [...refused, ...own];
  return {
    value: document.value,
    schema,
    widgets,
    failure,
    mistakes,
    set: (path, value) => {
      const pointer = pointerOf(path);
      setRefused((old) => old.filter((each) => !isWithin(each.pointer, pointer) && !isWithin(pointer, each.pointer)));
      document.set(path, value);
    },
    errorAt: (path) => {
      const pointer = pointerOf(path);
      return mistakes.filter((each) => each.pointer === pointer).map(({ message }) => message).join("; ") || undefined;
    },
    hasErrorIn: (path) => mistakes.some(({ pointer }) => isWithin(pointer, pointerOf(path))),
    touch: (path) => {
      const pointer = pointerOf(path);
      setTouched((old) => (old.has(pointer) ? old : new Set([...old, pointer])));
    },
    fail: (error) => {
      setFailure(error);
      setRefused(error instanceof ApiError ? error.fields.filter(({ pointer }) => pointer.startsWith("/")) : []);
      setSent(error !== undefined);
    },
  };
}

/** Moves the keyboard to the field of a pointer, or to the part of the form that contains it. */
export function focusField(pointer: string): void {
  for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const field = document.querySelector(`[data-pointer=${CSS.escape(at)}]`);
    const control = field?.querySelector<HTMLElement>("input, select, textarea, button");
    if (!control) continue;
    field?.closest("details")?.setAttribute("open", "");
    control.focus();
    control.scrollIntoView({ block: "center" });
    return;
  }
}
