import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { Facts, Panel } from "../../ui/Panel";
import { bytes, duration } from "../../ui/Time";
import css from "./system.module.css";

type Props = { info: Schemas["HubInfo"]; system: Schemas["SystemLimits"] | undefined };

/** Limits of requests and of stored data, and what this release of the API can do. */
export function Limits({ info, system }: Props) {
  const { i18n } = useLingui();
  const number = (value: number | undefined) => (value === undefined ? "–" : value.toLocaleString(i18n.locale));
  const { limits } = info;
  const requests: [ReactNode, ReactNode][] = [
    [<Trans>Items of a page</Trans>, <Trans>{number(limits.page_items_default)}, at most {number(limits.page_items_max)}</Trans>],
    [<Trans>Objects of one apply</Trans>, number(limits.apply_items_max)],
    [<Trans>Tasks of one bulk change</Trans>, number(limits.bulk_tasks_max)],
    [<Trans>Runs of a comparison</Trans>, number(limits.compared_runs_max)],
    [<Trans>Members of a task</Trans>, number(limits.task_members_max)],
    [<Trans>Labels of a task</Trans>, number(limits.task_labels_max)],
    [<Trans>Size of a request</Trans>, bytes(limits.body_bytes_max)],
  ];
  const stored: [ReactNode, ReactNode][] = system
    ? [
        [<Trans>Requests</Trans>, <Trans>{number(system.requests_per_s)} per second and account</Trans>],
        [<Trans>Request bodies</Trans>, <Trans>{bytes(system.body_bytes)} of memory for all</Trans>],
        [<Trans>Events</Trans>, <Trans>kept for {number(system.events_days)} days</Trans>],
        [<Trans>Audit</Trans>, <Trans>kept for {number(system.audit_days)} days</Trans>],
        [<Trans>Agents</Trans>, <Trans>replaceable after {duration(system.away_after_s)} without contact</Trans>],
      ]
    : [];
  return (
    <>
      <div className={css.columns}>
        {system && (
          <Panel title={<Trans>Settings</Trans>}>
            <Facts items={stored} />
          </Panel>
        )}
        <Panel title={<Trans>Limits of requests</Trans>}>
          <Facts items={requests} />
        </Panel>
      </div>
      <Panel title={<Trans>Features of the API</Trans>}>
        <div className={css.features}>
          {info.features.map((feature) => (
            <code key={feature}>{feature}</code>
          ))}
        </div>
      </Panel>
    </>
  );
}
