// Every page in both themes (in one language; with FLOW_TEST_LONG in both): content, no error, no
// violation of the content security policy, no serious accessibility fault, few requests, a picture.
import assert from "node:assert/strict";
import { accessible, open, picture, settled, signIn } from "./kit.mjs";

/** Requests of a page besides those of its frame. */
const REQUESTS_MAX = 3;

/** Name of the picture and path of each page. */
export async function pagesOf(hub) {
  const [task] = (await hub.json("task", "list")).items;
  const runs = (await hub.json("run", "list", task.name)).items.map((run) => run.id);
  const [template] = (await hub.json("template", "list")).items;
  return [
    ["overview", "/"],
    ["tasks", "/tasks"],
    ["submit", "/tasks/new"],
    ["task", `/tasks/${task.id}`],
    ["task-logs", `/tasks/${task.id}?tab=logs`],
    ["task-edit", `/tasks/${task.id}/edit`],
    ["compare", `/runs/compare?runs=${runs.slice(0, 2).join(",")}`],
    ["templates", "/templates"],
    ["template", `/templates/${template.id}`],
    ["template-new", "/templates/new"],
    ["parties", "/parties"],
    ["party", "/parties/party-a"],
    ["projects", "/projects"],
    ["project", "/projects/default"],
    ["users", "/users"],
    ["tokens", "/tokens"],
    ["sessions", "/sessions"],
    ["webhooks", "/webhooks"],
    ["audit", "/audit"],
    ["system", "/system"],
    ["not-found", "/no-such-page"],
  ];
}

export async function everyPage(chrome, hub, user, { theme, width, language = "en-GB" }) {
  const { context, page, errors } = await open(chrome, hub.url, { theme, width, language });
  await signIn(page, user);
  await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
  for (const [name, path] of await pagesOf(hub)) {
    const where = `${name} (${theme}, ${width} px, ${language})`;
    const requests = [];
    const note = (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.includes("/api/v2/") && !/\/api\/v2\/(me|events)$/.test(pathname)) requests.push(`${request.method()} ${pathname}`);
    };
    page.on("request", note);
    await page.goto(path);
    await settled(page);
    await accessible(page, where);
    await picture(page, `${language.slice(0, 2)}/${theme}-${width}/${name}`);
    page.off("request", note);
    assert.deepEqual(errors, [], where);
    assert.ok(requests.length <= REQUESTS_MAX, `${where}: ${requests.join(", ")}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${where}: the page is ${wide} px wider than the window`);
  }
  await context.close();
}
