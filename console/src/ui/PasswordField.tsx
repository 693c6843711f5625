import { Trans } from "@lingui/react/macro";
import { useState, type ReactNode } from "react";
import { Button } from "./Button";
import css from "./controls.module.css";
import { Field } from "./Field";

/** Characters of a password that the hub accepts. */
export const PASSWORD_CHARS_MIN = 12;
export const PASSWORD_CHARS_MAX = 256;

type Props = { label: ReactNode; value: string; onChange: (value: string) => void; error?: string | undefined; required?: boolean };

/** A new password, which the user can make visible in place of typing it twice. */
export function PasswordField({ label, value, onChange, error, required }: Props) {
  const [visible, setVisible] = useState(false);
  return (
    <Field label={label} error={error} required={required ?? false} help={<Trans>12 to 256 characters. Several words are easier to remember than signs.</Trans>}>
      {(control) => (
        <div className={css.withButton}>
          <input
            {...control}
            type={visible ? "text" : "password"}
            value={value}
            onChange={(event) => onChange(event.target.value)}
            autoComplete="new-password"
            spellCheck={false}
            minLength={PASSWORD_CHARS_MIN}
            maxLength={PASSWORD_CHARS_MAX}
          />
          <Button onClick={() => setVisible(!visible)} aria-pressed={visible}>
            {visible ? <Trans>Hide</Trans> : <Trans>Show</Trans>}
          </Button>
        </div>
      )}
    </Field>
  );
}
