import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import type { MessageDescriptor } from "@lingui/core";
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "../../api/client";
import { safeText } from "../../ui/Copy";
import { Empty, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { duration, Moment } from "../../ui/Time";
import { contactsQuery } from "./data";

type Change = Schemas["ContactChange"] & { seconds: number | undefined };

const REASONS: Record<string, MessageDescriptor> = {
  disconnected: msg`the connection ended`,
  shutdown: msg`the agent or the hub was shut down`,
  hub_restarted: msg`the hub was restarted`,
  superseded: msg`another session of the same agent took its place`,
  limit_exceeded: msg`the agent exceeded a limit`,
  malformed: msg`the agent sent a message that the hub cannot read`,
  unavailable: msg`the hub could not serve the agent`,
};

/** When the agent connected and went away, newest first. */
export function Contacts({ party }: { party: string }) {
  const { t } = useLingui();
  const query = useQuery(contactsQuery(party));
  const columns: Column<Change>[] = [
    { key: "state", title: <Trans>Agent</Trans>, cell: ({ state }) => <PhaseBadge phase={state} /> },
    { key: "at", title: <Trans>When</Trans>, cell: ({ at }) => <Moment at={at} /> },
    { key: "length", title: <Trans>For</Trans>, cell: ({ seconds }) => (seconds === undefined ? <Trans>until now</Trans> : duration(seconds)) },
    {
      key: "why",
      title: <Trans>Details</Trans>,
      cell: ({ reason, version }) => {
        const known = reason ? REASONS[reason] : undefined;
        return known ? t(known) : reason ? safeText(reason) : version ? <Trans>version {safeText(version)}</Trans> : "–";
      },
    },
  ];
  return (
    <Panel title={<Trans>Contact history</Trans>} padded={false}>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={<Trans>The agent has never connected</Trans>}>
              <p>
                <Trans>Changes appear here when it does.</Trans>
              </p>
            </Empty>
          ) : (
            <Table label={t`Contact history`} columns={columns} rows={withLengths(items)} rowKey={({ at, state }) => `${at} ${state}`} />
          )
        }
      </Loaded>
    </Panel>
  );
}

/** A state lasts until the change above it in the list. */
function withLengths(items: Schemas["ContactChange"][]): Change[] {
  return items.map((item, index) => {
    const next = items[index - 1];
    return { ...item, seconds: next ? Math.max(0, (Date.parse(next.at) - Date.parse(item.at)) / 1000) : undefined };
  });
}
