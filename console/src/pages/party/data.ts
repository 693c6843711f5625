// Keys and options of the queries of the party view, and how events change what was read.
import { queryOptions, type QueryClient } from "@tanstack/react-query";
import { agent, type AgentSchemas } from "../../api/agentClient";
import { bodyOf } from "../../api/client";
import type { Member, PartyEvent } from "./events";

export type { Member, State } from "./events";
export type Details = AgentSchemas["PartyMemberDetails"];
export type View = AgentSchemas["PartyView"];
export type Configuration = AgentSchemas["PartyConfiguration"];
type Members = AgentSchemas["Page_PartyMember"];

const PAGE_SIZE = 50;

export const keys = {
  party: ["party"] as const,
  members: ["members"] as const,
  member: (run: string) => ["member", run] as const,
};

export const partyQuery = queryOptions({
  queryKey: keys.party,
  queryFn: ({ signal }) => bodyOf(agent.GET("/api/v2/party", { signal })),
  staleTime: 60_000,
});

export const membersQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: [...keys.members, cursor ?? ""],
    queryFn: ({ signal }) => bodyOf(agent.GET("/api/v2/members", { params: { query: { limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) } }, signal })),
    // Events write into what was read, so its age does not tell whether it must be read again.
    staleTime: 0,
  });

export const memberQuery = (run: string) =>
  queryOptions({
    queryKey: keys.member(run),
    queryFn: ({ signal }) => bodyOf(agent.GET("/api/v2/members/{run}", { params: { path: { run } }, signal })),
    staleTime: 0,
  });

const ENDED = new Set<string>(["refused", "succeeded", "failed", "stopped"]);

export function hasEnded(member: Member): boolean {
  return ENDED.has(member.phase);
}

export function taskName(member: Member): string {
  return member.task_name === "" ? member.task.slice(0, 12) : member.task_name;
}

/** Writes an event into what was read. Returns the keys of what must be read again. */
export function apply(client: QueryClient, event: PartyEvent): (readonly string[])[] {
  if (event.kind === "party") {
    const known = client.getQueryData(keys.party) as View | undefined;
    if (known) client.setQueryData(keys.party, { ...known, state: event.state });
    return known && known.state.reloads !== event.state.reloads ? [keys.party] : [];
  }
  if (event.kind === "member") return applyMember(client, event.member);
  if (event.kind === "removed") return [keys.members, keys.member(event.run)];
  if (event.kind === "lost") return [keys.party, keys.members, ["member"]];
  return [];
}

function applyMember(client: QueryClient, member: Member): (readonly string[])[] {
  const stale: (readonly string[])[] = [];
  let isListed = false;
  for (const [key, page] of client.getQueriesData<Members>({ queryKey: keys.members })) {
    const former = page?.items.find((each) => each.run === member.run);
    if (!page || !former) continue;
    // The place in the list follows from whether the member has ended.
    isListed = hasEnded(former) === hasEnded(member);
    client.setQueryData(key, { ...page, items: page.items.map((each) => (each.run === member.run ? member : each)) });
  }
  if (!isListed) stale.push(keys.members);
  const details = client.getQueryData(keys.member(member.run)) as Details | undefined;
  if (details) {
    const { phase, digest, resolution, settled } = details.member;
    // The spec that is shown must be that of the digest that is approved.
    if (digest === member.digest && resolution === member.resolution) client.setQueryData(keys.member(member.run), { ...details, member });
    if (phase !== member.phase || digest !== member.digest || resolution !== member.resolution || settled !== member.settled) stale.push(keys.member(member.run));
  }
  return stale;
}
