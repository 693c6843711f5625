// The template of a task: its parameters and what it requires of members.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ApiError, bodyOf, type Schemas } from "../api/client";
import { keys } from "../api/queries";
import type { Json, JsonObject } from "./schema";

export type Template = Schemas["Template"];
export type Revision = Schemas["Revision"];

export const templateQuery = (reference: string) =>
  queryOptions({
    queryKey: [...keys.templates, reference],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates/{template}", { params: { path: { template: reference } }, signal })),
    retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
  });

export const revisionQuery = (reference: string, revision: number) =>
  queryOptions({
    queryKey: [...keys.templates, reference, "revision", revision],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates/{template}/revisions/{revision}", { params: { path: { template: reference, revision } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

/** Time without a key press after which a name is looked up, in milliseconds. */
const LOOKUP_DELAY_MS = 300;

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), LOOKUP_DELAY_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export type TaskTemplate = {
  /** The newest revision, with the id. */
  template: Template | undefined;
  /** Content of the revision that the task has. */
  content: Template | Revision | undefined;
  error: unknown;
};

/** Reads the template that a task document names. */
export function useTaskTemplate(value: JsonObject): TaskTemplate {
  const reference = useSettled(typeof value["template"] === "string" ? value["template"] : "");
  const revision: Json | undefined = useSettled(value["revision"]);
  const known = useQuery({ ...templateQuery(reference), enabled: reference !== "" });
  const template = known.data;
  const isOther = template !== undefined && typeof revision === "number" && Number.isInteger(revision) && revision > 0 && revision !== template.revision;
  const other = useQuery({ ...revisionQuery(template?.id ?? "", isOther ? revision : 0), enabled: isOther });
  const content = isOther ? other.data : template;
  return { template, content, error: known.error ?? (isOther ? other.error : undefined) };
}
