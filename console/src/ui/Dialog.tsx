import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { Trans, useLingui } from "@lingui/react/macro";
import { useState, type ReactNode } from "react";
import { Button } from "./Button";
import css from "./dialog.module.css";
import { TextField } from "./Field";
import { Problem } from "./Problem";

type DialogProps = { open: boolean; onClose: () => void; title: ReactNode; children: ReactNode; wide?: boolean };

/** A modal dialog. Escape and the backdrop close it. */
export function Dialog({ open, onClose, title, children, wide }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={css.backdrop} />
        <Base.Popup className={wide ? `${css.popup} ${css.wide}` : css.popup}>
          <Base.Title className={css.title}>{title}</Base.Title>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

type ConfirmProps = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  /** Text of the button that acts. */
  action: ReactNode;
  /** The user must type this name before the button acts: for what cannot be undone. */
  name?: string;
  run: () => Promise<unknown>;
};

/** Asks before an action, and stays open with the error if it fails. */
export function Confirm({ open, onClose, title, children, action, name, run }: ConfirmProps) {
  const { t } = useLingui();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState<unknown>();
  const [pending, setPending] = useState(false);
  const close = () => {
    setTyped("");
    setError(undefined);
    onClose();
  };
  const act = async () => {
    setPending(true);
    setError(undefined);
    try {
      await run();
      close();
    } catch (failure) {
      setError(failure);
    } finally {
      setPending(false);
    }
  };
  const missing = name !== undefined && typed !== name;
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && close()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={css.backdrop} />
        <AlertDialog.Popup className={css.popup}>
          <AlertDialog.Title className={css.title}>{title}</AlertDialog.Title>
          <AlertDialog.Description render={<div />}>{children}</AlertDialog.Description>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (!missing && !pending) void act();
            }}
          >
            {name !== undefined && <TextField label={t`Type the name to confirm: ${name}`} value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />}
            <Problem error={error} />
            <div className={css.actions}>
              <Button onClick={close}>
                <Trans>Cancel</Trans>
              </Button>
              <Button kind="danger" type="submit" pending={pending} disabledReason={missing ? t`The typed name differs.` : undefined}>
                {action}
              </Button>
            </div>
          </form>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
