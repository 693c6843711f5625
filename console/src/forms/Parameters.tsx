import { Trans, useLingui } from "@lingui/react/macro";
import type { Schemas } from "../api/client";
import controls from "../ui/controls.module.css";
import { Button } from "../ui/Button";
import { safeText } from "../ui/Copy";
import { useEntries } from "./Collections";
import { Labelled, textOf } from "./Fields";
import { useForm, useText, type FieldProps } from "./form";
import css from "./forms.module.css";
import { isObject, pointerOf, type JsonObject } from "./schema";
import { useTaskTemplate } from "./template";

type ParamSchema = Schemas["ParamSchema"];

/** The parameters of the chosen template, one field each. Empty fields leave the default. */
export function ParametersField({ path, schema, value, label }: FieldProps) {
  const form = useForm();
  const text = useText();
  const { content, error: unknown } = useTaskTemplate(form.value);
  const values: JsonObject = isObject(value) ? value : {};
  const declared = content?.parameters ?? {};
  const names = Object.keys(declared);
  const error = form.errorAt(path);
  const set = (name: string, next: string) => {
    const { [name]: _old, ...others } = values;
    const all = next === "" ? others : Object.hasOwn(values, name) ? { ...values, [name]: next } : { ...others, [name]: next };
    form.set(path, Object.keys(all).length === 0 ? undefined : all);
  };
  return (
    <fieldset className={css.group} data-pointer={pointerOf(path)}>
      <legend className={css.groupTitle}>{label}</legend>
      <p className={css.groupHelp}>{text(schema.description)}</p>
      {error && <div className={controls.error}>{error}</div>}
      <div className={css.grid}>
        {names.map((name) => (
          <ParameterField key={name} name={name} declared={declared[name]!} value={values[name] === undefined ? undefined : textOf(values[name])} set={(next) => set(name, next)} path={[...path, name]} />
        ))}
      </div>
      {content && names.length === 0 && (
        <p className={controls.help}>
          <Trans>The template declares no parameters.</Trans>
        </p>
      )}
      {(content !== undefined || unknown !== null && unknown !== undefined) && <OtherParameters values={values} declared={names} put={(next) => form.set(path, next)} />}
    </fieldset>
  );
}

type Props = { name: string; declared: ParamSchema; value: string | undefined; set: (value: string) => void; path: (string | number)[] };

export function ParameterField({ name, declared, value, set, path }: Props) {
  const { t } = useLingui();
  const { type, enum: values, minimum, maximum, description } = declared;
  const fallback = declared.default ?? undefined;
  const help = (
    <>
      {description ? `${safeText(description)}. ` : ""}
      {minimum != null && maximum != null ? <Trans>{minimum} to {maximum}.</Trans> : minimum != null ? <Trans>At least {minimum}.</Trans> : maximum != null ? <Trans>At most {maximum}.</Trans> : null}
    </>
  );
  const choices = values && values.length > 0 ? values : type === "boolean" ? ["true", "false"] : undefined;
  return (
    <Labelled path={path} label={name} required={fallback === undefined} help={help}>
      {(control) =>
        choices ? (
          <select {...control} value={value ?? ""} onChange={(event) => set(event.target.value)}>
            <option value="">{fallback === undefined ? t`Choose…` : t`${fallback} (default)`}</option>
            {value !== undefined && value !== "" && !choices.includes(value) && <option>{value}</option>}
            {choices.map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </select>
        ) : (
          <input
            {...control}
            type="text"
            inputMode={type === "integer" ? "numeric" : type === "number" ? "decimal" : "text"}
            spellCheck={false}
            autoComplete="off"
            placeholder={fallback === undefined ? "" : fallback === "" ? t`empty by default` : t`${fallback} (default)`}
            value={value ?? ""}
            onChange={(event) => set(event.target.value)}
          />
        )
      }
    </Labelled>
  );
}

/** Parameters that the template does not declare: a framework has some of its own. */
function OtherParameters({ values, declared, put }: { values: JsonObject; declared: string[]; put: (value: JsonObject | undefined) => void }) {
  const { t } = useLingui();
  const { errorAt, touch } = useForm();
  const isDeclared = (name: string) => declared.includes(name);
  const own = Object.fromEntries(Object.entries(values).filter(([name]) => isDeclared(name)));
  const others = Object.fromEntries(Object.entries(values).filter(([name]) => !isDeclared(name)));
  const { entries, add, remove, edit, isRepeated } = useEntries(others, (next) => {
    const all = { ...own, ...next };
    put(Object.keys(all).length === 0 ? undefined : all);
  });
  return (
    <div className={css.map}>
      {entries.map((entry) => {
        const at = ["parameters", entry.name];
        const error = isRepeated(entry) || isDeclared(entry.name) ? t`This name is there twice.` : entry.name === "" ? undefined : errorAt(at);
        return (
          <div key={entry.id} className={css.mapRow} data-pointer={pointerOf(at)}>
            <input className={`${controls.input} ${css.code}`} type="text" spellCheck={false} autoComplete="off" aria-label={t`Name of another parameter`} placeholder={t`name`} aria-invalid={error ? true : undefined} value={entry.name} onChange={(event) => edit(entry.id, { name: event.target.value })} onBlur={() => touch(at)} />
            <input className={`${controls.input} ${css.code}`} type="text" spellCheck={false} autoComplete="off" aria-label={t`Value of ${entry.name}`} placeholder={t`value`} aria-invalid={error ? true : undefined} value={textOf(entry.value)} onChange={(event) => edit(entry.id, { value: event.target.value })} onBlur={() => touch(at)} />
            <Button kind="quiet" small aria-label={t`Remove ${entry.name}`} title={t`Remove ${entry.name}`} onClick={() => remove(entry.id)}>
              ✕
            </Button>
            {error && <div className={controls.error}>{error}</div>}
          </div>
        );
      })}
      <div>
        <Button small kind="quiet" onClick={() => add("")}>
          <Trans>Add a parameter of the framework</Trans>
        </Button>
      </div>
    </div>
  );
}
