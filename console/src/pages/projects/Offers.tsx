import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Empty, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { toast } from "../../ui/Toast";
import { OfferForm } from "./OfferForm";
import css from "./projects.module.css";

type Offer = Schemas["OfferedParty"];

/** Parties and datasets that are offered to a project by name. */
export function Offers({ project }: { project: Schemas["Project"] }) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const { offers: cursor } = useSearch({ strict: false }) as { offers?: string };
  const [edited, setEdited] = useState<Offer | "new">();
  const [withdrawn, setWithdrawn] = useState<Offer>();
  const path = { project: project.name };
  const offers = useQuery({
    queryKey: [...keys.projects, "offers", project.name, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/projects/{project}/parties", { params: { path, query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const denied = me.federation_admin ? undefined : t`Only administrators of the federation offer parties to projects.`;
  const changed = () => {
    for (const queryKey of [keys.projects, keys.parties]) void client.invalidateQueries({ queryKey });
  };
  const columns: Column<Offer>[] = [
    {
      key: "party",
      title: <Trans>Party</Trans>,
      cell: (offer) => (
        <Link to="/parties/$party" params={{ party: offer.party }}>
          <strong>{offer.party}</strong>
        </Link>
      ),
    },
    {
      key: "datasets",
      title: <Trans>Datasets</Trans>,
      cell: (offer) => (!offer.datasets ? <Trans>all of the party</Trans> : offer.datasets.length === 0 ? <Trans>none</Trans> : offer.datasets.join(", ")),
    },
    { key: "added", title: <Trans>Offered</Trans>, cell: (offer) => <Time at={offer.added_at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      number: true,
      cell: (offer) => (
        <span className={css.rowActions}>
          <Button small aria-label={t`Change the datasets of ${offer.party}`} disabledReason={denied} onClick={() => setEdited(offer)}>
            <Trans>Datasets</Trans>
          </Button>
          <Button small aria-label={t`Withdraw ${offer.party}`} disabledReason={denied} onClick={() => setWithdrawn(offer)}>
            <Trans>Withdraw</Trans>
          </Button>
        </span>
      ),
    },
  ];
  return (
    <Panel
      padded={false}
      title={<Trans>Offered parties</Trans>}
      actions={
        <Button small onClick={() => setEdited("new")} disabledReason={denied}>
          <Trans>Offer a party</Trans>
        </Button>
      }
    >
      {project.all_parties && (
        <p className={`${css.muted} ${css.pad}`}>
          <Trans>Every party of the federation is offered. An offer by name limits the datasets of its party.</Trans>
        </p>
      )}
      <Loaded query={offers}>
        {(page) =>
          page.items.length === 0 && !cursor ? (
            project.all_parties ? null : (
              <Empty title={<Trans>No party is offered</Trans>}>
                <p>
                  <Trans>Tasks of this project need parties. An administrator of the federation offers them here.</Trans>
                </p>
              </Empty>
            )
          ) : (
            <>
              <Table label={t`Offered parties`} columns={columns} rows={page.items} rowKey={(offer) => offer.party} />
              <Pager next={page.next} param="offers" />
            </>
          )
        }
      </Loaded>
      <Dialog open={edited !== undefined} onClose={() => setEdited(undefined)} title={edited === "new" ? <Trans>Offer a party</Trans> : <Trans>Datasets of {edited?.party}</Trans>}>
        {edited && <OfferForm project={project.name} offer={edited === "new" ? undefined : edited} onClose={() => setEdited(undefined)} onDone={changed} />}
      </Dialog>
      <Confirm
        open={withdrawn !== undefined}
        onClose={() => setWithdrawn(undefined)}
        title={<Trans>Withdraw {withdrawn?.party ?? ""} from the project?</Trans>}
        action={<Trans>Withdraw the offer</Trans>}
        run={async () => {
          await api.DELETE("/api/v2/projects/{project}/parties/{party}", { params: { path: { ...path, party: withdrawn?.party ?? "" } } });
          changed();
          toast(<Trans>Offer withdrawn</Trans>);
        }}
      >
        {project.all_parties ? <Trans>The project may then use all datasets of the party.</Trans> : <Trans>Tasks with this party can no longer be created, edited or started here. Runs that have begun go on.</Trans>}
      </Confirm>
    </Panel>
  );
}
