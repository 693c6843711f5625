// Queries of the page of a task, and the changes that events make to their data.
import { infiniteQueryOptions, queryOptions, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { api, bodyOf, urlOf, type Schemas } from "../../api/client";
import { runQuery } from "../../api/queries";
import { useLiveEvents } from "../../app/live";
import { withPoints } from "./curves";

export type Task = Schemas["Task"];
export type Run = Schemas["Run"];
export type Member = Schemas["Member"];
type EventPage = Schemas["Page_Event"];
type ProgressEvent = Schemas["ProgressEvent"];

// Series and events are not below the key of the task: new values are appended, not read again.
export const seriesQuery = (task: string, run: number | string) =>
  queryOptions({
    queryKey: ["series", task, String(run)],
    queryFn: async ({ signal }) => (await bodyOf(api.GET("/api/v2/tasks/{task}/runs/{run}/series", { params: { path: { task, run: String(run) } }, signal }))) as Schemas["RunSeries"],
    staleTime: 60_000,
  });

export const eventsQuery = (task: string) =>
  infiniteQueryOptions({
    queryKey: ["events", task],
    queryFn: async ({ pageParam, signal }) => (await bodyOf(api.GET("/api/v2/tasks/{task}/events", { params: { path: { task }, query: { after: pageParam, limit: 200 } }, signal }))) as EventPage,
    initialPageParam: 0,
    getNextPageParam: (page: EventPage) => (page.next ? Number(page.next) : undefined),
    staleTime: 60_000,
  });

/** Address of a file of a member, for a link. */
export function memberUrl(task: string, run: number, party: string, rest: string, project: string | undefined): string {
  const url = new URL(urlOf(`api/v2/tasks/${encodeURIComponent(task)}/runs/${run}/members/${encodeURIComponent(party)}/${rest}`));
  if (project !== undefined) url.searchParams.set("project", project);
  return url.toString();
}

function isProgress(event: unknown): event is ProgressEvent {
  const value = event as Partial<ProgressEvent> | null;
  return typeof value === "object" && value !== null && typeof value.run === "string" && typeof value.party === "string" && typeof value.progress === "object" && value.progress !== null;
}

/** Brings progress and events into what was read of the run. */
export function useRunLive(task: string, run: Run | undefined): void {
  const client = useQueryClient();
  useLiveEvents((events) => {
    const series = run && seriesQuery(task, run.number).queryKey;
    for (const { kind, event } of events) {
      if (kind === "feed" && event.task === task) {
        if (series && event.run === run.id && event.kind.startsWith("run.")) void client.invalidateQueries({ queryKey: series });
        client.setQueryData<InfiniteData<EventPage, number>>(["events", task], (data) => withEvent(data, event));
      } else if (kind === "progress" && run && series && isProgress(event) && event.run === run.id) {
        client.setQueryData(runQuery(task, String(run.number)).queryKey, (former) => former && withProgress(former, event));
        client.setQueryData(series, (former) => former && withPoints(former, event.party, event.series ?? []));
        // A response on its way may be from before these points.
        if (client.isFetching({ queryKey: series }) > 0) void client.invalidateQueries({ queryKey: series });
      }
    }
  });
}

function withEvent(data: InfiniteData<EventPage, number> | undefined, event: Schemas["FeedEvent"]): InfiniteData<EventPage, number> | undefined {
  const last = data?.pages.at(-1);
  if (!data || !last || last.next) return data;
  if ((last.items.at(-1)?.seq ?? 0) >= event.seq) return data;
  return { ...data, pages: [...data.pages.slice(0, -1), { ...last, items: [...last.items, event] }] };
}

function withProgress(run: Run, { party, progress, at }: ProgressEvent): Run {
  const members = run.members.map((member) => (member.party === party ? { ...member, progress } : member));
  const epochs = members.filter((member) => member.role === "trainer").map((member) => member.progress?.epoch);
  const epoch = epochs.every((each) => typeof each === "number") && epochs.length > 0 ? Math.min(...(epochs as number[])) : run.progress.epoch;
  return { ...run, members, progress: { ...run.progress, epoch: epoch ?? null }, progress_at: at ?? run.progress_at };
}

/** When the run will have done its epochs at the speed so far. */
export function estimatedEnd(run: Run, progress: { epoch?: number | null | undefined; epochs?: number | null | undefined } | undefined | null): string | undefined {
  const { epoch, epochs } = progress ?? {};
  if (run.phase !== "running" || !run.running_at || !run.progress_at || !epoch || !epochs || epoch < 2 || epoch > epochs) return undefined;
  const begun = Date.parse(run.running_at);
  const moved = Date.parse(run.progress_at);
  // The epoch in progress began with the last progress.
  const each = (moved - begun) / (epoch - 1);
  const end = moved + each * (epochs - epoch + 1);
  if (!Number.isFinite(end) || each <= 0 || end < Date.now() || end > 8.64e15) return undefined;
  return new Date(end).toISOString();
}
