// The YAML document of a template or task, as `flowctl apply` takes it: `kind` and the fields of the
// request. A text needs no quotes, as in flowctl: where the schema has a text, `3.10` is "3.10".
// Changes of the form are written into the document, so that its comments and order stay.
import { Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit, YAMLMap, YAMLSeq, type Node, type Pair } from "yaml";
import { isObject, isSame, type Json, type JsonObject, type Path, type Schema } from "./schema";

export type Kind = "Task" | "Template";

/** Why a text is not a document, and where: line and column from 1. */
export type YamlError = { reason: "syntax" | "kind" | "mapping" | "several" | "large"; message: string; line: number; column: number };
export type Read = { value: JsonObject; lines: (path: Path) => number | undefined } | { error: YamlError };

/** Largest number of nodes, with aliases expanded. */
const NODES_MAX = 100_000;
const DEPTH_MAX = 64;

class TooLarge extends Error {}

/** Converts nodes to values of the schema. */
class Reader {
  readonly #doc: Document;
  #nodes = 0;

  constructor(doc: Document) {
    this.#doc = doc;
  }

  value(source: unknown, schema: Schema | undefined, depth = 0): Json | undefined {
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX || depth > DEPTH_MAX) throw new TooLarge();
    const node = isAlias(source) ? source.resolve(this.#doc) : source;
    if (isMap(node)) {
      const entries: [string, Json][] = [];
      for (const { key, value } of node.items as Pair<Node, Node | null>[]) {
        const name = keyOf(key);
        const property = schema?.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : schema?.values;
        const item = this.value(value, property, depth + 1);
        if (item !== undefined) entries.push([name, item]);
      }
      return Object.fromEntries(entries);
    }
    if (isSeq(node)) return (node.items as unknown[]).map((item) => this.value(item, schema?.items, depth + 1) ?? null);
    if (isScalar(node)) return scalar(node, schema);
    return undefined;
  }
}

/** A scalar in the type of its schema; a text that has another type stays a text. */
function scalar(node: Scalar, schema: Schema | undefined): Json | undefined {
  const isPlain = node.type === undefined || node.type === "PLAIN";
  const text = node.source ?? String(node.value ?? "");
  if (!isPlain) return text;
  if (node.value === null) return undefined;
  if (schema?.type === "string") return text;
  // A number that JavaScript cannot hold stays as it is written.
  if (typeof node.value === "number" && Number.isInteger(node.value) && !Number.isSafeInteger(node.value)) return text;
  return typeof node.value === "number" || typeof node.value === "boolean" ? node.value : text;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? (key.source ?? String(key.value ?? "")) : String(key);
}

export function readYaml(text: string, kind: Kind, schema: Schema): Read {
  const counter = new LineCounter();
  const doc = parse(text, counter);
  const at = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const [failure] = doc.errors;
  if (failure) return { error: { reason: failure.code === "MULTIPLE_DOCS" ? "several" : "syntax", message: failure.message, ...at(failure.pos[0]) } };
  const root: unknown = doc.contents;
  if (!isMap(root)) return { error: { reason: "mapping", message: "", ...at((root as Node | null)?.range?.[0] ?? 0) } };
  const kindNode: unknown = root.get("kind", true);
  if (!isScalar(kindNode) || kindNode.value !== kind) return { error: { reason: "kind", message: "", ...at((kindNode as Node | undefined)?.range?.[0] ?? root.range?.[0] ?? 0) } };
  try {
    const { kind: _kind, ...value } = new Reader(doc).value(root, { ...schema, values: {} }) as JsonObject;
    return { value, lines: (path) => lineOf(root, path, (offset) => at(offset).line) };
  } catch (error) {
    if (error instanceof TooLarge || error instanceof ReferenceError) return { error: { reason: "large", message: "", line: 1, column: 1 } };
    throw error;
  }
}

function parse(text: string, lineCounter?: LineCounter) {
  return parseDocument(text, { ...(lineCounter ? { lineCounter } : {}), prettyErrors: false, uniqueKeys: true, version: "1.2" });
}

/** The line of the value at a path, or of the innermost value around it. */
function lineOf(root: YAMLMap, path: Path, line: (offset: number) => number): number | undefined {
  let node: unknown = root;
  let found: number | undefined;
  for (const part of path) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => keyOf(key) === String(part));
      if (!pair) break;
      const start = (pair.key as Node | null)?.range?.[0];
      if (start !== undefined) found = line(start);
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      const start = (node as Node | null | undefined)?.range?.[0];
      if (start !== undefined) found = line(start);
    } else break;
  }
  return found;
}

const PRINT = { lineWidth: 0, indentSeq: true, flowCollectionPadding: false } as const;

/** Writes a document in the order of the schema. */
export function writeYaml(value: JsonObject, kind: Kind, schema: Schema): string {
  const doc = new Document({ kind });
  const root = doc.contents as unknown as YAMLMap;
  change(doc, root, {}, value, schema);
  return doc.toString(PRINT);
}

/** Changes the text so that it has `value`; the rest of it stays as it is. */
export function updateYaml(text: string, value: JsonObject, kind: Kind, schema: Schema): string {
  const doc = parse(text) as unknown as Document;
  const root = doc.contents;
  let hasAlias = false;
  visit(doc, { Alias: () => ((hasAlias = true), visit.BREAK) });
  // An alias would change with its anchor.
  if (doc.errors.length > 0 || !isMap(root) || hasAlias) return writeYaml(value, kind, schema);
  const { kind: _kind, ...current } = new Reader(doc).value(root, { ...schema, values: {} }) as JsonObject;
  if (isSame(current, value)) return text;
  change(doc, root, current, value, schema);
  return doc.toString(PRINT);
}

function change(doc: Document, map: YAMLMap, from: JsonObject, to: JsonObject, schema: Schema | undefined): void {
  const order = Object.keys(schema?.properties ?? {});
  const rank = (name: string) => (name === "kind" ? -1 : order.includes(name) ? order.indexOf(name) : order.length);
  const names = [...Object.keys(from), ...Object.keys(to).filter((name) => !Object.hasOwn(from, name)).sort((a, b) => rank(a) - rank(b))];
  for (const name of names) {
    const next = to[name];
    const part = schema?.properties?.[name] ?? schema?.values;
    const index = map.items.findIndex(({ key }) => keyOf(key) === name);
    const pair = map.items[index];
    if (next === undefined) {
      if (pair) map.items.splice(index, 1);
    } else if (pair) {
      if (!isSame(from[name], next)) pair.value = changed(doc, pair.value as Node | null, from[name], next, part);
    } else {
      const added = doc.createPair(name, null);
      added.value = nodeOf(doc, next, part, false);
      const place = order.length === 0 ? -1 : map.items.findIndex(({ key }) => rank(keyOf(key)) > rank(name));
      if (place < 0) map.items.push(added);
      else map.items.splice(place, 0, added);
    }
  }
  if (map.items.length > 0 && Object.keys(from).length === 0 && schema?.values !== undefined) map.flow = false;
}

function changed(doc: Document, node: Node | null, from: Json | undefined, to: Json, schema: Schema | undefined): Node {
  if (isMap(node) && isObject(from) && isObject(to) && Object.keys(to).length > 0) {
    change(doc, node, from, to, schema);
    return node;
  }
  if (isSeq(node) && Array.isArray(from) && Array.isArray(to) && to.length > 0) {
    const items = node.items as (Node | null)[];
    const first = from.findIndex((item, index) => !isSame(item, to[index]));
    if (to.length === from.length - 1 && first >= 0 && isSame(from.slice(first + 1), to.slice(first))) {
      items.splice(first, 1);
      return node;
    }
    items.length = Math.min(items.length, to.length);
    for (const [index, item] of to.entries()) if (index >= from.length || !isSame(from[index], item)) items[index] = changed(doc, items[index] ?? null, from[index], item, schema?.items);
    return node;
  }
  const next = nodeOf(doc, to, schema, node === null);
  if (node && isScalar(node) && isScalar(next) && node.comment) next.comment = node.comment;
  return next;
}

/** A node with texts that are numbers unquoted; objects of a list are on one line. */
function nodeOf(doc: Document, value: Json, schema: Schema | undefined, isItem: boolean): Node {
  if (Array.isArray(value)) {
    const list = new YAMLSeq(doc.schema);
    list.items = value.map((item) => nodeOf(doc, item, schema?.items, true));
    list.flow = value.length === 0 || value.every((item) => typeof item === "string" && item.length < 30 && !item.includes("\n")) && value.join("").length < 60;
    return list;
  }
  if (isObject(value)) {
    const map = new YAMLMap(doc.schema);
    change(doc, map, {}, value, schema);
    map.flow = Object.keys(value).length === 0 || (isItem && Object.values(value).every((item) => typeof item !== "object"));
    return map;
  }
  if (typeof value === "string" && schema?.type === "string" && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(value) && String(Number(value)) === value) return new Scalar(Number(value));
  return doc.createNode(value) as Node;
}
