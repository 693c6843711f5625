// Fields with several values: lists of texts, rows of objects, maps.
import { Trans, useLingui } from "@lingui/react/macro";
import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Button } from "../ui/Button";
import controls from "../ui/controls.module.css";
import { ObjectFields, textOf } from "./Fields";
import { useForm, useText, type FieldProps } from "./form";
import css from "./forms.module.css";
import { isObject, isSame, pointerOf, type Json, type JsonObject, type Path } from "./schema";

function Remove({ name, onClick }: { name: string; onClick: () => void }) {
  const { t } = useLingui();
  return (
    <Button kind="quiet" small aria-label={t`Remove ${name}`} title={t`Remove ${name}`} onClick={onClick}>
      ✕
    </Button>
  );
}

function Messages({ path }: { path: Path }) {
  const { errorAt } = useForm();
  const error = errorAt(path);
  return error ? <div className={controls.error}>{error}</div> : null;
}

function Legend({ label, required }: { label: string; required: boolean }) {
  return <legend className={required ? `${controls.label} ${controls.required}` : controls.label}>{label}</legend>;
}

/** A list of texts, one control each. Enter adds the next one. */
export function ListField({ path, schema, value, required, label }: FieldProps) {
  const { set, errorAt, touch } = useForm();
  const { t } = useLingui();
  const text = useText();
  const box = useRef<HTMLFieldSetElement>(null);
  const given = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const items = given.length === 0 && required ? [""] : given;
  const put = (next: Json[]) => set(path, next.length === 0 && !required ? undefined : next);
  const add = (after: number) => {
    put([...items.slice(0, after + 1), "", ...items.slice(after + 1)]);
    requestAnimationFrame(() => box.current?.querySelectorAll("input")[after + 1]?.focus());
  };
  const onKey = (event: KeyboardEvent, index: number) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add(index);
  };
  return (
    <fieldset ref={box} className={css.list} data-pointer={pointerOf(path)}>
      <Legend label={label} required={required} />
      <div className={`${controls.help} ${css.help}`}>{text(schema.description)}</div>
      {items.map((item, index) => {
        const at = [...path, index];
        const error = errorAt(at);
        return (
          // The place of an argument is its identity.
          // oxlint-disable-next-line no-array-index-key
          <div key={index} className={css.listRow} data-pointer={pointerOf(at)}>
            <input
              className={`${controls.input} ${css.code}`}
              type="text"
              spellCheck={false}
              autoComplete="off"
              aria-label={index === 0 && path.at(-1) === "command" ? t`${label}: program` : t`${label}: ${index + 1}`}
              aria-invalid={error ? true : undefined}
              value={textOf(item)}
              onChange={(event) => put(items.map((other, place) => (place === index ? event.target.value : other)))}
              onKeyDown={(event) => onKey(event, index)}
              onBlur={() => touch(at)}
            />
            <Remove name={textOf(item) || label} onClick={() => put(items.filter((_, place) => place !== index))} />
            {error && <div className={controls.error}>{error}</div>}
          </div>
        );
      })}
      <Messages path={path} />
      <div>
        <Button small onClick={() => add(items.length - 1)}>
          <Trans>Add</Trans>
        </Button>
      </div>
    </fieldset>
  );
}

/** A list of objects: a row each, a column for each property. `first` makes the content of a new row. */
export function RowsField({ path, schema, value, required, label, first = () => ({}), note }: FieldProps & { first?: (rows: Json[]) => JsonObject; note?: ReactNode }) {
  const { set } = useForm();
  const text = useText();
  const item = schema.items ?? {};
  const items = Array.isArray(value) ? value : [];
  const columns = Object.entries(item.properties ?? {});
  const style = { "--columns": columns.length } as React.CSSProperties;
  return (
    <fieldset className={css.rows} data-pointer={pointerOf(path)} style={style}>
      <Legend label={label} required={required} />
      <div className={`${controls.help} ${css.help}`}>{text(schema.description)}</div>
      {items.length > 0 && (
        <div className={css.rowsHead} aria-hidden>
          {columns.map(([name, property]) => (
            <span key={name}>{text(property.title)}</span>
          ))}
        </div>
      )}
      {items.map((_, index) => (
        // oxlint-disable-next-line no-array-index-key
        <div key={index} className={css.row} role="group" aria-label={`${label} ${index + 1}`} data-pointer={pointerOf([...path, index])}>
          <ObjectFields path={[...path, index]} schema={item} />
          <Remove name={`${label} ${index + 1}`} onClick={() => set(path, items.filter((_, place) => place !== index))} />
          <Messages path={[...path, index]} />
        </div>
      ))}
      <Messages path={path} />
      {note && <div className={controls.help}>{note}</div>}
      <div>
        <Button small onClick={() => set(path, [...items, first(items)])}>
          <Trans>Add</Trans>
        </Button>
      </div>
    </fieldset>
  );
}

type Entry = { id: number; name: string; value: Json };

/** The entries of a value. Those with a known name keep their id, and with it the keyboard. */
function entriesOf(value: Json | undefined, ids: { next: number }, old: Entry[] = []): Entry[] {
  const named = isObject(value) ? Object.entries(value).filter(([name]) => name !== "") : [];
  return [...named.map(([name, each]) => ({ id: old.find((entry) => entry.name === name)?.id ?? ids.next++, name, value: each })), ...old.filter(({ name }) => name === "")];
}

function objectOf(entries: Entry[]): JsonObject {
  return Object.fromEntries(entries.filter(({ name }) => name !== "").map(({ name, value }) => [name, value]));
}

/** Rows of a map. A row without a name, or with that of another, is not yet in the value. */
export function useEntries(value: Json | undefined, put: (value: JsonObject | undefined) => void) {
  const ids = useRef({ next: 0 });
  const [entries, setEntries] = useState<Entry[]>(() => entriesOf(value, ids.current));
  // The value has changed elsewhere, for example in the YAML.
  const current = entriesOf(value, ids.current, entries);
  if (!isSame(objectOf(entries), objectOf(current))) setEntries(current);
  const change = (next: Entry[]) => {
    setEntries(next);
    const object = objectOf(next);
    put(Object.keys(object).length === 0 ? undefined : object);
  };
  return {
    entries,
    add: (empty: Json) => change([...entries, { id: ids.current.next++, name: "", value: empty }]),
    remove: (id: number) => change(entries.filter((entry) => entry.id !== id)),
    edit: (id: number, edited: Partial<Entry>) => change(entries.map((entry) => (entry.id === id ? { ...entry, ...edited } : entry))),
    isRepeated: (entry: Entry) => entry.name !== "" && entries.some((other) => other.id !== entry.id && other.name === entry.name),
  };
}

/** A map: names that the user chooses, with a text or an object each. */
export function MapField({ path, schema, value, required, label, empty }: FieldProps & { empty?: Json }) {
  const { set, touch, errorAt } = useForm();
  const { t } = useLingui();
  const text = useText();
  const isDeep = schema.values?.properties !== undefined;
  const { entries, add, remove, edit, isRepeated } = useEntries(value, (next) => set(path, next));
  return (
    <fieldset className={isDeep ? css.cards : css.map} data-pointer={pointerOf(path)}>
      <Legend label={label} required={required} />
      <div className={`${controls.help} ${css.help}`}>{text(schema.description)}</div>
      {entries.map((entry) => {
        const at = [...path, entry.name];
        const error = isRepeated(entry) ? t`This name is there twice.` : isDeep || entry.name === "" ? undefined : errorAt(at);
        const name = (
          <input
            className={`${controls.input} ${css.code}`}
            type="text"
            spellCheck={false}
            autoComplete="off"
            aria-label={t`${label}: name`}
            placeholder={t`name`}
            aria-invalid={error ? true : undefined}
            value={entry.name}
            onChange={(event) => edit(entry.id, { name: event.target.value })}
            onBlur={() => touch(at)}
          />
        );
        const message = error && <div className={controls.error}>{error}</div>;
        if (isDeep)
          return (
            <div key={entry.id} className={css.card} role="group" aria-label={entry.name || label} data-pointer={pointerOf(at)}>
              <div className={css.cardHead}>
                {name}
                <Remove name={entry.name || label} onClick={() => remove(entry.id)} />
              </div>
              {message}
              {entry.name === "" ? (
                <p className={controls.help}>
                  <Trans>Enter a name to see the fields.</Trans>
                </p>
              ) : (
                <>
                  <Messages path={at} />
                  <div className={css.grid}>
                    <ObjectFields path={at} schema={schema.values ?? {}} />
                  </div>
                </>
              )}
            </div>
          );
        return (
          <div key={entry.id} className={css.mapRow} data-pointer={pointerOf(at)}>
            {name}
            <input
              className={`${controls.input} ${css.code}`}
              type="text"
              spellCheck={false}
              autoComplete="off"
              aria-label={t`${label}: value of ${entry.name}`}
              placeholder={t`value`}
              aria-invalid={error ? true : undefined}
              value={textOf(entry.value)}
              onChange={(event) => edit(entry.id, { value: event.target.value })}
              onBlur={() => touch(at)}
            />
            <Remove name={entry.name || label} onClick={() => remove(entry.id)} />
            {message}
          </div>
        );
      })}
      <Messages path={path} />
      <div>
        <Button small onClick={() => add(isDeep ? (empty ?? {}) : "")}>
          <Trans>Add</Trans>
        </Button>
      </div>
    </fieldset>
  );
}
