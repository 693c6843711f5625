import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys, listRuns } from "../../api/queries";

export type Party = Schemas["Party"];

export const partyPageQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: [...keys.parties, "list", cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/parties", { params: { query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });

export const partyQuery = (party: string) =>
  queryOptions({
    queryKey: [...keys.parties, "one", party],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/parties/{party}", { params: { path: { party } }, signal })),
  });

export const contactsQuery = (party: string) =>
  queryOptions({
    queryKey: [...keys.parties, "contacts", party],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/parties/{party}/contacts", { params: { path: { party } }, signal })),
  });

const ACTIVE: Schemas["RunPhase"][] = ["queued", "reserving", "starting", "running", "stopping"];

/** Active runs of the project that have a member of the party. */
export const activeRunsQuery = (party: string) =>
  queryOptions({
    queryKey: [...keys.runLists, "party", party],
    queryFn: ({ signal }) => listRuns({ party, phase: ACTIVE, limit: 50 }, signal),
  });
