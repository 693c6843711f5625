import { useCallback, useState } from "react";

const PREFIX = "flow.draft.";

/** Content of a form that survives a reload of the page, until it is cleared or the tab closes. Not for
 *  secrets: the browser may write the storage to a disk. */
export function useDraft<T extends object>(name: string, initial: T): [draft: T, change: (part: Partial<T>) => void, clear: () => void] {
  const [draft, setDraft] = useState<T>(() => ({ ...initial, ...stored<T>(name) }));
  const change = useCallback(
    (part: Partial<T>) =>
      setDraft((former) => {
        const next = { ...former, ...part };
        try {
          sessionStorage.setItem(PREFIX + name, JSON.stringify(next));
        } catch {
          // Storage is full or disabled: the draft ends with the page.
        }
        return next;
      }),
    [name],
  );
  const clear = useCallback(() => clearDraft(name), [name]);
  return [draft, change, clear];
}

/** Forgets what was typed into a form that is not shown any more. */
export function clearDraft(name: string): void {
  try {
    sessionStorage.removeItem(PREFIX + name);
  } catch {
    // Storage is disabled: there is no draft.
  }
}

function stored<T>(name: string): Partial<T> {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(PREFIX + name) ?? "{}");
    return typeof value === "object" && value !== null ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}
