// The rows of the list: a page of tasks from the hub, and the progress of running tasks from events.
import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { useLiveEvents } from "../../app/live";
import { keys, listTasks } from "../../api/queries";
import { queryOf, type TaskSearch } from "./filters";

/** What a row shows of a task. */
export type TaskRow = Pick<Schemas["Task"], "id" | "name" | "template" | "members" | "labels" | "created_by" | "created_at" | "modified_at" | "runs" | "run">;

const FIELDS: Schemas["TaskField"][] = ["id", "name", "template", "members", "labels", "created_by", "created_at", "modified_at", "runs", "run"];

export const tasksQuery = (search: TaskSearch, limit = 50) => {
  const query = { ...queryOf(search), fields: FIELDS, limit };
  return queryOptions({
    queryKey: [...keys.taskLists, "list", query],
    queryFn: async ({ signal }) => {
      const page = await listTasks(query, signal);
      return { items: page.items as TaskRow[], next: page.next ?? undefined };
    },
    placeholderData: keepPreviousData,
  });
};

/** Epochs that members have reported since the list was read, by run and party. */
type Epochs = Map<string, Map<string, number>>;

/** The page of tasks with the newest progress. Rows that did not change stay the same objects. */
export function useTaskRows(search: TaskSearch, limit?: number) {
  const query = useQuery(tasksQuery(search, limit));
  const [epochs, setEpochs] = useState<Epochs>(new Map());
  const items = query.data?.items;
  const runs = useMemo(() => new Set(items?.flatMap(({ run }) => (run?.phase === "running" ? [run.id] : []))), [items]);

  useLiveEvents((events) => {
    let next: Epochs | undefined;
    for (const { kind, event } of events) {
      if (kind !== "progress") continue;
      const { run, party, progress } = event as { run?: string; party?: string; progress?: { epoch?: number | null } };
      if (run === undefined || party === undefined || typeof progress?.epoch !== "number" || !runs.has(run)) continue;
      next ??= new Map([...epochs].filter(([each]) => runs.has(each)));
      next.set(run, new Map(next.get(run)).set(party, progress.epoch));
    }
    if (next) setEpochs(next);
  });

  const rows = useMemo(() => items?.map((task) => withEpochs(task, epochs)), [items, epochs]);
  return { query, rows };
}

function withEpochs(task: TaskRow, epochs: Epochs): TaskRow {
  const newer = task.run ? epochs.get(task.run.id) : undefined;
  if (!task.run || !newer) return task;
  const { progress } = task.run;
  const members = { ...progress.members };
  for (const [party, epoch] of newer) members[party] = Math.max(epoch, members[party] ?? 0);
  const trainers = task.members.filter(({ role }) => role === "trainer").map(({ party }) => members[party]);
  const known = trainers.filter((epoch) => epoch !== undefined);
  if (known.length === 0 || known.length < trainers.length) return task;
  // A run that goes on without a trainer is further than this trainer was.
  const epoch = Math.max(Math.min(...known), progress.epoch ?? 0);
  if (epoch === progress.epoch) return task;
  return { ...task, run: { ...task.run, progress: { ...progress, members, epoch } } };
}
