// Draws the fields of a schema. Each kind of value has one component; hints name others for some fields.
import { Trans, useLingui } from "@lingui/react/macro";
import { useId, type ReactNode } from "react";
import controls from "../ui/controls.module.css";
import { duration } from "../ui/Time";
import type { ControlProps } from "./control";
import css from "./forms.module.css";
import { useForm, useText, type FieldProps } from "./form";
import { ListField, MapField, RowsField } from "./Collections";
import { isObject, pointerOf, type Json, type Path, type Schema } from "./schema";

/** One property of an object, drawn by its hint or by its type. */
export function SchemaField({ path, schema, required }: { path: Path; schema: Schema; required: boolean }) {
  const { widgets, value } = useForm();
  const text = useText();
  const current = path.reduce<Json | undefined>((at, part) => (Array.isArray(at) ? at[Number(part)] : isObject(at) && Object.hasOwn(at, part) ? at[part] : undefined), value);
  const pattern = path.map((part) => (typeof part === "number" ? "*" : part)).join("/");
  const props: FieldProps = { path, schema, value: current, required, label: text(schema.title) || String(path.at(-1)) };
  const Widget = widgets[pattern] ?? widgetOf(schema);
  return <Widget {...props} />;
}

function widgetOf(schema: Schema): (props: FieldProps) => ReactNode {
  if (schema.enum) return EnumField;
  switch (schema.type) {
    case "integer":
    case "number":
      return NumberField;
    case "boolean":
      return BooleanField;
    case "string":
      return StringField;
    case "object":
      return schema.properties ? GroupField : MapField;
    case "array":
      return schema.items?.enum ? ChoicesField : schema.items?.properties ? RowsField : schema.items?.type === "string" ? ListField : UnknownField;
    default:
      return UnknownField;
  }
}

export function ObjectFields({ path, schema }: { path: Path; schema: Schema }) {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => <SchemaField key={name} path={[...path, name]} schema={property} required={schema.required?.includes(name) ?? false} />);
}

type LabelledProps = { path: Path; label: string; required?: boolean; help?: ReactNode; wide?: boolean; children: (control: ControlProps) => ReactNode };

/** Label, control, help and message of a field. */
export function Labelled({ path, label, required, help, wide, children }: LabelledProps) {
  const { errorAt, touch } = useForm();
  const id = useId();
  const error = errorAt(path);
  const notes = [help ? `${id}-help` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className={wide ? `${controls.field} ${css.wide}` : controls.field} data-pointer={pointerOf(path)}>
      <label htmlFor={id} className={required ? `${controls.label} ${controls.required}` : controls.label}>
        {label}
      </label>
      {children({ id, className: controls.input ?? "", "aria-describedby": notes || undefined, "aria-invalid": error ? true : undefined, "aria-required": required || undefined, onBlur: () => touch(path) })}
      {help && (
        <div id={`${id}-help`} className={`${controls.help} ${css.help}`}>
          {help}
        </div>
      )}
      {error && (
        <div id={`${id}-error`} className={controls.error}>
          {error}
        </div>
      )}
    </div>
  );
}

/** A text or number of a value; other values cannot be shown in its control. */
export function textOf(value: Json | undefined): string {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Texts that may be this long have the width of the form, unless they are of a special form. */
const LONG_TEXT = 400;

export function StringField({ path, schema, value, required, label }: FieldProps) {
  const { set } = useForm();
  const text = useText();
  return (
    <Labelled path={path} label={label} required={required} help={text(schema.description)} wide={(schema.maxLength ?? 0) >= LONG_TEXT && schema.pattern === undefined}>
      {(control) => (
        <input
          {...control}
          type="text"
          spellCheck={false}
          autoComplete="off"
          placeholder={textOf(schema.default)}
          value={textOf(value)}
          onChange={(event) => set(path, event.target.value === "" ? undefined : event.target.value)}
        />
      )}
    </Labelled>
  );
}

/** A text of several lines. */
export function TextField({ path, schema, value, required, label }: FieldProps) {
  const { set } = useForm();
  const text = useText();
  return (
    <Labelled path={path} label={label} required={required} help={text(schema.description)} wide>
      {(control) => <textarea {...control} className={`${control.className} ${css.short}`} rows={2} value={textOf(value)} onChange={(event) => set(path, event.target.value === "" ? undefined : event.target.value)} />}
    </Labelled>
  );
}

export function NumberField({ path, schema, value, required, label }: FieldProps) {
  const { set } = useForm();
  const { i18n } = useLingui();
  const text = useText();
  const { minimum, maximum } = schema;
  const shown = (number: number) => i18n.number(number);
  // Fields that are named for seconds show how long that is.
  const seconds = String(path.at(-1)).endsWith("_s") ? Number(value ?? schema.default) : Number.NaN;
  return (
    <Labelled
      path={path}
      label={label}
      required={required}
      help={
        <>
          {text(schema.description)} {minimum !== undefined && maximum !== undefined && <Trans>{shown(minimum)} to {shown(maximum)}.</Trans>}
        </>
      }
    >
      {(control) => (
        <div className={css.unit}>
          <input
            {...control}
            type="text"
            inputMode={schema.type === "integer" ? "numeric" : "decimal"}
            autoComplete="off"
            placeholder={textOf(schema.default)}
            value={textOf(value)}
            onChange={(event) => set(path, numberOf(event.target.value))}
          />
          {seconds >= 60 && <span className={css.suffix}>= {duration(seconds)}</span>}
        </div>
      )}
    </Labelled>
  );
}

/** The number that a text is. Other texts stay, so that the field can show what is wrong. */
export function numberOf(text: string): Json | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const number = Number(trimmed);
  return /^-?\d+(\.\d+)?$/.test(trimmed) && String(number) === trimmed ? number : trimmed;
}

export function EnumField({ path, schema, value, required, label }: FieldProps) {
  const { set } = useForm();
  const { t } = useLingui();
  const text = useText();
  const values = (schema.enum ?? []).map(String);
  const current = textOf(value);
  return (
    <Labelled path={path} label={label} required={required} help={text(schema.description)}>
      {(control) => (
        <select {...control} value={current} onChange={(event) => set(path, event.target.value === "" ? undefined : event.target.value)}>
          {(!required || current === "") && <option value="">{schema.default === undefined ? (required ? t`Choose…` : "–") : textOf(schema.default)}</option>}
          {current !== "" && !values.includes(current) && <option>{current}</option>}
          {values.map((each) => (
            <option key={each} value={each}>
              {text(each)}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

export function BooleanField({ path, schema, value, label }: FieldProps) {
  const { set, errorAt } = useForm();
  const text = useText();
  const id = useId();
  const error = errorAt(path);
  return (
    <div className={`${controls.check} ${css.wide}`} data-pointer={pointerOf(path)}>
      <input type="checkbox" id={id} aria-describedby={`${id}-help`} checked={(value ?? schema.default) === true} onChange={(event) => set(path, event.target.checked ? true : schema.default === true ? false : undefined)} />
      <div>
        <label htmlFor={id}>{label}</label>
        <div id={`${id}-help`} className={controls.help}>
          {text(schema.description)}
        </div>
        {error && <div className={controls.error}>{error}</div>}
      </div>
    </div>
  );
}

/** Several of the values of an enumeration. */
function ChoicesField({ path, schema, value, label }: FieldProps) {
  const { set, errorAt } = useForm();
  const text = useText();
  const chosen = Array.isArray(value) ? value.map(textOf) : [];
  const valid = (schema.items?.enum ?? []).map(String);
  const all = [...valid, ...chosen.filter((each) => !valid.includes(each))];
  const error = errorAt(path);
  return (
    <fieldset className={css.choices} data-pointer={pointerOf(path)}>
      <legend className={controls.label}>{label}</legend>
      {all.map((each) => (
        <label key={each} className={css.choice}>
          <input
            type="checkbox"
            checked={chosen.includes(each)}
            onChange={(event) => {
              const next = all.filter((other) => (other === each ? event.target.checked : chosen.includes(other)));
              set(path, next.length === 0 ? undefined : next);
            }}
          />
          {text(each)}
        </label>
      ))}
      <div className={`${controls.help} ${css.wide}`}>{text(schema.description)}</div>
      {error && <div className={controls.error}>{error}</div>}
    </fieldset>
  );
}

/** An object inside of the form. If all of it is optional, it is closed until it is used. */
function GroupField({ path, schema, value, required, label }: FieldProps) {
  const { hasErrorIn, errorAt } = useForm();
  const { t } = useLingui();
  const text = useText();
  const names = isObject(value) ? Object.keys(value).length : 0;
  const error = errorAt(path);
  const body = (
    <>
      <p className={css.groupHelp}>{text(schema.description)}</p>
      {error && <div className={controls.error}>{error}</div>}
      <div className={css.grid}>
        <ObjectFields path={path} schema={schema} />
      </div>
    </>
  );
  if (required)
    return (
      <fieldset className={css.group} data-pointer={pointerOf(path)}>
        <legend className={css.groupTitle}>{label}</legend>
        {body}
      </fieldset>
    );
  return (
    <details className={css.group} data-pointer={pointerOf(path)} open={names > 0 || hasErrorIn(path) || undefined}>
      <summary>
        <span className={css.groupTitle}>{label}</span> <span className={css.groupNote}>{names === 0 ? t`defaults` : ""}</span>
      </summary>
      {body}
    </details>
  );
}

/** A value that this console has no control for: as JSON. */
function UnknownField({ path, schema, value, required, label }: FieldProps) {
  const { set } = useForm();
  const text = useText();
  const parsed = (source: string): Json | undefined => {
    if (source.trim() === "") return undefined;
    try {
      return JSON.parse(source) as Json;
    } catch {
      return source;
    }
  };
  return (
    <Labelled path={path} label={`${label} (JSON)`} required={required} help={text(schema.description)} wide>
      {(control) => <textarea {...control} rows={3} spellCheck={false} value={typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value)} onChange={(event) => set(path, parsed(event.target.value))} />}
    </Labelled>
  );
}
