// Renders the OpenAPI document. All texts go through textContent, so HTML in the document is never parsed.
// The token stays in memory.
"use strict";

const node = (name, text, ...children) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};

// Formats a text with `code` in backticks.
const marked = (name, text) =>
  node(name, "", ...text.split("`").map((part, index) => (index % 2 ? node("code", part) : part)));

// Returns the description of a value; for a nullable value that of its other variant.
const meaning = (schema) =>
  schema.description || (schema.oneOf || schema.anyOf || []).map((variant) => variant.description).find(Boolean) || "";

// Schemas of the document, by name.
let schemas = {};

// Returns the constraints of a value besides its type. A named number shows its range; other named types
// have their own entry.
const bounds = (named) => {
  if (!named) return "";
  const schema = named.$ref ? schemas[named.$ref.split("/").pop()] : named;
  if (named.$ref && schema.type !== "integer") return "";
  const range = (low, high, what) =>
    low !== undefined && high !== undefined ? `${low} to ${high}${what}`
    : low !== undefined ? `at least ${low}${what}`
    : high !== undefined ? `at most ${high}${what}`
    : "";
  const said = [
    range(schema.minimum, schema.maximum, ""),
    range(schema.minLength, schema.maxLength, " characters"),
    schema.pattern ? "`" + schema.pattern + "`" : "",
    schema.default !== undefined ? `default ${JSON.stringify(schema.default)}` : "",
  ].filter(Boolean);
  return said.length ? ` (${said.join("; ")})` : "";
};

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const variants = schema.oneOf || schema.anyOf || schema.allOf;
  if (variants) return variants.map(typeOf).join(schema.allOf ? " & " : " | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const kinds = [].concat(schema.type || "any");
  return kinds
    .map((kind) => {
      if (kind === "array") return typeOf(schema.items) + "[]";
      if (kind === "object" && schema.additionalProperties) return `{name: ${typeOf(schema.additionalProperties)}}`;
      if (kind === "object" && schema.properties) return `{${Object.keys(schema.properties).join(", ")}}`;
      return schema.format && kind !== "null" ? `${kind} (${schema.format})` : kind;
    })
    .join(" | ");
};

const table = (head, rows) => {
  const cells = (kind, row) => node("tr", "", ...row.map((text) => marked(kind, text)));
  return node("table", "", node("thead", "", cells("th", head)), node("tbody", "", ...rows.map((row) => cells("td", row))));
};

const content = (holder) =>
  Object.entries(holder.content || {})
    .map(([kind, { schema }]) => `${kind}: ${typeOf(schema)}`)
    .join("; ");

const operation = (path, method, spec) => {
  const drawn = node("details", "", node("summary", "", node("b", method), node("code", path), ` ${spec.summary || ""}`));
  drawn.id = spec.operationId || `${method} ${path}`;
  if (spec.description) drawn.append(marked("p", spec.description));
  if (spec.parameters) {
    const rows = spec.parameters.map((p) => [
      p.name, p.in, typeOf(p.schema) + bounds(p.schema), p.required ? "yes" : "no", p.description || "",
    ]);
    drawn.append(node("h4", "Parameters"), table(["name", "in", "type", "required", "meaning"], rows));
  }
  if (spec.requestBody) drawn.append(node("h4", "Body"), node("p", content(spec.requestBody)));
  const rows = Object.entries(spec.responses).map(([status, answer]) => [status, answer.description, content(answer)]);
  drawn.append(node("h4", "Answers"), table(["status", "meaning", "content"], rows));
  return drawn;
};

const parts = (schema) => (schema.allOf ? schema.allOf.flatMap((part) => (part.$ref ? [] : [part])) : [schema]);

const schemaOf = (name, schema) => {
  const drawn = node("details", "", node("summary", "", node("code", name)));
  if (schema.description) drawn.append(marked("p", schema.description));
  const rows = parts(schema).flatMap((part) =>
    Object.entries(part.properties || {}).map(([field, it]) => [
      field, typeOf(it) + bounds(it), (part.required || []).includes(field) ? "yes" : "no", meaning(it),
    ]),
  );
  drawn.append(rows.length ? table(["field", "type", "always", "meaning"], rows) : marked("p", typeOf(schema) + bounds(schema)));
  const based = (schema.allOf || []).filter((part) => part.$ref).map(typeOf);
  if (based.length) drawn.append(node("p", `and all fields of ${based.join(", ")}`));
  const example = schema.example || (schema.examples || [])[0];
  if (example) drawn.append(node("pre", JSON.stringify(example, null, 2)));
  return drawn;
};

const draw = (spec) => {
  schemas = spec.components.schemas;
  const drawn = spec.info.description.split("\n\n").map((text) => marked("p", text));
  for (const tag of spec.tags) {
    drawn.push(node("h2", tag.name), marked("p", tag.description));
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const [method, it] of Object.entries(item)) {
        if ((it.tags || []).includes(tag.name)) drawn.push(operation(path, method, it));
      }
    }
  }
  drawn.push(node("h2", "Schemas"), ...Object.entries(spec.components.schemas).map(([name, it]) => schemaOf(name, it)));
  document.getElementById("document").replaceChildren(...drawn);
  // The URL names an operation that was not rendered when the page was loaded.
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
};

document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const status = document.getElementById("status");
  status.textContent = "…";
  try {
    const token = document.getElementById("token").value;
    const answer = await fetch("/openapi.json", { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(answer.status === 401 ? "this token is not valid" : `HTTP ${answer.status}`);
    draw(await answer.json());
    status.textContent = "";
  } catch (error) {
    status.textContent = error.message;
  }
});
