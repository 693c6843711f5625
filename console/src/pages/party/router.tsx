// Routes of the party view. Tabs and open panels are search parameters, as in the console of a hub.
import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { PageFailure } from "../../app/Failure";
import { MemberPage } from "./MemberPage";
import { MembersPage } from "./MembersPage";
import { NotFound } from "./NotFound";
import { PartyPage } from "./PartyPage";
import { Shell } from "./Shell";

/** Search parameters are texts; a page reads and checks its own. */
function texts(search: Record<string, unknown>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(search).map(([name, value]) => [name, value === undefined || value === null ? undefined : String(value)]));
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: PageFailure, validateSearch: texts });

export const router = createRouter({
  routeTree: root.addChildren([
    createRoute({ getParentRoute: () => root, path: "/", component: MembersPage }),
    createRoute({ getParentRoute: () => root, path: "/members/$run", component: MemberPage }),
    createRoute({ getParentRoute: () => root, path: "/party", component: PartyPage }),
  ]),
  basepath: new URL(document.baseURI).pathname.replace(/\/$/, "") || "/",
  scrollRestoration: true,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) if (value !== undefined && value !== "") params.set(name, String(value));
    const text = params.toString();
    return text === "" ? "" : `?${text}`;
  },
});
