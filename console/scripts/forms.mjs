// Writes the schemas of the forms (src/forms/schemas.ts) and their texts (src/forms/texts.ts) from
// docs/openapi.json; `--check` compares only. A new field of the API thus appears in its form, and
// its label and help in the catalogues of translations, without code of the console.
import { readFile, writeFile } from "node:fs/promises";

/** Request bodies that have a form or a YAML view. */
const ROOTS = ["TaskInput", "TaskDocument", "TemplateInput", "StartInput"];
/** Keywords that forms use. Others, such as `example`, are left out. */
const KEYWORDS = ["type", "description", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems", "maxProperties", "required"];
const UNITS = { s: "s", mib: "MiB", millis: "millicores", bytes: "bytes" };
const ACRONYMS = { cpu: "CPU", id: "ID", env: "Environment", workdir: "Working directory", url: "URL" };

const document = JSON.parse(await readFile(new URL("../../docs/openapi.json", import.meta.url), "utf8"));
const components = document.components.schemas;
const texts = new Set();

/** `give_up_after_s` becomes `Give up after (s)`. */
function label(name) {
  const words = name.split("_");
  const unit = words.length > 1 ? UNITS[words.at(-1)] : undefined;
  if (unit !== undefined) words.pop();
  const text = words.map((word) => ACRONYMS[word] ?? word).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1) + (unit === undefined ? "" : ` (${unit})`);
}

/** The schema with its references replaced by what they refer to. */
function expand(schema, parents = []) {
  const { $ref: ref, ...own } = schema;
  if (ref !== undefined) {
    const name = ref.replace("#/components/schemas/", "");
    if (components[name] === undefined || parents.includes(name)) throw new Error(`cannot expand ${ref}`);
    return expand({ ...components[name], ...own }, [...parents, name]);
  }
  const isNull = (each) => each.type === "null";
  if (own.oneOf?.some(isNull)) {
    const { oneOf, ...rest } = own;
    const others = oneOf.filter((each) => !isNull(each));
    if (others.length === 1) return { ...expand({ ...others[0], ...rest }, parents) };
  }
  const result = {};
  for (const keyword of KEYWORDS) if (own[keyword] !== undefined) result[keyword] = own[keyword];
  if (Array.isArray(result.type)) result.type = result.type.find((type) => type !== "null");
  if (result.default === null) delete result.default;
  for (const value of result.enum ?? []) texts.add(String(value));
  if (result.description !== undefined) {
    result.description = result.description.replace(/\s+/g, " ").trim();
    texts.add(result.description);
  }
  if (own.properties !== undefined)
    result.properties = Object.fromEntries(
      Object.entries(own.properties).map(([name, each]) => {
        const title = label(name);
        texts.add(title);
        return [name, { title, ...expand(each, parents) }];
      }),
    );
  if (typeof own.additionalProperties === "object") result.values = expand(own.additionalProperties, parents);
  if (own.additionalProperties === false) result.closed = true;
  if (own.propertyNames?.pattern !== undefined) result.names = own.propertyNames.pattern;
  if (own.items !== undefined) result.items = expand(own.items, parents);
  return result;
}

const source = (body) => `// Generated from docs/openapi.json by \`npm run types\`. Do not edit.\n${body}`;
const schemas = Object.fromEntries(ROOTS.map((name) => [name, expand({ $ref: `#/components/schemas/${name}` })]));
// ICU messages: braces are quoted.
const icu = (text) => text.replace(/[{}]/g, (brace) => `'${brace}'`);
const files = {
  "schemas.ts": `import type { Schema } from "./schema";\n\nexport const schemas: Record<${ROOTS.map((name) => JSON.stringify(name)).join(" | ")}, Schema> = ${JSON.stringify(schemas, null, 2)};\n`,
  "texts.ts": `import type { MessageDescriptor } from "@lingui/core";\nimport { msg } from "@lingui/core/macro";\n\n/** Labels and descriptions of the schemas, for translation. */\nexport const texts: Record<string, MessageDescriptor> = {\n${[...texts].sort().map((text) => `  ${JSON.stringify(text)}: msg({ message: ${JSON.stringify(icu(text))} }),\n`).join("")}};\n`,
};
let stale = 0;
for (const [name, body] of Object.entries(files)) {
  const file = new URL(`../src/forms/${name}`, import.meta.url);
  const text = source(body);
  if ((await readFile(file, "utf8").catch(() => "")) === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`console/src/forms/${name} is older than docs/openapi.json; run: make generate-console`);
    stale += 1;
  } else {
    await writeFile(file, text);
  }
}
process.exit(stale ? 1 : 0);
