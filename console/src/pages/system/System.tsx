import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { api, bodyOf, type Schemas } from "../../api/client";
import { infoQuery, keys } from "../../api/queries";
import { Denied } from "../../app/Denied";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Badge, Bar, Empty, Facts, Note, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { bytes, Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { endsSoon, isTight } from "./health";
import { Limits } from "./Limits";
import css from "./system.module.css";

type State = Schemas["System"];

export default function System() {
  const { t } = useLingui();
  usePageTitle(t`System`);
  const me = useMe();
  const isAdmin = me.federation_admin;
  const system = useQuery({ queryKey: keys.system, queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/system", { signal })), enabled: isAdmin });
  const info = useQuery(infoQuery);
  return (
    <Page
      title={<Trans>System</Trans>}
      intro={<Trans>State of the hub’s process, database, disk and certificates.</Trans>}
      actions={
        isAdmin && (
          <Button pending={system.isFetching} onClick={() => void system.refetch()}>
            <Trans>Refresh</Trans>
          </Button>
        )
      }
    >
      {isAdmin ? (
        <Loaded query={system}>
          {(state) => (
            <>
              <Warnings state={state} />
              <div className={css.columns}>
                <Process state={state} />
                <Checks state={state} />
                <Database state={state} />
                <Disk disk={state.disk ?? undefined} />
              </div>
              <Certificates certificates={state.certificates} />
            </>
          )}
        </Loaded>
      ) : (
        <Denied>
          <Trans>Only administrators of the federation see the state of the hub.</Trans>
        </Denied>
      )}
      <Loaded query={info}>{(hub) => <Limits info={hub} system={system.data?.limits} />}</Loaded>
    </Page>
  );
}

/** What needs an administrator. */
function Warnings({ state }: { state: State }) {
  const { t } = useLingui();
  const failed = state.ready.filter((check) => !check.ok);
  const ending = state.certificates.filter((each) => endsSoon(each.not_after));
  return (
    <>
      {failed.map((check) => (
        <Note key={check.name} tone="bad" role="alert">
          {t`${check.name} does not work: ${safeText(check.message ?? "")}`}
        </Note>
      ))}
      {state.disk && isTight(state.disk) && (
        <Note tone="warn">
          <Trans>The disk of {safeText(state.disk.path)} is nearly full. A full disk stops the hub from storing changes: free space, or shorten the retention.</Trans>
        </Note>
      )}
      {ending.map((each) => (
        <Note key={each.name + each.subject} tone="warn">
          <Trans>
            The certificate {safeText(each.subject)} of the listener {each.name} ends <Time at={each.not_after} />. Replace its file; agents cannot connect after its end.
          </Trans>
        </Note>
      ))}
    </>
  );
}

function Process({ state }: { state: State }) {
  return (
    <Panel title={<Trans>Process</Trans>}>
      <Facts
        items={[
          [<Trans>Version</Trans>, state.version],
          [<Trans>Started</Trans>, <Time at={state.started_at} />],
          [<Trans>Connected agents</Trans>, state.agents_connected],
        ]}
      />
    </Panel>
  );
}

function Checks({ state }: { state: State }) {
  return (
    <Panel title={<Trans>Health</Trans>}>
      <Facts
        items={state.ready.map((check) => [
          check.name,
          <>
            <Badge tone={check.ok ? "good" : "bad"}>{check.ok ? <Trans>works</Trans> : <Trans>fails</Trans>}</Badge>
            {check.message && <div>{safeText(check.message)}</div>}
          </>,
        ])}
      />
    </Panel>
  );
}

function Database({ state: { store } }: { state: State }) {
  return (
    <Panel title={<Trans>Database</Trans>}>
      <Facts
        items={[
          [<Trans>Kind</Trans>, store.kind],
          [<Trans>Version</Trans>, store.version ? safeText(store.version) : <Trans>does not answer</Trans>],
          [<Trans>Size</Trans>, typeof store.size_bytes === "number" ? bytes(store.size_bytes) : "–"],
        ]}
      />
    </Panel>
  );
}

function Disk({ disk }: { disk: State["disk"] | undefined }) {
  const { t } = useLingui();
  return (
    <Panel title={<Trans>Disk</Trans>}>
      {disk ? (
        <div className={css.disk}>
          <Facts
            items={[
              [<Trans>Data directory</Trans>, <code>{safeText(disk.path)}</code>],
              [
                <Trans>Free</Trans>,
                <Trans>
                  {bytes(disk.free_bytes)} of {bytes(disk.total_bytes)}
                </Trans>,
              ],
            ]}
          />
          <Bar value={disk.total_bytes > 0 ? 1 - disk.free_bytes / disk.total_bytes : undefined} label={t`Used part of the disk`} />
        </div>
      ) : (
        <Trans>The hub cannot read the state of its disk.</Trans>
      )}
    </Panel>
  );
}

function Certificates({ certificates }: { certificates: State["certificates"] }) {
  const { t } = useLingui();
  const columns: Column<State["certificates"][number]>[] = [
    { key: "subject", title: <Trans>Subject</Trans>, cell: (each) => safeText(each.subject) },
    { key: "listener", title: <Trans>Listener</Trans>, cell: (each) => each.name },
    { key: "begins", title: <Trans>Valid since</Trans>, cell: (each) => <Time at={each.not_before} /> },
    {
      key: "ends",
      title: <Trans>Ends</Trans>,
      cell: (each) => (
        <>
          <Time at={each.not_after} />{" "}
          {endsSoon(each.not_after) && (
            <Badge tone="warn">
              <Trans>ends soon</Trans>
            </Badge>
          )}
        </>
      ),
    },
  ];
  return (
    <Panel padded={false} title={<Trans>Certificates</Trans>}>
      {certificates.length === 0 ? (
        <Empty title={<Trans>The listeners have no certificates</Trans>}>
          <p>
            <Trans>Without TLS, the hub accepts connections of this machine only, or of a proxy in front of it.</Trans>
          </p>
        </Empty>
      ) : (
        <Table label={t`Certificates`} columns={columns} rows={certificates} rowKey={(each) => `${each.name} ${each.subject} ${each.not_after}`} />
      )}
    </Panel>
  );
}
