// Keys and options of the queries that several pages share. A key begins with the kind of object, so
// that an event can mark all queries of an object as stale (app/live.tsx).
import { queryOptions } from "@tanstack/react-query";
import { api, bodyOf, type Schemas } from "./client";
import type { paths } from "./schema";

export const keys = {
  overview: ["overview"] as const,
  taskLists: ["tasks"] as const,
  /** All that belongs to one task: itself, its runs, members, series, events. */
  task: (task: string) => ["task", task] as const,
  runLists: ["runs"] as const,
  templates: ["templates"] as const,
  parties: ["parties"] as const,
  projects: ["projects"] as const,
  users: ["users"] as const,
  tokens: ["tokens"] as const,
  sessions: ["sessions"] as const,
  webhooks: ["webhooks"] as const,
  audit: ["audit"] as const,
  me: ["me"] as const,
  info: ["info"] as const,
  system: ["system"] as const,
};

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/me", { signal })),
  staleTime: 60_000,
});

export const infoQuery = queryOptions({
  queryKey: keys.info,
  queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/info", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

export const taskQuery = (task: string) =>
  queryOptions({
    queryKey: [...keys.task(task), "task"],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/tasks/{task}", { params: { path: { task } }, signal })),
  });

export const runQuery = (task: string, run: string) =>
  queryOptions({
    queryKey: [...keys.task(task), "run", run],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/tasks/{task}/runs/{run}", { params: { path: { task, run } }, signal })),
  });

export const templatesQuery = queryOptions({
  queryKey: keys.templates,
  queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates", { params: { query: { limit: 200 } }, signal })),
  staleTime: 10_000,
});

export const partiesQuery = queryOptions({
  queryKey: keys.parties,
  queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/parties", { params: { query: { limit: 200 } }, signal })),
  staleTime: 10_000,
});

type TasksParams = NonNullable<paths["/api/v2/tasks"]["get"]["parameters"]["query"]>;
type RunsParams = NonNullable<paths["/api/v2/runs"]["get"]["parameters"]["query"]>;

/** Reads a page of tasks. The document also has the form with selected `fields`. */
export async function listTasks(query: Omit<TasksParams, "fields">, signal: AbortSignal): Promise<Schemas["Page_Task"]> {
  return (await bodyOf(api.GET("/api/v2/tasks", { params: { query }, signal, querySerializer }))) as Schemas["Page_Task"];
}

/** Reads a page of runs of all tasks. */
export async function listRuns(query: Omit<RunsParams, "fields">, signal: AbortSignal): Promise<Schemas["Page_ListedRun"]> {
  return (await bodyOf(api.GET("/api/v2/runs", { params: { query }, signal, querySerializer }))) as Schemas["Page_ListedRun"];
}

/** Labels are repeated parameters, other lists are separated by commas. */
function querySerializer(query: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    if (!Array.isArray(value)) params.set(name, String(value));
    else if (name === "label") for (const label of value) params.append(name, String(label));
    else if (value.length > 0) params.set(name, value.join(","));
  }
  return params.toString();
}
