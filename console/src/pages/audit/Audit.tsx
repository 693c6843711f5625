import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Denied } from "../../app/Denied";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Page, Panel } from "../../ui/Panel";
import { Problem } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { ACTIONS } from "./actions";
import css from "./audit.module.css";
import { AuditFilters } from "./AuditFilters";
import { fits, isFiltered, type AuditFilter } from "./filter";

type Entry = Schemas["AuditEntry"];

/** Entries of one request: 50 to read, more to search. */
const PAGE = 50;
const SEARCHED_PAGE = 200;

export default function Audit() {
  const { t } = useLingui();
  usePageTitle(t`Audit`);
  const me = useMe();
  return (
    <Page title={<Trans>Audit</Trans>} intro={<Trans>Sign-ins, and changes of accounts, tokens, projects, parties and webhooks. Newest first.</Trans>}>
      {me.federation_admin ? (
        <Entries />
      ) : (
        <Denied>
          <Trans>Only administrators of the federation read the audit.</Trans>
        </Denied>
      )}
    </Page>
  );
}

function Entries() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as AuditFilter;
  const filter: AuditFilter = { actor: search.actor, action: search.action, in: search.in, text: search.text };
  const filtered = isFiltered(filter);
  const limit = filtered ? SEARCHED_PAGE : PAGE;
  const audit = useInfiniteQuery({
    queryKey: [...keys.audit, limit],
    queryFn: ({ pageParam, signal }) => bodyOf(api.GET("/api/v2/audit", { params: { query: { limit, ...(pageParam ? { cursor: pageParam } : {}) } }, signal })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
  });
  const entries = audit.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = filtered ? entries.filter((entry) => fits(entry, filter)) : entries;
  const change = (part: AuditFilter) => void navigate({ to: ".", search: ((former: object) => ({ ...former, ...part })) as never, replace: true });
  return (
    <Panel padded={false}>
      <AuditFilters filter={filter} change={change} projects={[...new Set(entries.flatMap((entry) => entry.project ?? []))].sort()} />
      {audit.error && <Problem error={audit.error} retry={() => void audit.refetch()} />}
      {audit.isPending && !audit.error && (
        <div className={css.foot} role="status">
          <Trans>Loading…</Trans>
        </div>
      )}
      {audit.data &&
        (shown.length === 0 ? (
          <Empty title={filtered ? <Trans>No loaded entry fits the filter</Trans> : <Trans>No entries yet</Trans>}>
            {filtered && (
              <Button small onClick={() => change({ actor: undefined, action: undefined, in: undefined, text: undefined })}>
                <Trans>Clear the filter</Trans>
              </Button>
            )}
          </Empty>
        ) : (
          <EntryTable entries={shown} label={t`Audit`} />
        ))}
      {audit.data && (
        <div className={css.foot}>
          <span role="status">
            {filtered ? (
              <Trans>
                {shown.length} of the {entries.length} newest entries fit.
              </Trans>
            ) : (
              <Trans>The {entries.length} newest entries.</Trans>
            )}
          </span>
          {audit.hasNextPage && (
            <Button small pending={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
              {filtered ? <Trans>Search older entries</Trans> : <Trans>Show older entries</Trans>}
            </Button>
          )}
        </div>
      )}
    </Panel>
  );
}

function EntryTable({ entries, label }: { entries: Entry[]; label: string }) {
  const { t } = useLingui();
  const columns: Column<Entry>[] = [
    {
      key: "action",
      title: <Trans>Action</Trans>,
      cell: (entry) => {
        const known = ACTIONS[entry.action];
        return <span title={entry.action}>{known ? t(known) : safeText(entry.action)}</span>;
      },
    },
    { key: "actor", title: <Trans>Account</Trans>, cell: (entry) => <strong>{safeText(entry.actor) || "–"}</strong> },
    {
      key: "object",
      title: <Trans>Object</Trans>,
      cell: (entry) => (
        <div className={css.object}>
          {/^[0-9a-f]{32}$/.test(entry.object) ? <code title={entry.object}>{`${entry.object.slice(0, 8)}…${entry.object.slice(-4)}`}</code> : safeText(entry.object)}
          {entry.detail !== "" && <div className={css.detail}>{safeText(entry.detail)}</div>}
        </div>
      ),
    },
    { key: "project", title: <Trans>Project</Trans>, cell: (entry) => entry.project ?? "–" },
    { key: "address", title: <Trans>Address</Trans>, cell: (entry) => <code>{safeText(entry.address)}</code> },
    { key: "at", title: <Trans>Time</Trans>, cell: (entry) => <Time at={entry.at} /> },
  ];
  return <Table label={label} columns={columns} rows={entries} rowKey={(entry) => entry.id} />;
}
