// Routes of the console of a hub. Filters, tabs and panels are search parameters, so that a link
// shows what its sender saw; pages are loaded when they are first shown.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, retainSearchParams } from "@tanstack/react-router";
import { NotFound, PageFailure } from "./Failure";
import type { Search } from "./search";
import { Root, Shell } from "./Shell";

/** Search parameters are texts; a page reads and checks its own. */
function texts(search: Record<string, unknown>): Search {
  return Object.fromEntries(Object.entries(search).map(([name, value]) => [name, value === undefined || value === null ? undefined : String(value)]));
}

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFound,
  errorComponent: PageFailure,
  validateSearch: texts,
  search: { middlewares: [retainSearchParams(["project"])] },
});

const signIn = createRoute({ getParentRoute: () => root, path: "/sign-in", component: lazyRouteComponent(() => import("../pages/sign-in/SignIn")) });
const setup = createRoute({ getParentRoute: () => root, path: "/setup", component: lazyRouteComponent(() => import("../pages/setup/Setup")) });
const device = createRoute({ getParentRoute: () => root, path: "/device", component: lazyRouteComponent(() => import("../pages/sign-in/Device")) });
/** Pages for people who are signed in. */
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const page = <P extends string>(path: P, load: () => Promise<{ default: React.ComponentType }>) =>
  createRoute({ getParentRoute: () => shell, path, component: lazyRouteComponent(load) });

const pages = [
  page("/", () => import("../pages/overview/Overview")),
  page("/tasks", () => import("../pages/tasks/Tasks")),
  page("/tasks/new", () => import("../pages/submit/Submit")),
  page("/tasks/$task", () => import("../pages/task/Task")),
  page("/tasks/$task/edit", () => import("../pages/submit/Edit")),
  page("/runs/compare", () => import("../pages/compare/Compare")),
  page("/templates", () => import("../pages/templates/Templates")),
  page("/templates/new", () => import("../pages/templates/NewTemplate")),
  page("/templates/$template", () => import("../pages/templates/Template")),
  page("/parties", () => import("../pages/parties/Parties")),
  page("/parties/$party", () => import("../pages/parties/Party")),
  page("/projects", () => import("../pages/projects/Projects")),
  page("/projects/$name", () => import("../pages/projects/Project")),
  page("/users", () => import("../pages/users/Users")),
  page("/tokens", () => import("../pages/tokens/Tokens")),
  page("/sessions", () => import("../pages/sessions/Sessions")),
  page("/webhooks", () => import("../pages/webhooks/Webhooks")),
  page("/webhooks/$webhook", () => import("../pages/webhooks/Webhook")),
  page("/audit", () => import("../pages/audit/Audit")),
  page("/system", () => import("../pages/system/System")),
];

export const router = createRouter({
  routeTree: root.addChildren([signIn, setup, device, shell.addChildren(pages)]),
  basepath: new URL(document.baseURI).pathname.replace(/\/$/, "") || "/",
  defaultPreload: "intent",
  scrollRestoration: true,
  // Values stay as they are written: a name such as 1e3 is a text.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) if (value !== undefined && value !== "") params.set(name, String(value));
    const text = params.toString();
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
