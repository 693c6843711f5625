// Finds values that the schema does not allow, before a request. The hub checks them again, and
// knows more: its messages replace these.
import { msg } from "@lingui/core/macro";
import type { I18n } from "@lingui/core";
import { isObject, pointerOf, type Json, type Path, type Schema } from "./schema";

export type Mistake = { pointer: string; message: string };

/** Longest text that is compared with a pattern. */
const PATTERN_TEXT_MAX = 10_000;

const expressions = new Map<string, RegExp | undefined>();
function matches(pattern: string, text: string): boolean {
  if (!expressions.has(pattern)) {
    try {
      expressions.set(pattern, new RegExp(pattern, "u"));
    } catch {
      expressions.set(pattern, undefined);
    }
  }
  return text.length > PATTERN_TEXT_MAX || (expressions.get(pattern)?.test(text) ?? true);
}

export function check(schema: Schema, value: Json | undefined, i18n: I18n): Mistake[] {
  const mistakes: Mistake[] = [];
  const add = (path: Path, message: string): void => {
    mistakes.push({ pointer: pointerOf(path), message });
  };
  const limits = ({ minimum = -Infinity, maximum = Infinity }: Schema) =>
    maximum === Infinity ? i18n._(msg`must be at least ${minimum}`) : minimum === -Infinity ? i18n._(msg`must be at most ${maximum}`) : i18n._(msg`must be ${minimum} to ${maximum}`);

  const visit = (part: Schema, current: Json, path: Path): void => {
    if (part.enum && !part.enum.includes(current as never)) {
      const valid = part.enum.map(String).join(", ");
      return add(path, i18n._(msg`must be one of: ${valid}`));
    }
    switch (part.type) {
      case "integer":
      case "number": {
        if (typeof current !== "number" || !Number.isFinite(current)) return add(path, i18n._(msg`must be a number`));
        if (part.type === "integer" && !Number.isInteger(current)) return add(path, i18n._(msg`must be a whole number`));
        if (current < (part.minimum ?? -Infinity) || current > (part.maximum ?? Infinity)) return add(path, limits(part));
        return;
      }
      case "boolean":
        if (typeof current !== "boolean") return add(path, i18n._(msg`must be true or false`));
        return;
      case "string": {
        if (typeof current !== "string") return add(path, i18n._(msg`must be a text`));
        const length = [...current].length;
        const { minLength = 0, maxLength = Infinity } = part;
        if (length > maxLength) return add(path, i18n._(msg`has ${length} characters and may have ${maxLength}`));
        if (length < minLength) return add(path, i18n._(msg`is required`));
        if (part.pattern !== undefined && !matches(part.pattern, current)) return add(path, i18n._(msg`has characters that are not allowed here`));
        return;
      }
      case "array": {
        if (!Array.isArray(current)) return add(path, i18n._(msg`must be a list`));
        const { minItems = 0, maxItems = Infinity } = part;
        if (current.length < minItems) add(path, i18n._(msg`must have at least ${minItems}`));
        if (current.length > maxItems) add(path, i18n._(msg`may have at most ${maxItems}`));
        for (const [index, item] of current.entries()) if (part.items) visit(part.items, item, [...path, index]);
        return;
      }
      case "object":
        return object(part, current, path);
      default:
    }
  };
  const object = (part: Schema, current: Json, path: Path): void => {
    if (!isObject(current)) return add(path, i18n._(msg`must have named fields`));
    for (const name of part.required ?? []) {
      const item = Object.hasOwn(current, name) ? current[name] : undefined;
      if (item === undefined || item === "" || item === null) add([...path, name], i18n._(msg`is required`));
    }
    const { maxProperties = Infinity } = part;
    if (Object.keys(current).length > maxProperties) add(path, i18n._(msg`may have at most ${maxProperties}`));
    for (const [name, item] of Object.entries(current)) {
      const property = part.properties && Object.hasOwn(part.properties, name) ? part.properties[name] : undefined;
      if (property) {
        if (item === null || (item === "" && part.required?.includes(name))) continue;
        visit(property, item, [...path, name]);
      } else if (part.closed) add([...path, name], i18n._(msg`is an unknown field`));
      else {
        if (part.names !== undefined && !matches(part.names, name)) add([...path, name], i18n._(msg`has a name with characters that are not allowed`));
        if (part.values) visit(part.values, item, [...path, name]);
      }
    }
  };
  if (value !== undefined) visit(schema, value, []);
  return mistakes;
}
