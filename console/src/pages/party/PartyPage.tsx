import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { safeText } from "../../ui/Copy";
import { Facts, Page, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { bytes, Elapsed, Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { Datasets, Images } from "./Offers";
import { Limits, Logs, Outputs } from "./Policy";
import { partyQuery, type View } from "./data";
import css from "./party.module.css";
import { Summary } from "./Summary";

/** The agent, its resources, and what its configuration allows. */
export function PartyPage() {
  const { t } = useLingui();
  usePageTitle(t`Party`);
  const party = useQuery(partyQuery);
  return (
    <Page title={<Trans>Party</Trans>} intro={<Trans>The agent, its resources and the configuration in force. Change it in agent.toml and reload the agent.</Trans>}>
      <Loaded query={party}>
        {(view) => (
          <>
            <Summary view={view} />
            <div className={css.columns}>
              <Agent view={view} />
              <Storage view={view} />
            </div>
            <Images images={view.configuration.images} />
            <Datasets datasets={view.configuration.datasets} />
            <div className={css.columns}>
              <Limits configuration={view.configuration} />
              <div className={css.column}>
                <Logs configuration={view.configuration} />
                <Outputs configuration={view.configuration} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Agent({ view }: { view: View }) {
  const { contact, sessions, reloads } = view.state;
  return (
    <Panel title={<Trans>Agent</Trans>}>
      <Facts
        items={[
          [
            <Trans>Hub</Trans>,
            <span className={css.line}>
              <code>{safeText(view.hub)}</code> <PhaseBadge phase={contact.state} />
              {contact.since && (
                <span className={css.aside}>
                  <Trans>
                    for <Elapsed at={contact.since} />
                  </Trans>
                </span>
              )}
            </span>,
          ],
          [<Trans>Sessions since the start</Trans>, sessions],
          [<Trans>Started</Trans>, <Time at={view.started_at} />],
          [<Trans>Reloads since the start</Trans>, reloads],
          [<Trans>Version</Trans>, safeText(view.version)],
          [<Trans>Runtime</Trans>, Object.entries(view.runtime).map(([name, value]) => `${safeText(name)} ${safeText(value)}`).join(", ") || "–"],
        ]}
      />
    </Panel>
  );
}

function Storage({ view: { state, configuration } }: { view: View }) {
  const { disk } = state;
  const { retention } = configuration;
  return (
    <Panel title={<Trans>Disk</Trans>}>
      <Facts
        items={[
          ...(disk
            ? ([
                [<Trans>Data directory</Trans>, <code>{safeText(disk.path)}</code>],
                [<Trans>Free</Trans>, <Trans>{bytes(disk.free_bytes)} of {bytes(disk.total_bytes)}</Trans>],
                [<Trans>Journal</Trans>, bytes(disk.journal_bytes)],
              ] as [React.ReactNode, React.ReactNode][])
            : ([[<Trans>Free</Trans>, <Trans>The agent cannot read the state of its disk.</Trans>]] as [React.ReactNode, React.ReactNode][])),
          [<Trans>Logs kept</Trans>, <Days count={retention.log_days} />],
          [<Trans>Outputs kept</Trans>, <Days count={retention.output_days} />],
          [<Trans>Working directories kept</Trans>, <Days count={retention.scratch_days} />],
          [<Trans>Warns below</Trans>, retention.min_free_percent > 0 ? <Trans>{retention.min_free_percent} % free</Trans> : <Trans>never</Trans>],
          [<Trans>Refuses work below</Trans>, retention.min_free_mib > 0 ? <Trans>{bytes(retention.min_free_mib * 1024 * 1024)} free</Trans> : <Trans>never</Trans>],
        ]}
      />
    </Panel>
  );
}

function Days({ count }: { count: number }) {
  const { i18n } = useLingui();
  if (count === 0) return <Trans>until you delete them</Trans>;
  return <>{new Intl.NumberFormat(i18n.locale, { style: "unit", unit: "day", unitDisplay: "long" }).format(count)}</>;
}
