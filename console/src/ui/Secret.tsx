import type { ReactNode } from "react";
import { Copy } from "./Copy";
import css from "./layout.module.css";
import { Note } from "./Panel";

/** A secret that the hub shows once. `children` says what it is for. */
export function Secret({ text, label, children }: { text: string; label: string; children: ReactNode }) {
  return (
    <Note tone="warn" role="status">
      <div>{children}</div>
      <div className={css.secret}>
        <code aria-label={label}>{text}</code>
        <Copy text={text} />
      </div>
    </Note>
  );
}
