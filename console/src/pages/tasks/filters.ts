// Filters of the list of tasks: in the URL, in the request for the list, and in a bulk request.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Schemas } from "../../api/client";

export type Sort = Schemas["TaskSort"];
export type Direction = Schemas["Direction"];

/** Search parameters of the page. Lists are separated by commas, which no phase or label contains. */
export type TaskSearch = {
  name?: string | undefined;
  phase?: string | undefined;
  party?: string | undefined;
  template?: string | undefined;
  label?: string | undefined;
  since?: string | undefined;
  before?: string | undefined;
  sort?: string | undefined;
  direction?: string | undefined;
  cursor?: string | undefined;
};

export const PHASES = ["new", "queued", "reserving", "starting", "running", "stopping", "succeeded", "failed", "cancelled"] as const;
export const ACTIVE = ["queued", "reserving", "starting", "running", "stopping"] as const;

const FILTERS = ["name", "phase", "party", "template", "label", "since", "before"] as const;

export function listOf(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((part) => part !== "");
}

/** A list as a search parameter; absent if it is empty. */
export function textOf(list: readonly string[]): string | undefined {
  return list.length > 0 ? list.join(",") : undefined;
}

export function hasFilters(search: TaskSearch): boolean {
  return FILTERS.some((name) => search[name] !== undefined);
}

/** The order in which the hub returns the list. */
export function orderOf({ name, sort, direction }: TaskSearch): { sort: Sort; direction: Direction } {
  const by = sort === "name" || sort === "created" || sort === "modified" ? sort : name ? "name" : "created";
  return { sort: by, direction: direction === "asc" || direction === "desc" ? direction : by === "name" ? "asc" : "desc" };
}

/** A time of the URL as the hub reads it. What is no time is sent as it is, so that the hub says so. */
function timeOf(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}

/** Parameters of the request for the page of the list. */
export function queryOf(search: TaskSearch) {
  return {
    name: search.name,
    phase: listOf(search.phase) as Schemas["PhaseFilter"][],
    party: search.party,
    template: search.template,
    label: listOf(search.label),
    created_since: timeOf(search.since),
    created_before: timeOf(search.before),
    ...(search.sort || search.direction ? orderOf(search) : {}),
    cursor: search.cursor,
  };
}

/** The same conditions in the body of a bulk request. */
export function selectorOf(search: TaskSearch): Schemas["TaskSelector"] {
  const labels = listOf(search.label).map((label) => {
    const at = label.indexOf("=");
    return at < 0 ? [label, ""] : [label.slice(0, at), label.slice(at + 1)];
  });
  return {
    name: search.name ?? null,
    phase: listOf(search.phase) as Schemas["PhaseFilter"][],
    party: search.party ?? null,
    template: search.template ?? null,
    labels: Object.fromEntries(labels) as Record<string, string>,
    created_since: timeOf(search.since) ?? null,
    created_before: timeOf(search.before) ?? null,
  };
}

/** The filters of the URL, and a function that changes some of them and shows the first page. */
export function useTaskSearch(): [search: TaskSearch, change: (part: TaskSearch) => void] {
  const search = useSearch({ strict: false }) as TaskSearch;
  const navigate = useNavigate();
  const change = useCallback(
    (part: TaskSearch) => void navigate({ to: ".", search: ((former: TaskSearch) => ({ ...former, ...part, cursor: undefined })) as never, replace: true }),
    [navigate],
  );
  return [useMemo(() => search, [search]), change];
}

export const NO_FILTERS: TaskSearch = Object.fromEntries(FILTERS.map((name) => [name, undefined]));

/** A filter of the list: the search parameters, and the function that changes some of them. */
export type FilterProps = { search: TaskSearch; change: (part: TaskSearch) => void };
