// Connects the event stream of the agent to the cache. An event is written into it; lists are read
// again at most once a second.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { onSessionEnd } from "../../api/agentClient";
import type { LiveState } from "../../api/events";
import { apply } from "./data";
import { followParty } from "./events";

/** Shortest time between two readings of the same data, in milliseconds. */
const REFRESH_MS = 1000;

export type Live = { state: LiveState; isSessionOver: boolean; retry: () => void };

/** Follows the agent while the page is open. Only the shell calls it. */
export function useParty(): Live {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const [isSessionOver, setSessionOver] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const retry = () => {
    setSessionOver(false);
    setAttempt((count) => count + 1);
    void client.invalidateQueries();
  };

  useEffect(() => onSessionEnd(() => setSessionOver(true)), []);
  useEffect(() => {
    let stale = new Map<string, readonly string[]>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let last: LiveState | undefined;
    let wasLive = false;
    const flush = () => {
      timer = undefined;
      const all = [...stale.values()];
      stale = new Map();
      for (const queryKey of all) void client.invalidateQueries({ queryKey });
    };
    const stop = followParty({
      onEvents: (events) => {
        for (const event of events) {
          if (event.kind === "session_ended") {
            isOver = true;
            setSessionOver(true);
          }
          for (const key of apply(client, event)) stale.set(key.join("/"), key);
        }
        if (stale.size > 0) timer ??= setTimeout(flush, REFRESH_MS);
      },
      onState: (next) => {
        setState(next);
        // Another tab has opened a new session.
        if (next === "live" && isOver) {
          setSessionOver(false);
          setAttempt((count) => count + 1);
        }
        // Events have no numbers: what happened without a stream must be read.
        if (next === "live" && last !== "live" && (wasLive || isOver)) void client.invalidateQueries();
        if (next === "live") wasLive = true;
        last = next;
      },
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [client, attempt]);
  return { state, isSessionOver, retry };
}
