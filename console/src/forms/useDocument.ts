// State of a document that is edited as a form and as YAML. Both are kept: the YAML has comments and
// may be invalid for a moment, while the form shows the last valid value. A reload restores them.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { isObject, isSame, withValueAt, type Json, type JsonObject, type Path, type Schema } from "./schema";
import { readYaml, updateYaml, writeYaml, type Kind, type YamlError } from "./yaml";

type State = { value: JsonObject; text: string; error?: YamlError | undefined; base: Json };

export type DocumentState = {
  value: JsonObject;
  text: string;
  /** The text is not a document; `value` is the last valid one. */
  error: YamlError | undefined;
  /** What `base` was when the draft was begun. */
  base: Json;
  isChanged: boolean;
  /** The content comes from a draft of this browser tab. */
  isRestored: boolean;
  set: (path: Path, value: Json | undefined) => void;
  setText: (text: string) => void;
  /** Writes the YAML again from the form, after an error. */
  restoreText: () => void;
  /** Goes back to the initial content, or to another with a new base. */
  reset: (value?: JsonObject, base?: Json) => void;
  /** Keeps the content and continues from another base. */
  rebase: (base: Json) => void;
  /** The content was saved: its draft goes. */
  done: () => void;
  lineOf: (path: Path) => number | undefined;
};

const PREFIX = "flow.draft.";

function stored(key: string): State | undefined {
  try {
    const draft: unknown = JSON.parse(sessionStorage.getItem(PREFIX + key) ?? "null");
    // Another version of the console may have written it.
    if (!isObject(draft) || !isObject(draft["value"]) || typeof draft["text"] !== "string") return undefined;
    return { base: null, ...draft, error: undefined } as unknown as State;
  } catch {
    return undefined;
  }
}

function store(key: string, state: State | undefined): void {
  try {
    if (state === undefined) sessionStorage.removeItem(PREFIX + key);
    else sessionStorage.setItem(PREFIX + key, JSON.stringify(state));
  } catch {
    // Without storage there is no draft.
  }
}

type Options = { kind: Kind; schema: Schema; draft: string; initial: JsonObject; base?: Json };

export function useDocument({ kind, schema, draft, initial, base = null }: Options): DocumentState {
  const fresh = (value: JsonObject, from: Json): State => ({ value, text: writeYaml(value, kind, schema), base: from });
  const [restored, setRestored] = useState(() => stored(draft));
  const [start, setStart] = useState<State>(() => fresh(initial, base));
  const [state, setState] = useState<State>(() => {
    if (!restored) return start;
    const read = readYaml(restored.text, kind, schema);
    return "error" in read ? { ...restored, error: read.error } : restored;
  });
  const isDone = useRef(false);
  const isChanged = state.text !== start.text || !isSame(state.value, start.value);

  useEffect(() => {
    if (!isDone.current) store(draft, isChanged ? state : undefined);
  }, [draft, state, isChanged]);

  const set = useCallback(
    (path: Path, next: Json | undefined) => {
      setState((old) => {
        const value = withValueAt(old.value, path, next) as JsonObject;
        return { ...old, value, text: updateYaml(old.text, value, kind, schema), error: undefined };
      });
    },
    [kind, schema],
  );
  const setText = useCallback(
    (text: string) => {
      setState((old) => {
        const read = readYaml(text, kind, schema);
        return "error" in read ? { ...old, text, error: read.error } : { ...old, text, value: read.value, error: undefined };
      });
    },
    [kind, schema],
  );
  const read = useMemo(() => (state.error ? undefined : readYaml(state.text, kind, schema)), [state.text, state.error, kind, schema]);
  return {
    value: state.value,
    text: state.text,
    error: state.error,
    base: state.base,
    isChanged,
    isRestored: restored !== undefined,
    set,
    setText,
    restoreText: () => setState((old) => ({ ...old, text: writeYaml(old.value, kind, schema), error: undefined })),
    reset: (value = start.value, from = start.base) => {
      const next = fresh(value, from);
      setRestored(undefined);
      setStart(next);
      setState(next);
    },
    rebase: (from) => setState((old) => ({ ...old, base: from })),
    done: () => {
      isDone.current = true;
      store(draft, undefined);
    },
    lineOf: (path) => (read && "lines" in read ? read.lines(path) : undefined),
  };
}
