import { useEffect, useRef, useState } from "react";
import type { LogBuffer } from "./buffer";
import { plain } from "./text";

/** Lines with a match that are counted. */
const MATCHES_MAX = 10_000;

/** Numbers of the lines that contain `query` (lower case). New lines are searched as they come. */
export function useMatches(buffer: LogBuffer, version: number, query: string): number[] {
  const [matches, setMatches] = useState<number[]>([]);
  const state = useRef({ buffer, query: "", next: 0, found: [] as number[] });
  useEffect(() => {
    const at = state.current;
    if (at.buffer !== buffer || at.query !== query) state.current = { buffer, query, next: 0, found: [] };
    const now = state.current;
    if (query === "") return setMatches([]);
    const before = now.found;
    const found = before[0] !== undefined && before[0] < buffer.dropped ? before.filter((line) => line >= buffer.dropped) : [...before];
    for (let line = Math.max(now.next, buffer.dropped); line < buffer.end && found.length < MATCHES_MAX; line += 1) {
      if (plain(buffer.line(line) ?? "").toLowerCase().includes(query)) found.push(line);
    }
    now.next = buffer.end;
    now.found = found;
    return setMatches(found);
  }, [buffer, version, query]);
  return matches;
}
