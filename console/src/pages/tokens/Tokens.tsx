import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm } from "../../ui/Dialog";
import { Badge, Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { toast } from "../../ui/Toast";
import { usePageTitle } from "../../ui/usePageTitle";
import { Denied } from "../../app/Denied";
import { NewToken } from "./NewToken";

type Token = Schemas["Token"];

export default function Tokens() {
  const { t } = useLingui();
  usePageTitle(t`API tokens`);
  const me = useMe();
  const navigate = useNavigate();
  const { user, cursor, panel } = useSearch({ strict: false }) as { user?: string; cursor?: string; panel?: string };
  const owner = user ?? me.name;
  const isOwn = owner === me.name;
  const setPanel = (next: string | undefined) => void navigate({ to: ".", search: ((former: object) => ({ ...former, panel: next })) as never, replace: true });
  if (!isOwn && !me.federation_admin)
    return (
      <Page title={<Trans>API tokens</Trans>}>
        <Denied>
          <Trans>Only an administrator of the federation sees the tokens of another account.</Trans>
        </Denied>
      </Page>
    );
  return (
    <Page
      title={isOwn ? <Trans>API tokens</Trans> : <Trans>API tokens of {owner}</Trans>}
      intro={
        isOwn ? (
          <Trans>Tokens with which programs act as {owner}.</Trans>
        ) : (
          <Trans>
            <Link to="/users">Users</Link> · <Link to="/tokens">Your own tokens</Link>
          </Trans>
        )
      }
      actions={
        <Button kind="primary" onClick={() => setPanel("new")}>
          <Trans>New token</Trans>
        </Button>
      }
    >
      <TokenList owner={owner} isOwn={isOwn} cursor={cursor} onCreate={() => setPanel("new")} />
      <NewToken open={panel === "new"} owner={owner} onClose={() => setPanel(undefined)} />
    </Page>
  );
}

function TokenList({ owner, isOwn, cursor, onCreate }: { owner: string; isOwn: boolean; cursor: string | undefined; onCreate: () => void }) {
  const { t } = useLingui();
  const tokens = useQuery({
    queryKey: [...keys.tokens, owner, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/tokens", { params: { query: { limit: 50, ...(isOwn ? {} : { user: owner }), ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const client = useQueryClient();
  const [chosen, setChosen] = useState<Token>();
  const columns: Column<Token>[] = [
    {
      key: "name",
      title: <Trans>Name</Trans>,
      cell: (token) => (
        <>
          <div>{safeText(token.name)}</div>
          <code>{token.hint}</code>
        </>
      ),
    },
    { key: "limits", title: <Trans>Limited to</Trans>, cell: (token) => <Limits token={token} /> },
    { key: "used", title: <Trans>Last used</Trans>, cell: (token) => (token.last_used_at ? <Time at={token.last_used_at} /> : <Trans>never</Trans>) },
    { key: "expires", title: <Trans>Expires</Trans>, cell: (token) => <Expiry at={token.expires_at} /> },
    { key: "created", title: <Trans>Created</Trans>, cell: (token) => <Time at={token.created_at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      number: true,
      cell: (token) => (
        <Button small aria-label={t`Delete ${token.name}`} onClick={() => setChosen(token)}>
          <Trans>Delete</Trans>
        </Button>
      ),
    },
  ];
  return (
    <Panel padded={false}>
      <Loaded query={tokens}>
        {(page) =>
          page.items.length === 0 && !cursor ? (
            <Empty title={<Trans>No tokens yet</Trans>}>
              <p>
                <Trans>
                  A program, such as flowctl, a script or a monitoring system, needs a token. <code>flowctl login</code> creates one by itself.
                </Trans>
              </p>
              <Button onClick={onCreate}>
                <Trans>New token</Trans>
              </Button>
            </Empty>
          ) : (
            <>
              <Table label={t`API tokens`} columns={columns} rows={page.items} rowKey={(token) => token.id} />
              <Pager next={page.next} />
            </>
          )
        }
      </Loaded>
      <Confirm
        open={chosen !== undefined}
        onClose={() => setChosen(undefined)}
        title={t`Delete the token “${safeText(chosen?.name ?? "")}”?`}
        action={<Trans>Delete the token</Trans>}
        run={async () => {
          await api.DELETE("/api/v2/tokens/{token}", { params: { path: { token: chosen?.id ?? "" } } });
          toast(<Trans>Token deleted</Trans>);
          void client.invalidateQueries({ queryKey: keys.tokens });
        }}
      >
        <Trans>The hub refuses it at once, and ends the streams that it opened. Programs that use it need another token.</Trans>
      </Confirm>
    </Panel>
  );
}

function Limits({ token }: { token: Token }) {
  if (token.scope === "metrics")
    return (
      <Badge>
        <Trans>metrics only</Trans>
      </Badge>
    );
  if (!token.project && !token.role && token.scope === "api") return <Trans>no limit: as the account</Trans>;
  return (
    <>
      {token.scope !== "api" && <div>{token.scope}</div>}
      {token.project && (
        <div>
          <Trans>
            project <code>{token.project}</code>
          </Trans>
        </div>
      )}
      {token.role && (
        <div>
          <Trans>role {token.role}</Trans>
        </div>
      )}
    </>
  );
}

function Expiry({ at }: { at: string | null | undefined }) {
  if (!at) return <Trans>never</Trans>;
  if (new Date(at).getTime() <= Date.now())
    return (
      <Badge tone="bad">
        <Trans>expired</Trans>
      </Badge>
    );
  return <Time at={at} />;
}
