// Writes the TypeScript types of both APIs from their OpenAPI documents; `--check` compares only.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const documents = [
  ["../docs/openapi.json", "src/api/schema.d.ts"],
  ["../docs/openapi-agent.json", "src/api/agentSchema.d.ts"],
];
let stale = 0;
for (const [source, target] of documents) {
  const document = JSON.parse(await readFile(new URL(`../${source}`, import.meta.url), "utf8"));
  // The console uses only version 2. Operation ids are unique within a version.
  document.paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => source.endsWith("openapi.json") || path.startsWith("/api/v2/")));
  const types = astToString(await openapiTS(document, { alphabetize: true }));
  const text = `// Generated from ${source.slice(3)} by \`npm run types\`. Do not edit.\n${types}`;
  const file = new URL(`../${target}`, import.meta.url);
  const current = await readFile(file, "utf8").catch(() => "");
  if (current === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`console/${target} is older than ${source.slice(3)}; run: make generate-console`);
    stale += 1;
  } else {
    await writeFile(file, text);
  }
}
process.exit(stale ? 1 : 0);
