// The tests of the console, in Chromium: node console/tests/run.mjs [PART…]
import { test } from "node:test";
import { faults } from "./faults.mjs";
import { journey } from "./journey.mjs";
import { browser, Quickstart } from "./kit.mjs";
import { everyPage } from "./pages.mjs";

const parts = process.argv.slice(2);
const part = (name, body) => test(name, { skip: parts.length > 0 && !parts.includes(name) && "not asked for" }, body);
const isLong = Boolean(process.env.FLOW_TEST_LONG);

const chrome = await browser();
const hub = await Quickstart.start();
process.on("exit", () => chrome.close());
try {
  await part("journey", (t) => journey(t, chrome, hub));
  const owner = await hub.owner();
  // A new password ends the sessions and the one-time code of the account.
  await hub.account(owner);
  await part("pages", async (t) => {
    const windows = [["light", 1280], ["dark", 360], ...(isLong ? [["light", 360], ["light", 768], ["dark", 1280]] : [])];
    for (const [theme, width] of windows) await t.test(`${theme} ${width}`, () => everyPage(chrome, hub, owner, { theme, width }));
    if (isLong) for (const theme of ["light", "dark"]) await t.test(`${theme} zh`, () => everyPage(chrome, hub, owner, { theme, width: 768, language: "zh-CN" }));
  });
  await part("faults", (t) => faults(t, chrome, hub, owner));
} finally {
  await chrome.close();
  await hub.stop();
}
