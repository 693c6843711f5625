// Writes NAME.br and NAME.gz beside each file of dist/ that becomes smaller by it.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = new URL("../dist/", import.meta.url).pathname;
for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
  // The server fills in values of index.html when it serves the file.
  if (!entry.isFile() || entry.name === "index.html" || !/\.(js|css|svg|json|txt)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const body = await readFile(path);
  const variants = {
    br: brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    gz: gzipSync(body, { level: 9 }),
  };
  for (const [ending, bytes] of Object.entries(variants)) {
    if (bytes.length < body.length) await writeFile(`${path}.${ending}`, bytes);
  }
}
