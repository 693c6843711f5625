import { queryOptions } from "@tanstack/react-query";
import { api, bodyOf } from "../../api/client";

export const providersQuery = queryOptions({
  queryKey: ["oidc"],
  queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/oidc", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

/** A path of this console that a link names, or the start: an address elsewhere is the choice of the
 *  author of the link. */
export function localPath(back: string | undefined): string {
  return back?.startsWith("/") && !/^\/[/\\]/.test(back) ? back : "/";
}

/** Path of the hub for a path of the console, or for the page that is shown. */
export function here(back: string | undefined): string {
  if (back === undefined) return location.pathname + location.search;
  return new URL(document.baseURI).pathname.replace(/\/$/, "") + localPath(back);
}
