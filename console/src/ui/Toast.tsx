import { useSyncExternalStore, type ReactNode } from "react";
import css from "./dialog.module.css";

type Toast = { id: number; text: ReactNode };

const SHOWN_MS = 6000;
let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Says that an action succeeded. Errors stay beside the control that caused them. */
export function toast(text: ReactNode): void {
  last += 1;
  const id = last;
  set([...toasts.slice(-2), { id, text }]);
  setTimeout(() => set(toasts.filter((each) => each.id !== id)), SHOWN_MS);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {shown.map(({ id, text }) => (
        <div key={id} className={css.toast}>
          {text}
        </div>
      ))}
    </div>
  );
}
