import type { Schemas } from "../../api/client";

type Entry = Schemas["AuditEntry"];
export type AuditFilter = { actor?: string; action?: string; in?: string; text?: string };

export function isFiltered(filter: AuditFilter): boolean {
  return Boolean(filter.actor || filter.action || filter.in || filter.text);
}

/** Whether an entry fits all parts of the filter. */
export function fits(entry: Entry, { actor, action, in: project, text }: AuditFilter): boolean {
  if (actor && !entry.actor.toLowerCase().includes(actor.toLowerCase())) return false;
  if (action && entry.action !== action) return false;
  if (project && entry.project !== project) return false;
  if (!text) return true;
  const wanted = text.toLowerCase();
  return [entry.object, entry.detail, entry.address].some((value) => value.toLowerCase().includes(wanted));
}
