// The subset of JSON Schema that forms use. scripts/forms.mjs resolves references beforehand.

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export type Schema = {
  type?: string;
  title?: string;
  description?: string;
  enum?: Json[];
  default?: Json;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  /** Schema of the values of a map. */
  values?: Schema;
  /** Pattern of the names of a map. */
  names?: string;
  /** Other properties than `properties` are not allowed. */
  closed?: boolean;
  items?: Schema;
};

export type Path = (string | number)[];

export function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The path of a JSON pointer. Parts stay texts, also those that are an index. */
export function pathOf(pointer: string): string[] {
  return pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function valueAt(value: Json | undefined, path: Path): Json | undefined {
  let current = value;
  for (const part of path) {
    if (Array.isArray(current)) current = current[Number(part)];
    else if (isObject(current)) current = Object.hasOwn(current, part) ? current[part] : undefined;
    else return undefined;
  }
  return current;
}

/** A copy of `value` with another value at `path`; `undefined` removes it. */
export function withValueAt(value: Json | undefined, path: Path, next: Json | undefined): Json | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return next;
  if (typeof first === "number") {
    const items = Array.isArray(value) ? [...value] : [];
    const item = withValueAt(items[first], rest, next);
    if (item === undefined) items.splice(first, 1);
    else items[first] = item;
    return items;
  }
  const { [first]: old, ...others } = isObject(value) ? value : {};
  const item = withValueAt(old, rest, next);
  if (item === undefined) return others;
  // The place of a name among the others stays.
  return isObject(value) && Object.hasOwn(value, first) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, name === first ? item : each])) : { ...others, [first]: item };
}

export function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => isSame(each, b[index]));
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]));
  }
  return false;
}

function isEmpty(value: Json): boolean {
  return value === null || value === "" || value === false || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
}

/** The value without optional properties that have their default or are empty: what a request may leave out. */
export function withoutDefaults(value: Json, schema: Schema): Json {
  if (Array.isArray(value)) return value.map((item) => withoutDefaults(item, schema.items ?? {}));
  if (!isObject(value)) return value;
  const entries: [string, Json][] = [];
  for (const [name, item] of Object.entries(value)) {
    const property = schema.properties?.[name];
    if (property === undefined) {
      // An entry of a map stays, also if it is empty.
      if (item !== null || schema.values === undefined) entries.push([name, withoutDefaults(item, schema.values ?? {})]);
      continue;
    }
    const short = withoutDefaults(item, property);
    const isDefault = property.default === undefined ? isEmpty(short) : isSame(short, property.default) || short === null;
    if (schema.required?.includes(name) || !isDefault) entries.push([name, short]);
  }
  return Object.fromEntries(entries);
}

/** Only the properties that the schema has: the request that creates what a response shows. */
export function onlyKnown(value: JsonObject, schema: Schema): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => schema.properties !== undefined && Object.hasOwn(schema.properties, name)));
}

/** The schema with its properties in the order of the paths, which name list items `*`; others follow. */
export function inOrder(schema: Schema, order: string[], prefix = ""): Schema {
  const result = { ...schema };
  if (schema.items) result.items = inOrder(schema.items, order, `${prefix}*/`);
  if (schema.values) result.values = inOrder(schema.values, order, `${prefix}*/`);
  if (schema.properties) {
    const rank = (name: string) => (order.includes(prefix + name) ? order.indexOf(prefix + name) : order.length);
    const entries = Object.entries(schema.properties).sort(([a], [b]) => rank(a) - rank(b));
    result.properties = Object.fromEntries(entries.map(([name, each]) => [name, inOrder(each, order, `${prefix}${name}/`)]));
  }
  return result;
}
