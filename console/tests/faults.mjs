// What goes wrong: wrong password, a session that ends in the middle of an edit, a hub that is killed,
// a role that may not, another project's task, and texts of others that try to be something else.
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open, PASSWORD, settled, signIn, until } from "./kit.mjs";

const NAMES = ["<img src=x onerror=alert(1)>", "‮gnirts \u202d 漢字 😀", "'; DROP TABLE tasks; --"];

export async function faults(t, chrome, hub, owner) {
  const anew = async () => {
    const window = await open(chrome, hub.url);
    window.page.on("dialog", (dialog) => window.errors.push(`dialog: ${dialog.message()}`));
    return window;
  };

  await t.test("a wrong password is explained, and the right one still signs in", async () => {
    const { context, page, errors } = await anew();
    await signIn(page, owner, "not the password");
    await page.getByRole("alert").first().waitFor();
    await signIn(page, owner);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    assert.deepEqual(errors, []);
    await context.close();
  });

  await t.test("a session that ends during an edit loses no input", async () => {
    const { context, page, errors } = await anew();
    await signIn(page, owner);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    const [task] = await hub.json("task", "list");
    await page.goto(`/tasks/new?from=${task.id}`);
    await settled(page);
    await page.getByLabel("Name", { exact: true }).fill("typed-before-the-end");
    await page.evaluate(async () => {
      const { items } = await (await fetch("/api/v2/sessions")).json();
      await fetch(`/api/v2/sessions/${items.find(({ current }) => current).id}`, { method: "DELETE" });
    });
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Your session has ended").waitFor();
    await dialog.getByLabel("Password", { exact: false }).fill(PASSWORD);
    await dialog.getByRole("button", { name: "Sign in", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "typed-before-the-end");
    // A reload keeps it too.
    await page.reload();
    await settled(page);
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "typed-before-the-end");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: /typed-before-the-end/ }).waitFor();
    assert.deepEqual(errors, []);
    await context.close();
  });

  await t.test("a killed hub is reported, and the page is up to date after its start", async () => {
    const { context, page, errors } = await anew();
    await signIn(page, owner);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto("/tasks");
    await settled(page);
    await hub.killHub();
    await page.getByText("Connection lost. Connecting again…").waitFor();
    await hub.startHub();
    await page.getByText("Connected again, up to date").waitFor();
    await hub.flowctl("task", "clone", "digits", "after-the-kill");
    await page.getByRole("link", { name: "after-the-kill" }).waitFor();
    // Failed requests of the time without a hub are errors of the network only.
    assert.deepEqual(errors, []);
    await context.close();
  });

  await t.test("a viewer is told why buttons cannot be used, and sees no other project", async () => {
    await hub.account("vera", true);
    await hub.flowctl("project", "member", "set", "default", "vera", "viewer");
    await hub.flowctl("project", "create", "other");
    const file = join(hub.folder, "other.yaml");
    await writeFile(file, "kind: Template\nname: elsewhere\nframework: generic\nimage: mine\ncommand: [\"true\"]\n");
    await hub.flowctl("--project", "other", "apply", "-f", file);
    const [foreign] = await hub.json("--project", "other", "template", "list");
    const [task] = await hub.json("task", "list");

    const { context, page, errors } = await anew();
    await signIn(page, "vera");
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto(`/tasks/${task.id}`);
    await settled(page);
    const start = page.getByRole("button", { name: "Start", exact: true });
    assert.equal(await start.getAttribute("aria-disabled"), "true");
    assert.match((await start.getAttribute("title")) ?? "", /role/);
    assert.equal(await page.getByRole("link", { name: "Users", exact: true }).count(), 0);
    await page.goto(`/templates/${foreign.id}`);
    await page.getByRole("alert").getByText(/no template/).waitFor();
    await page.goto("/?project=other");
    await page.getByRole("alert").first().waitFor();
    await page.goto("/users");
    await page.getByRole("alert").or(page.getByText(/administrator/)).first().waitFor();
    assert.deepEqual(errors, []);
    await context.close();
  });

  await t.test("hostile names and logs are texts", async () => {
    const image = join(hub.folder, "images/mine/bin");
    await mkdir(image, { recursive: true });
    const script = join(image, "hostile");
    const line = String.raw`printf '\033[31mred\033[0m \033]0;title\007 <script>alert(1)</script> \001\002 end\n'; head -c 1000000 /dev/zero | tr '\0' x; echo; echo last-line`;
    await writeFile(script, `#!/bin/sh\n${line}\n`);
    await chmod(script, 0o755);
    const file = join(hub.folder, "hostile.yaml");
    const remark = `${NAMES.join(" ")} ${"z".repeat(800)}`;
    await writeFile(
      file,
      [
        { kind: "Template", name: "hostile", framework: "generic", image: "mine", command: ["hostile"], remark: remark.slice(0, 500) },
        { kind: "Task", name: "hostile", template: "hostile", epochs: 1, remark: remark.slice(0, 500), members: [{ party: "party-a", role: "trainer" }] },
        ...NAMES.map((name, index) => ({ kind: "Task", name: name.slice(0, 50), template: "hostile", epochs: 1, labels: { place: `n${index}` }, members: [{ party: "party-a", role: "trainer" }] })),
      ]
        .map((document) => JSON.stringify(document))
        .join("\n---\n"),
    );
    await hub.flowctl("apply", "-f", file);
    await hub.flowctl("task", "start", "hostile");
    await until("the end", async () => (await hub.json("task", "get", "hostile")).run?.phase === "succeeded");

    const { context, page, errors } = await anew();
    await signIn(page, owner);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto("/tasks");
    await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
    const task = await hub.json("task", "get", "hostile");
    await page.goto(`/tasks/${task.id}?tab=log`);
    await page.getByText("last-line").first().waitFor();
    await page.getByText("<script>alert(1)</script>").first().waitFor();
    assert.equal(await page.evaluate(() => document.title.includes("title")), false);
    assert.deepEqual(errors, []);
    await context.close();
  });
}
