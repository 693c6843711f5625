import { useId, type ComponentProps, type ReactNode } from "react";
import css from "./controls.module.css";

export type ButtonLook = { kind?: "primary" | "danger" | "quiet"; small?: boolean };

export function buttonClass({ kind, small }: ButtonLook): string {
  return [css.button, kind && css[kind], small && css.small].filter(Boolean).join(" ");
}

type Props = ButtonLook &
  Omit<ComponentProps<"button">, "disabled"> & {
    /** Why the button cannot be used now. The button stays reachable, so that people can read it. */
    disabledReason?: string | undefined;
    /** A request of this button is running. */
    pending?: boolean;
    children: ReactNode;
  };

/** A button. Link to pages with `<Link className={buttonClass({})}>` in place of a button. */
export function Button({ kind, small, disabledReason, pending, children, onClick, type = "button", ...rest }: Props) {
  const id = useId();
  const blocked = disabledReason !== undefined || pending === true;
  return (
    <>
      <button
        {...rest}
        type={blocked && type === "submit" ? "button" : type}
        className={buttonClass({ ...(kind ? { kind } : {}), ...(small ? { small } : {}) })}
        aria-disabled={blocked || undefined}
        aria-busy={pending || undefined}
        aria-describedby={disabledReason === undefined ? rest["aria-describedby"] : id}
        title={disabledReason ?? rest.title}
        onClick={blocked ? (event) => event.preventDefault() : onClick}
      >
        {children}
      </button>
      {disabledReason !== undefined && (
        <span id={id} className="visually-hidden">
          {disabledReason}
        </span>
      )}
    </>
  );
}
