import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { infoQuery } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { AddParty } from "./AddParty";
import { AgentVersion, ContactState } from "./Contact";
import { partyPageQuery, type Party } from "./data";
import css from "./parties.module.css";

export default function Parties() {
  const { t } = useLingui();
  usePageTitle(t`Parties`);
  const me = useMe();
  const navigate = useNavigate();
  const { cursor, panel } = useSearch({ strict: false }) as { cursor?: string; panel?: string };
  const parties = useQuery(partyPageQuery(cursor));
  const hub = useQuery(infoQuery).data?.version;
  const setPanel = (next: string | undefined) => void navigate({ to: ".", search: ((former: object) => ({ ...former, panel: next })) as never, replace: true });
  const columns: Column<Party>[] = [
    {
      key: "name",
      title: <Trans>Party</Trans>,
      cell: (party) => (
        <>
          <Link to="/parties/$party" params={{ party: party.name }} className={css.link ?? ""}>
            {safeText(party.name)}
          </Link>
          {party.remark !== "" && <div className={css.remark}>{safeText(party.remark)}</div>}
        </>
      ),
    },
    { key: "contact", title: <Trans>Agent</Trans>, cell: (party) => <ContactState party={party} /> },
    { key: "version", title: <Trans>Version</Trans>, cell: (party) => <AgentVersion version={party.agent?.version} hub={hub} /> },
    { key: "created", title: <Trans>Added</Trans>, cell: (party) => <Time at={party.created_at} /> },
  ];
  return (
    <Page
      title={<Trans>Parties</Trans>}
      intro={me.federation_admin ? <Trans>Organisations that take part in the federation with their own agent and data.</Trans> : <Trans>Organisations that this project may use.</Trans>}
      actions={
        <Button kind="primary" disabledReason={me.federation_admin ? undefined : t`Only an administrator of the federation adds parties.`} onClick={() => setPanel("add")}>
          <Trans>Add party</Trans>
        </Button>
      }
    >
      <Panel padded={false}>
        <Loaded query={parties}>
          {({ items, next }) => (
            <>
              {items.length > 0 ? (
                <Table label={t`Parties`} columns={columns} rows={items} rowKey={(party) => party.name} />
              ) : (
                <Empty title={me.federation_admin ? <Trans>The federation has no parties</Trans> : <Trans>No party is offered to this project</Trans>}>
                  <p>{me.federation_admin ? <Trans>Add a party, then configure its agent with the secret.</Trans> : <Trans>An administrator of the federation offers parties to a project.</Trans>}</p>
                </Empty>
              )}
              <Pager next={next} />
            </>
          )}
        </Loaded>
      </Panel>
      {panel === "add" && me.federation_admin && <AddParty onClose={() => setPanel(undefined)} />}
    </Page>
  );
}
