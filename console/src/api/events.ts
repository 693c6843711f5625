// One event stream for all tabs of a browser: the tab that holds a Web Lock reads the stream of the
// hub and passes batches of events to the others over a BroadcastChannel. Without Web Locks (plain
// HTTP on another machine) each tab reads a stream of its own.
import { createEventSource, type EventSourceClient } from "eventsource-client";
import { urlOf, type Schemas } from "./client";

export type FeedEvent = Schemas["FeedEvent"];

/** An event of the stream: `feed` is stored and numbered, the others are only the newest state. */
export type LiveEvent =
  | { kind: "feed"; event: FeedEvent }
  | { kind: "progress"; event: unknown }
  | { kind: "party"; event: unknown };

/** State of the stream. `expired`: the hub no longer has the events since the last one received. */
export type LiveState = "connecting" | "live" | "away" | "expired";

export type Message<Event> =
  | { type: "batch"; events: Event[] }
  | { type: "state"; state: LiveState }
  | { type: "hello" };

/** Time between two batches, in milliseconds: a burst of events becomes one update of the page. */
const BATCH_MS = 250;
/** Events of a batch that are kept. Beyond this the pages read the current state instead. */
const BATCH_MAX = 2000;

export type SharedListener<Event> = {
  onEvents: (events: Event[]) => void;
  onState: (state: LiveState) => void;
};
export type LiveListener = SharedListener<LiveEvent>;

/** Follows the events of a project until the returned function is called. */
export function followEvents(project: string, listener: LiveListener): () => void {
  return share<LiveEvent>(project, listener, (signal, tell) => readStream(project, signal, tell));
}

/** Reads a stream in one tab of the browser, which passes the batches and states to the other tabs. */
export function share<Event>(stream: string, listener: SharedListener<Event>, read: (signal: AbortSignal, tell: (message: Message<Event>) => void) => Promise<void>): () => void {
  const name = `flow.events.${new URL(document.baseURI).pathname}.${stream}`;
  const channel = new BroadcastChannel(name);
  const end = new AbortController();
  let state: LiveState = "connecting";
  let isLeader = false;

  const tell = (message: Message<Event>) => {
    if (message.type === "batch") listener.onEvents(message.events);
    if (message.type === "state") {
      state = message.state;
      listener.onState(message.state);
    }
    channel.postMessage(message);
  };
  channel.onmessage = ({ data }: MessageEvent<Message<Event>>) => {
    if (data.type === "hello") {
      if (isLeader) channel.postMessage({ type: "state", state } satisfies Message<Event>);
    } else if (data.type === "batch") listener.onEvents(data.events);
    else listener.onState(data.state);
  };
  channel.postMessage({ type: "hello" } satisfies Message<Event>);

  const lead = async () => {
    isLeader = true;
    await read(end.signal, tell);
  };
  if ("locks" in navigator) {
    void navigator.locks.request(name, { signal: end.signal }, lead).catch(() => undefined);
  } else void lead();

  return () => {
    end.abort();
    channel.close();
  };
}

/** Reads the stream until `signal`; reconnects after each loss with the number of the last event. */
function readStream(project: string, signal: AbortSignal, tell: (message: Message<LiveEvent>) => void): Promise<void> {
  return new Promise((done) => {
    let pending: LiveEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const events = pending;
      pending = [];
      if (events.length > 0) tell({ type: "batch", events });
    };
    const add = (event: LiveEvent) => {
      if (pending.length >= BATCH_MAX) pending.shift();
      pending.push(event);
      timer ??= setTimeout(flush, BATCH_MS);
    };

    const url = new URL(urlOf("api/v2/events"));
    url.searchParams.set("project", project);
    url.searchParams.set("progress", "true");
    url.searchParams.set("parties", "true");
    let stream: EventSourceClient | undefined;
    const open = (initialLastEventId?: string) => {
      stream = createEventSource({
        url,
        credentials: "same-origin",
        ...(initialLastEventId === undefined ? {} : { initialLastEventId }),
        fetch: async (target, init) => {
          const response = await fetch(target as string, { ...(init as RequestInit), headers: { ...(init?.headers as Record<string, string>), accept: "text/event-stream" } });
          if (response.status === 410) {
            // Too long away: the pages read the current state, and the stream begins anew.
            tell({ type: "state", state: "expired" });
            stream?.close();
            open();
          }
          return response as never;
        },
        onConnect: () => tell({ type: "state", state: "live" }),
        onDisconnect: () => tell({ type: "state", state: "away" }),
        onScheduleReconnect: () => tell({ type: "state", state: "away" }),
        onMessage: ({ event, data }) => {
          const value = parsed(data);
          if (value === undefined) return;
          if (event === "progress" || event === "party") add({ kind: event, event: value });
          else add({ kind: "feed", event: value as FeedEvent });
        },
      });
    };
    tell({ type: "state", state: "connecting" });
    open();
    signal.addEventListener("abort", () => {
      stream?.close();
      clearTimeout(timer);
      done();
    });
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
