// Extracts the texts of the sources into the catalogues of src/locales. `--check` compares only: it
// fails if a catalogue is older than the sources or if a text has no translation.
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const catalogues = join(root, "src/locales");
const SOURCE = "en.po";

/** Runs `lingui extract` on the catalogues in `folder` and returns its exit status. */
function extract(folder, stdio) {
  const { status, error } = spawnSync(process.execPath, [join(root, "node_modules/.bin/lingui"), "extract", "--clean"], { cwd: root, stdio, env: { ...process.env, CATALOGUES: folder } });
  if (error) console.error(error.message);
  return status ?? 1;
}

/** Texts of a catalogue without a translation. */
function untranslated(body) {
  const entries = body.split("\n\n").slice(1);
  return entries.filter((entry) => /^msgstr ""$(?!\n")/m.test(entry)).map((entry) => /^msgid ((?:.|\n)*)\nmsgstr /m.exec(entry)?.[1] ?? entry);
}

async function check() {
  // The copies are changed, not the files of the working tree.
  const folder = await mkdtemp(join(tmpdir(), "flow-texts-"));
  try {
    await cp(catalogues, folder, { recursive: true });
    const status = extract(folder, ["ignore", "ignore", "inherit"]);
    if (status !== 0) return status;
    let mistakes = 0;
    for (const name of (await readdir(catalogues)).filter((each) => each.endsWith(".po"))) {
      const body = await readFile(join(catalogues, name), "utf8");
      if (body !== (await readFile(join(folder, name), "utf8"))) {
        console.error(`console/src/locales/${name} is older than the sources; run \`npm run texts\` in console/ and translate the new texts`);
        mistakes += 1;
      }
      const empty = name === SOURCE ? [] : untranslated(body);
      for (const text of empty) console.error(`console/src/locales/${name} has no translation of ${text}; run \`npm run texts\` in console/ and translate it`);
      mistakes += empty.length;
    }
    return mistakes === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true });
  }
}

process.exit(process.argv.includes("--check") ? await check() : extract(catalogues, "inherit"));
