import { Trans } from "@lingui/react/macro";
import { safeText } from "../../ui/Copy";
import { Badge } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Elapsed } from "../../ui/Time";
import type { Party } from "./data";
import css from "./parties.module.css";

/** Whether the agent is connected, and since when it is not. */
export function ContactState({ party: { contact, agent, disabled_at: disabled } }: { party: Party }) {
  const neverConnected = contact.state === "away" && !contact.since && !agent;
  return (
    <span className={css.contact}>
      {neverConnected ? (
        <Badge>
          <Trans>never connected</Trans>
        </Badge>
      ) : (
        <PhaseBadge phase={contact.state} />
      )}
      {contact.since && (
        <span className={css.aside}>
          <Trans>
            for <Elapsed at={contact.since} />
          </Trans>
        </span>
      )}
      {disabled && (
        <Badge tone="warn">
          <Trans>disabled</Trans>
        </Badge>
      )}
    </span>
  );
}

/** Version of the agent, and how it differs from that of the hub. */
export function AgentVersion({ version, hub }: { version: string | undefined; hub: string | undefined }) {
  if (version === undefined) return <>–</>;
  const order = hub === undefined ? 0 : compareVersions(version, hub);
  return (
    <span className={css.contact}>
      <span>{safeText(version)}</span>
      {order !== 0 && (
        <span className={css.skew} data-tone="warn">
          {order === undefined ? (
            <Trans>hub has {safeText(hub ?? "")}</Trans>
          ) : order < 0 ? (
            <Trans>older than the hub ({safeText(hub ?? "")})</Trans>
          ) : (
            <Trans>newer than the hub ({safeText(hub ?? "")})</Trans>
          )}
        </span>
      )}
    </span>
  );
}

/** Below 0: `a` is older. `undefined`: they differ, and it is not known which is older. */
function compareVersions(a: string, b: string): number | undefined {
  if (a === b) return 0;
  const [left, right] = [a, b].map((text) => /^(\d+)\.(\d+)\.(\d+)$/.exec(text)?.slice(1).map(Number));
  if (!left || !right) return undefined;
  for (const [index, part] of left.entries()) {
    const difference = part - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
