// A newcomer's way: from the lines that the quickstart prints to a second task with other values, its
// curves and logs, a stop, a run with another parameter, the comparison, a clone, and a token that is
// revoked.
import assert from "node:assert/strict";
import { open, picture, settled, until } from "./kit.mjs";

export async function journey(t, chrome, hub) {
  const { context, page, errors } = await open(chrome, hub.url);
  let failed;
  // Each step begins where the last one ended.
  const step = (name, body) =>
    t.test(name, async () => {
      if (failed) throw new Error(`not tried after: ${failed}`);
      try {
        await body();
      } catch (error) {
        failed = name;
        await picture(page, "journey/failed");
        throw error;
      }
    });
  const phase = (name) => page.getByRole("main").getByText(name, { exact: true }).first().waitFor();

  await step("sign in with the printed address and code", async () => {
    const url = /Console +(http:\S+)/i.exec(hub.printed)?.[1];
    const code = /\b([A-Z]{4}(?:-[A-Z]{4}){3})\b/.exec(hub.printed)?.[1];
    assert.ok(url && code, hub.printed);
    await page.goto(url);
    const use = page.getByRole("button", { name: "Use a one-time code" });
    const field = page.getByLabel("One-time code");
    await use.or(field).first().waitFor();
    if (await use.isVisible()) await use.click();
    await field.fill(code);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await picture(page, "journey/overview");
  });

  await step("submit a second task with the generated form", async () => {
    await page.goto("/tasks/new");
    await page.getByRole("button", { name: /iflearner-digits/ }).click();
    await page.getByLabel("Name", { exact: true }).fill("second");
    await page.getByLabel("Epochs", { exact: false }).first().fill("40");
    await page.getByLabel("fit-seconds", { exact: false }).fill("0.4");
    for (const [index, [party, dataset]] of [["hub"], ["party-a", "digits"], ["party-b", "digits"]].entries()) {
      const row = page.getByRole("group", { name: new RegExp(`member.* ${index + 1}$`, "i") });
      if ((await row.count()) === 0) await page.getByRole("group", { name: "Members", exact: true }).getByRole("button", { name: "Add", exact: true }).click();
      await row.getByLabel("Party", { exact: false }).fill(party);
      await page.keyboard.press("Escape");
      if (dataset) {
        await row.getByLabel("Dataset", { exact: false }).fill(dataset);
        await page.keyboard.press("Escape");
      }
    }
    await page.getByRole("button", { name: "Ask the parties" }).click();
    await page.getByText(/would accept|accepts/i).first().waitFor();
    await picture(page, "journey/submit");
    await page.getByRole("button", { name: "Create and start" }).click();
    await page.getByRole("heading", { level: 1, name: /second/ }).waitFor();
  });

  await step("watch curves grow without loading the page again", async () => {
    await phase("running");
    const epochs = async () => Number(/Epoch (\d+) of/.exec(await page.getByRole("main").innerText())?.[1] ?? 0);
    const first = await until("an epoch", epochs);
    await page.getByRole("heading", { name: "loss" }).or(page.getByText("loss", { exact: true })).first().waitFor();
    await until("a later epoch", async () => (await epochs()) > first);
    await page.locator("canvas").first().waitFor();
    await picture(page, "journey/task");
  });

  await step("read the log of a party", async () => {
    await page.getByRole("link", { name: "Logs", exact: true }).click();
    await page.getByText(/epoch/i).first().waitFor();
    await picture(page, "journey/log");
    await page.getByRole("link", { name: "Progress", exact: true }).click();
  });

  await step("stop the run", async () => {
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("button", { name: "Stop the run" }).click();
    await phase("cancelled");
  });

  await step("start again with other values", async () => {
    await page.getByRole("button", { name: "Start with other values…" }).click();
    await page.getByLabel("Epochs", { exact: false }).fill("3");
    await page.getByLabel("fit-seconds", { exact: false }).fill("0.1");
    await page.getByRole("dialog").getByRole("button", { name: "Start", exact: true }).click();
    await phase("succeeded");
  });

  await step("compare both runs", async () => {
    await page.getByRole("link", { name: /^Runs \(2\)/ }).click();
    await page.getByRole("checkbox", { name: "Choose run 1" }).check();
    await page.getByRole("checkbox", { name: "Choose run 2" }).check();
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Compare runs" }).waitFor();
    await page.getByText("fit-seconds").first().waitFor();
    await page.locator("canvas").first().waitFor();
    await picture(page, "journey/compare");
  });

  await step("clone the task", async () => {
    const task = (await hub.json("task", "list")).find(({ name }) => name === "second");
    await page.goto(`/tasks/new?from=${task.id}`);
    await settled(page);
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: /second-2/ }).waitFor();
  });

  await step("create a token and revoke it", async () => {
    await page.goto("/tokens");
    await page.getByRole("button", { name: "New token" }).first().click();
    await page.getByRole("dialog").getByLabel("Name", { exact: false }).fill("nightly");
    await page.getByRole("button", { name: "Create the token" }).click();
    const secret = (await page.getByLabel("API token", { exact: true }).innerText()).trim();
    await page.getByRole("button", { name: "Done" }).click();
    const status = async () => (await fetch(`${hub.url}/api/v2/me`, { headers: { authorization: `Bearer ${secret}` } })).status;
    assert.equal(await status(), 200);
    await page.getByRole("button", { name: "Delete nightly" }).click();
    await page.getByRole("button", { name: "Delete the token" }).click();
    await page.getByText("Token deleted").first().waitFor();
    assert.equal(await status(), 401);
  });

  assert.deepEqual(errors, []);
  await context.close();
}
