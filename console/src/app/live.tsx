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
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tasks = new Set<string>();
  #parties = false;
  #last = 0;

  constructor(client: QueryClient) {
    this.#client = client;
  }

  add(events: LiveEvent[]): void {
    for (const { kind, event } of events) {
      if (kind === "party") this.#parties = true;
      else this.#tasks.add((event as { task: string }).task);
    }
    const wait = Math.max(0, this.#last + REFRESH_MS - Date.now());
    this.#timer ??= setTimeout(() => this.#flush(), wait);
  }

  all(): void {
    void this.#client.invalidateQueries();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    this.#last = Date.now();
    const tasks = this.#tasks;
    this.#tasks = new Set();
    if (tasks.size > 0) {
      for (const key of [keys.taskLists, keys.runLists, keys.overview]) void this.#client.invalidateQueries({ queryKey: key });
      for (const task of tasks) void this.#client.invalidateQueries({ queryKey: keys.task(task) });
    }
    if (this.#parties) void this.#client.invalidateQueries({ queryKey: keys.parties });
    this.#parties = false;
  }
}
