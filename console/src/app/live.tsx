// Connects the event stream to the cache: an event marks the data that it changes as stale, and only
// what a page shows is read again, at most once a second.
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useRef, useState, type ReactNode } from "react";
import { followEvents, type LiveEvent, type LiveState } from "../api/events";
import { keys } from "../api/queries";

type Listener = (events: LiveEvent[]) => void;
type Live = { state: LiveState; subscribe: (listener: Listener) => () => void };

const LiveContext = createContext<Live>({ state: "connecting", subscribe: () => () => undefined });

/** Shortest time between two readings of the same data, in milliseconds. */
const REFRESH_MS = 1000;
/** Time after which the next reading begins even if the last has not ended, in milliseconds. */
const READ_MAX_MS = 10_000;

export function LiveProvider({ project, children }: { project: string; children: ReactNode }) {
  const client = useQueryClient();
  const listeners = useRef(new Set<Listener>());
  const [state, setState] = useState<LiveState>("connecting");

  useEffect(() => {
    const stale = new Refresher(client);
    let wasLive = false;
    const stop = followEvents(project, {
      onEvents: (events) => {
        stale.add(events);
        for (const listener of listeners.current) listener(events);
      },
      onState: (next) => {
        setState(next);
        // Events of the time without a stream follow, except for progress and parties.
        if (next === "expired" || (next === "live" && wasLive)) stale.all();
        if (next === "live") wasLive = true;
      },
    });
    return () => {
      stop();
      stale.end();
    };
  }, [client, project]);

  const [live] = useState(() => ({
    subscribe: (listener: Listener) => {
      listeners.current.add(listener);
      return () => listeners.current.delete(listener);
    },
  }));
  return <LiveContext value={{ state, subscribe: live.subscribe }}>{children}</LiveContext>;
}

/** State of the connection to the hub. */
export function useLiveState(): LiveState {
  return useContext(LiveContext).state;
}

/** Calls `listener` with each batch of events while the component is shown. */
export function useLiveEvents(listener: Listener): void {
  const { subscribe } = useContext(LiveContext);
  const newest = useRef(listener);
  useEffect(() => {
    newest.current = listener;
  });
  useEffect(() => subscribe((events) => newest.current(events)), [subscribe]);
}

/** Collects what events have changed and marks it as stale once per interval. */
class Refresher {
  readonly #client: QueryClient;
  #tasks = new Set<string>();
  #lists = false;
  #parties = false;
  #isReading = false;
  #hasEnded = false;

  constructor(client: QueryClient) {
    this.#client = client;
  }

  add(events: LiveEvent[]): void {
    for (const { kind, event } of events) {
      if (kind === "party") this.#parties = true;
      // Pages draw progress from the events themselves.
      else if (kind === "feed") {
        this.#tasks.add(event.task);
        this.#lists = true;
      }
    }
    if (!this.#isReading) void this.#read();
  }

  all(): void {
    void this.#client.invalidateQueries();
  }

  end(): void {
    this.#hasEnded = true;
  }

  /** Reads what is stale until nothing is. A slow hub gets the next request after its response. */
  async #read(): Promise<void> {
    this.#isReading = true;
    while (!this.#hasEnded && (this.#tasks.size > 0 || this.#parties)) {
      await Promise.all([pause(REFRESH_MS), Promise.race([this.#flush(), pause(READ_MAX_MS)])]);
    }
    this.#isReading = false;
  }

  #flush(): Promise<void> {
    const tasks = this.#tasks;
    const lists: (readonly string[])[] = this.#lists ? [keys.taskLists, keys.runLists, keys.overview] : [];
    if (this.#parties) lists.push(keys.parties);
    this.#tasks = new Set();
    this.#lists = false;
    this.#parties = false;
    const kinds = new Set<unknown>(lists.map(([kind]) => kind));
    const [taskKind] = keys.task("");
    // One pass over the cache, however many tasks have changed.
    return this.#client.invalidateQueries({
      predicate: ({ queryKey: [kind, task] }) => kinds.has(kind) || (kind === taskKind && tasks.has(task as string)),
    });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
