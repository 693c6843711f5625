import { useId, type ComponentProps, type ReactNode } from "react";
import css from "./controls.module.css";

type FieldProps = {
  label: ReactNode;
  help?: ReactNode;
  error?: string | undefined;
  required?: boolean;
  children: (props: { id: string; className: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined; required: boolean | undefined }) => ReactNode;
};

/** Label, control, help and error of one value. `children` gets the attributes of the control. */
export function Field({ label, help, error, required, children }: FieldProps) {
  const id = useId();
  const notes = [help ? `${id}-help` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className={css.field}>
      <label htmlFor={id} className={required ? `${css.label} ${css.required}` : css.label}>
        {label}
      </label>
      {children({ id, className: css.input ?? "", "aria-describedby": notes || undefined, "aria-invalid": error ? true : undefined, required })}
      {help && (
        <div id={`${id}-help`} className={css.help}>
          {help}
        </div>
      )}
      {error && (
        <div id={`${id}-error`} className={css.error}>
          {error}
        </div>
      )}
    </div>
  );
}

type Common = Omit<FieldProps, "children">;

export function TextField({ label, help, error, required, ...rest }: Common & Omit<ComponentProps<"input">, "id">) {
  return (
    <Field label={label} help={help} error={error} {...(required ? { required } : {})}>
      {(control) => <input type="text" spellCheck={false} {...rest} {...control} />}
    </Field>
  );
}

export function TextArea({ label, help, error, required, ...rest }: Common & Omit<ComponentProps<"textarea">, "id">) {
  return (
    <Field label={label} help={help} error={error} {...(required ? { required } : {})}>
      {(control) => <textarea {...rest} {...control} />}
    </Field>
  );
}

export function SelectField({ label, help, error, required, children, ...rest }: Common & Omit<ComponentProps<"select">, "id">) {
  return (
    <Field label={label} help={help} error={error} {...(required ? { required } : {})}>
      {(control) => (
        <select {...rest} {...control}>
          {children}
        </select>
      )}
    </Field>
  );
}

export function CheckField({ label, help, ...rest }: { label: ReactNode; help?: ReactNode } & Omit<ComponentProps<"input">, "id" | "type">) {
  const id = useId();
  return (
    <div className={css.check}>
      <input type="checkbox" id={id} aria-describedby={help ? `${id}-help` : undefined} {...rest} />
      <div>
        <label htmlFor={id}>{label}</label>
        {help && (
          <div id={`${id}-help`} className={css.help}>
            {help}
          </div>
        )}
      </div>
    </div>
  );
}
