import type { Schemas } from "../../api/client";

export type EventKind = Schemas["EventKind"];

/** Kinds of events by the object that they are of. */
export const GROUPS: [group: "runs" | "members" | "tasks", kinds: EventKind[]][] = [
  ["runs", ["run.queued", "run.reserving", "run.starting", "run.running", "run.stopping", "run.succeeded", "run.failed", "run.cancelled", "run.settled", "run.retry"]],
  ["members", ["member.phase", "member.connected", "member.away", "member.released", "member.replaced"]],
  ["tasks", ["task.created", "task.edited", "task.deleted"]],
];
const KNOWN = new Set<string>(GROUPS.flatMap(([, kinds]) => kinds));

/** Kinds of a newer hub. */
export function unknownKinds(kinds: readonly string[]): string[] {
  return kinds.filter((kind) => !KNOWN.has(kind));
}

/** Labels as lines of `name=value`. */
export function labelText(labels: Record<string, string> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}

export function labelsOf(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => line.trim());
  return Object.fromEntries(
    lines
      .filter((line) => line !== "")
      .map((line) => {
        const at = line.indexOf("=");
        return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      }),
  );
}

/** Host of a URL, whose path may have a secret. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url.slice(0, 60);
  }
}
