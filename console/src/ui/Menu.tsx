import { Menu as Base } from "@base-ui/react/menu";
import type { ReactNode } from "react";
import { buttonClass, type ButtonLook } from "./Button";
import css from "./dialog.module.css";

export type MenuItem = {
  key: string;
  label: ReactNode;
  run: () => void;
  /** Why the item cannot be used now; shown as its tooltip. */
  disabledReason?: string | undefined;
};

type Props = ButtonLook & { label: ReactNode; name?: string; items: MenuItem[] };

/** A button that opens a list of actions. `name` is its name if the label is an icon. */
export function Menu({ label, name, items, ...look }: Props) {
  return (
    <Base.Root>
      <Base.Trigger className={buttonClass(look)} aria-label={name}>
        {label}
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner className={css.positioner} sideOffset={4} align="end">
          <Base.Popup className={css.menu}>
            {items.map(({ key, label: text, run, disabledReason }) => (
              <Base.Item key={key} className={css.item} disabled={disabledReason !== undefined} title={disabledReason} onClick={run}>
                {text}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
