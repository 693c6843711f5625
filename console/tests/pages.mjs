// Every page in both themes (in one language; with FLOW_TEST_LONG in both): content, no error, no
// violation of the content security policy, no serious accessibility fault, few requests, a picture.
import assert from "node:assert/strict";
import { accessible, open, picture, settled, signIn } from "./kit.mjs";

/** Different requests of a page besides those of its frame; an event may repeat one. */
const REQUESTS_MAX = 3;

/** Name of the picture and path of each page. */
export async function pagesOf(hub) {
  const [task] = await hub.json("task", "list");
  const runs = (await hub.json("task", "runs", task.name)).map((run) => run.id);
  const [template] = await hub.json("template", "list");
  return [
    ["overview", "/"],
    ["tasks", "/tasks"],
    ["submit", "/tasks/new"],
    ["task", `/tasks/${task.id}`],
    ["task-log", `/tasks/${task.id}?tab=log`],
    ["task-timeline", `/tasks/${task.id}?tab=timeline`],
    ["task-outputs", `/tasks/${task.id}?tab=outputs`],
    ["task-inputs", `/tasks/${task.id}?tab=inputs`],
    ["task-runs", `/tasks/${task.id}?tab=runs`],
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
  const faults = [];
  for (const [name, path] of await pagesOf(hub)) {
    const requests = new Set();
    const note = (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.includes("/api/v2/") && !/\/api\/v2\/(me|events)$/.test(pathname)) requests.add(`${request.method()} ${pathname}`);
    };
    page.on("request", note);
    try {
      await page.goto(path);
      await settled(page);
      await picture(page, `${language.slice(0, 2)}/${theme}-${width}/${name}`);
      await accessible(page);
      if (requests.size > REQUESTS_MAX) throw new Error(`${requests.size} requests: ${[...requests].join(", ")}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) throw new Error(`the page is ${wide} px wider than the window`);
      if (errors.length > 0) throw new Error(errors.splice(0).join(", "));
    } catch (error) {
      faults.push(`${name}: ${error.message}`);
    }
    page.off("request", note);
  }
  await context.close();
  assert.deepEqual(faults, []);
}
