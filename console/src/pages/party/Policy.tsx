import { Trans, useLingui } from "@lingui/react/macro";
import { safeText } from "../../ui/Copy";
import { Badge, Facts, Panel } from "../../ui/Panel";
import { bytes, duration } from "../../ui/Time";
import type { Configuration } from "./data";
import css from "./party.module.css";

type Props = { configuration: Configuration };

/** Bounds of members, and whom their workloads may reach. */
export function Limits({ configuration: { members_max: members, hold_max_s: hold, peers } }: Props) {
  const { i18n } = useLingui();
  return (
    <Panel title={<Trans>Limits</Trans>}>
      <Facts
        items={[
          [<Trans>Members at the same time</Trans>, i18n.number(members)],
          [<Trans>Reservation without the hub</Trans>, duration(hold)],
          [
            <Trans>Addresses that workloads may dial</Trans>,
            !peers ? (
              <Trans>this machine only</Trans>
            ) : peers.length === 0 ? (
              <Trans>none</Trans>
            ) : (
              <ul className={css.names}>
                {peers.map((peer) => (
                  <li key={peer}>
                    <code>{safeText(peer)}</code>
                  </li>
                ))}
              </ul>
            ),
          ],
        ]}
      />
    </Panel>
  );
}

/** What the hub learns of the party. */
export function Logs({ configuration: { discloses_logs: logs, discloses_names: names, log_bytes_max: most } }: Props) {
  return (
    <Panel title={<Trans>Disclosure to the hub</Trans>}>
      <Facts
        items={[
          [<Trans>Logs</Trans>, <YesNo value={logs} />],
          ...(logs ? ([[<Trans>Log per request</Trans>, typeof most === "number" ? bytes(most) : <Trans>no limit</Trans>]] as [React.ReactNode, React.ReactNode][]) : []),
          [<Trans>Names of images and datasets</Trans>, <YesNo value={names} />],
        ]}
      />
    </Panel>
  );
}

function YesNo({ value }: { value: boolean }) {
  return <Badge tone={value ? "info" : "none"}>{value ? <Trans>disclosed</Trans> : <Trans>not disclosed</Trans>}</Badge>;
}

/** Rules by which outputs may leave the party. */
export function Outputs({ configuration: { releases } }: Props) {
  return (
    <Panel title={<Trans>Released outputs</Trans>}>
      {releases.length === 0 ? (
        <Trans>None: outputs stay at the party.</Trans>
      ) : (
        <ul className={css.names}>
          {releases.map(({ image, dataset, projects }) => (
            <li key={JSON.stringify([image, dataset, projects])}>
              <Trans>
                Image {image ? <code>{safeText(image)}</code> : <Trans>any</Trans>}, dataset {dataset ? <code>{safeText(dataset)}</code> : <Trans>any</Trans>}, to projects {projects ? <code>{safeText(projects.join(", "))}</code> : <Trans>any</Trans>}
              </Trans>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
