import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";
import type { MessageDescriptor } from "@lingui/core";
import { safeText } from "./Copy";
import { Badge, type Tone } from "./Panel";

// Phases of runs and members, states of contacts and deliveries. A newer hub may have others: they
// are shown as they are.
const PHASES: Record<string, [MessageDescriptor, Tone]> = {
  new: [msg`not started`, "none"],
  pending: [msg`pending`, "none"],
  queued: [msg`queued`, "info"],
  waiting_approval: [msg`needs approval`, "warn"],
  refused: [msg`refused`, "bad"],
  admitted: [msg`admitted`, "info"],
  reserving: [msg`reserving`, "info"],
  reserved: [msg`reserved`, "info"],
  starting: [msg`starting`, "info"],
  running: [msg`running`, "info"],
  stopping: [msg`stopping`, "warn"],
  succeeded: [msg`succeeded`, "good"],
  failed: [msg`failed`, "bad"],
  cancelled: [msg`cancelled`, "none"],
  stopped: [msg`stopped`, "none"],
  connected: [msg`connected`, "good"],
  away: [msg`away`, "bad"],
  delivered: [msg`delivered`, "good"],
  waiting: [msg`waiting`, "info"],
};

/** Returns the name of a phase for people. */
export function usePhaseName(): (phase: string) => string {
  const { t } = useLingui();
  return (phase) => {
    const known = PHASES[phase];
    return known ? t(known[0]) : safeText(phase);
  };
}

/** The phase as a word and a colour. */
export function PhaseBadge({ phase }: { phase: string }) {
  const nameOf = usePhaseName();
  return <Badge tone={PHASES[phase]?.[1] ?? "none"}>{nameOf(phase)}</Badge>;
}

/** Texts of phases, for places without a badge. */
export function usePhaseText(): (phase: string) => string {
  const { t } = useLingui();
  return (phase) => {
    const known = PHASES[phase];
    return known ? t(known[0]) : phase;
  };
}

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** The run has not ended. */
export function isActive(phase: string | undefined): boolean {
  return phase !== undefined && phase !== "new" && !ENDED.has(phase);
}
