import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { infoQuery } from "../../api/queries";
import { safeText } from "../../ui/Copy";
import { Facts, Note, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Tabs } from "../../ui/Tabs";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { ActiveRuns } from "./ActiveRuns";
import { AgentVersion, ContactState } from "./Contact";
import { Contacts } from "./Contacts";
import { partyQuery, type Party as Data } from "./data";
import { Inventory } from "./Inventory";
import css from "./parties.module.css";
import { PartyActions } from "./PartyActions";

export default function Party() {
  const { t } = useLingui();
  const { party: name } = useParams({ strict: false }) as { party: string };
  usePageTitle(t`Party ${name}`);
  const { tab = "now" } = useSearch({ strict: false }) as { tab?: string };
  const query = useQuery(partyQuery(name));
  const hub = useQuery(infoQuery).data?.version;
  const isHistory = tab === "history";
  return (
    <Page title={safeText(name)} intro={query.data?.remark ? safeText(query.data.remark) : undefined} actions={query.data && <PartyActions party={query.data} />}>
      <Loaded query={query}>
        {(party) => (
          <>
            {party.disabled_at && (
              <Note tone="warn">
                <div>
                  <Trans>
                    The party was disabled <Time at={party.disabled_at} />. Runs that need it wait until it is enabled; members that run continue.
                  </Trans>
                </div>
              </Note>
            )}
            <Tabs
              label={t`Views of the party`}
              current={isHistory ? "history" : "now"}
              tabs={[
                { key: "now", title: <Trans>Now</Trans> },
                { key: "history", title: <Trans>Contact history</Trans> },
              ]}
            />
            {isHistory ? (
              <Contacts party={name} />
            ) : (
              <div className={css.now}>
                <div className={css.column}>
                  <Agent party={party} hub={hub} />
                  <Inventory party={party} />
                </div>
                <ActiveRuns party={name} />
              </div>
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Agent({ party, hub }: { party: Data; hub: string | undefined }) {
  return (
    <Panel title={<Trans>Agent</Trans>}>
      <Facts
        items={[
          [<Trans>Connection</Trans>, <ContactState party={party} />],
          [<Trans>Version</Trans>, <AgentVersion version={party.agent?.version} hub={hub} />],
          [<Trans>Instance</Trans>, party.agent ? <code>{party.agent.instance}</code> : undefined],
          [<Trans>Added</Trans>, <Time at={party.created_at} />],
        ]}
      />
    </Panel>
  );
}
