import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, urlOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm } from "../../ui/Dialog";
import { Badge, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { toast } from "../../ui/Toast";
import { usePageTitle } from "../../ui/usePageTitle";
import { browserOf } from "./browser";
import { OwnPassword } from "./OwnPassword";

type Session = Schemas["Session"];

export default function Sessions() {
  const { t } = useLingui();
  usePageTitle(t`Sessions`);
  const me = useMe();
  return (
    <Page title={<Trans>Sessions</Trans>} intro={<Trans>Browsers in which {me.name} is signed in. A session ends after 12 hours without a request, and after 7 days.</Trans>}>
      <SessionList />
      <OwnPassword name={me.name} />
    </Page>
  );
}

async function end(session: Session): Promise<void> {
  await api.DELETE("/api/v2/sessions/{session}", { params: { path: { session: session.id } } });
}

function SessionList() {
  const { t } = useLingui();
  const { cursor } = useSearch({ strict: false }) as { cursor?: string };
  const sessions = useQuery({ queryKey: [...keys.sessions, cursor], queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/sessions", { params: { query: { limit: 200, ...(cursor ? { cursor } : {}) } }, signal })) });
  const client = useQueryClient();
  const [chosen, setChosen] = useState<Session | "others">();
  // The current one first, then the last used.
  const rows = [...(sessions.data?.items ?? [])].sort((a, b) => Number(b.current) - Number(a.current) || b.seen_at.localeCompare(a.seen_at));
  const others = rows.filter((session) => !session.current);
  const run = async () => {
    if (chosen === undefined) return;
    try {
      if (chosen === "others") for (const session of others) await end(session);
      else await end(chosen);
    } finally {
      if (chosen === "others" || !chosen.current) void client.invalidateQueries({ queryKey: keys.sessions });
    }
    if (chosen !== "others" && chosen.current) {
      client.clear();
      location.assign(urlOf("sign-in"));
    } else toast(chosen === "others" ? <Trans>All other sessions have ended</Trans> : <Trans>Session ended</Trans>);
  };
  const columns: Column<Session>[] = [
    {
      key: "client",
      title: <Trans>Browser</Trans>,
      cell: (session) => (
        <span title={safeText(session.client)}>
          {browserOf(session.client) ?? (safeText(session.client).slice(0, 120) || <Trans>unknown</Trans>)}{" "}
          {session.current && (
            <Badge tone="good">
              <Trans>this browser</Trans>
            </Badge>
          )}
        </span>
      ),
    },
    { key: "method", title: <Trans>Signed in with</Trans>, cell: (session) => <Method method={session.method} /> },
    { key: "seen", title: <Trans>Last used</Trans>, cell: (session) => <Time at={session.seen_at} /> },
    { key: "created", title: <Trans>Since</Trans>, cell: (session) => <Time at={session.created_at} /> },
    { key: "expires", title: <Trans>Ends at the latest</Trans>, cell: (session) => <Time at={session.expires_at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      number: true,
      cell: (session) => (
        <Button small onClick={() => setChosen(session)}>
          {session.current ? <Trans>Sign out</Trans> : <Trans>End</Trans>}
        </Button>
      ),
    },
  ];
  return (
    <Panel
      padded={false}
      title={<Trans>Open sessions</Trans>}
      actions={
        <Button small onClick={() => setChosen("others")} disabledReason={others.length === 0 ? t`This is the only session.` : undefined}>
          <Trans>End all others</Trans>
        </Button>
      }
    >
      <Loaded query={sessions}>{() => <Table label={t`Open sessions`} columns={columns} rows={rows} rowKey={(session) => session.id} />}</Loaded>
      <Pager next={sessions.data?.next} />
      <Confirm
        open={chosen !== undefined}
        onClose={() => setChosen(undefined)}
        title={chosen === "others" ? <Trans>End all other sessions?</Trans> : chosen?.current ? <Trans>Sign out of this browser?</Trans> : <Trans>End the session?</Trans>}
        action={chosen === "others" ? <Trans>End all others</Trans> : chosen?.current ? <Trans>Sign out</Trans> : <Trans>End the session</Trans>}
        run={run}
      >
        {chosen === "others" ? <Trans>Their browsers have to sign in again. API tokens stay valid.</Trans> : <Trans>The browser has to sign in again. API tokens stay valid.</Trans>}
      </Confirm>
    </Panel>
  );
}

function Method({ method }: { method: string }) {
  if (method === "password") return <Trans>password</Trans>;
  if (method === "code" || method === "sign_in_code") return <Trans>one-time code</Trans>;
  return <>{safeText(method)}</>;
}
