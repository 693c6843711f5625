// The event stream of an agent, read by one tab of the browser for all (api/events.ts).
import { createEventSource } from "eventsource-client";
import { agentUrl, type AgentSchemas } from "../../api/agentClient";
import { share, type Message, type SharedListener } from "../../api/events";

export type Member = AgentSchemas["PartyMember"];
export type State = AgentSchemas["PartyState"];

export type PartyEvent =
  | { kind: "member"; member: Member }
  | { kind: "removed"; run: string }
  | { kind: "party"; state: State }
  /** The tab must read everything again. */
  | { kind: "lost" }
  /** The agent has refused the stream because the session of the browser has ended. */
  | { kind: "session_ended" };

export function followParty(listener: SharedListener<PartyEvent>): () => void {
  return share<PartyEvent>("party", listener, readStream);
}

/** Reads the stream until `signal`, or until the session ends. The agent collects changes, so each event is a batch. */
function readStream(signal: AbortSignal, tell: (message: Message<PartyEvent>) => void): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      stream.close();
      done();
    };
    tell({ type: "state", state: "connecting" });
    const stream = createEventSource({
      url: agentUrl("api/v2/events"),
      credentials: "same-origin",
      fetch: async (target, init) => {
        const response = await fetch(target as string, { ...(init as RequestInit), headers: { ...(init?.headers as Record<string, string>), accept: "text/event-stream" } });
        if (response.status === 401) {
          tell({ type: "batch", events: [{ kind: "session_ended" }] });
          end();
        }
        if (!response.ok) throw new Error(`status ${response.status}`);
        return response as never;
      },
      onConnect: () => tell({ type: "state", state: "live" }),
      onScheduleReconnect: () => tell({ type: "state", state: "away" }),
      onMessage: ({ event, data }) => {
        const parsed = eventOf(event, data);
        if (parsed) tell({ type: "batch", events: [parsed] });
      },
    });
    signal.addEventListener("abort", end);
  });
}

function eventOf(kind: string | undefined, data: string): PartyEvent | undefined {
  try {
    const value: unknown = JSON.parse(data);
    if (kind === "member") return { kind, member: value as Member };
    if (kind === "removed") return { kind, run: (value as { run: string }).run };
    if (kind === "party") return { kind, state: value as State };
    if (kind === "lost") return { kind };
  } catch {
    // A part of an event, from a connection that broke.
  }
  return undefined;
}
