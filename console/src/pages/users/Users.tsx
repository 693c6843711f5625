import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Denied } from "../../app/Denied";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { Badge, Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { NewUser } from "./NewUser";
import { UserActions, UserMenu, type Chosen } from "./UserActions";

type User = Schemas["User"];

export default function Users() {
  const { t } = useLingui();
  usePageTitle(t`Users`);
  const me = useMe();
  const navigate = useNavigate();
  const { panel } = useSearch({ strict: false }) as { panel?: string };
  const setPanel = (next: string | undefined) => void navigate({ to: ".", search: ((former: object) => ({ ...former, panel: next })) as never, replace: true });
  if (!me.federation_admin)
    return (
      <Page title={<Trans>Users</Trans>}>
        <Denied>
          <Trans>Only administrators of the federation see its accounts.</Trans>
        </Denied>
      </Page>
    );
  return (
    <Page
      title={<Trans>Users</Trans>}
      intro={<Trans>Accounts of people, and of programs. A project gives them a role.</Trans>}
      actions={
        <Button kind="primary" onClick={() => setPanel("new")}>
          <Trans>New user</Trans>
        </Button>
      }
    >
      <UserList />
      <NewUser open={panel === "new"} onClose={() => setPanel(undefined)} />
    </Page>
  );
}

function UserList() {
  const { t } = useLingui();
  const me = useMe();
  const { cursor } = useSearch({ strict: false }) as { cursor?: string };
  const [chosen, setChosen] = useState<Chosen>();
  const users = useQuery({
    queryKey: [...keys.users, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/users", { params: { query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const columns: Column<User>[] = [
    {
      key: "name",
      title: <Trans>Name</Trans>,
      cell: (user) => (
        <>
          <strong>{user.name}</strong> {user.name === me.name && <Trans>(you)</Trans>}
        </>
      ),
    },
    { key: "kind", title: <Trans>Kind</Trans>, cell: (user) => (user.kind === "person" ? <Trans>person</Trans> : user.kind === "service" ? <Trans>service</Trans> : user.kind) },
    { key: "state", title: <Trans>State</Trans>, cell: (user) => <State user={user} /> },
    { key: "admin", title: <Trans>Administers the federation</Trans>, cell: (user) => (user.federation_admin ? <Trans>yes</Trans> : "–") },
    { key: "password", title: <Trans>Password</Trans>, cell: (user) => (user.has_password ? <Trans>set</Trans> : "–") },
    { key: "created", title: <Trans>Created</Trans>, cell: (user) => <Time at={user.created_at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      number: true,
      cell: (user) => <UserMenu user={user} isSelf={user.name === me.name} choose={setChosen} />,
    },
  ];
  return (
    <Panel padded={false}>
      <Loaded query={users}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty title={<Trans>No accounts on this page</Trans>} />
          ) : (
            <Table label={t`Users`} columns={columns} rows={page.items} rowKey={(user) => user.id} />
          )
        }
      </Loaded>
      <Pager next={users.data?.next} />
      <UserActions chosen={chosen} onClose={() => setChosen(undefined)} />
    </Panel>
  );
}

function State({ user }: { user: User }) {
  if (!user.disabled_at)
    return (
      <Badge tone="good">
        <Trans>enabled</Trans>
      </Badge>
    );
  return (
    <>
      <Badge tone="bad">
        <Trans>disabled</Trans>
      </Badge>{" "}
      <Time at={user.disabled_at} />
    </>
  );
}
