import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useId, useState } from "react";
import { api, bodyOf, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { ROLES, useMe, type Role } from "../../app/session";
import { Button } from "../../ui/Button";
import { Confirm, Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { SelectField, TextField } from "../../ui/Field";
import { Empty, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded, Problem } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { toast } from "../../ui/Toast";
import css from "./projects.module.css";
import { hasRoleIn } from "./roles";

type Membership = Schemas["Membership"];

/** Accounts with a role in a project. */
export function Members({ project }: { project: string }) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const { members: cursor } = useSearch({ strict: false }) as { members?: string };
  const [edited, setEdited] = useState<Membership | "new">();
  const [removed, setRemoved] = useState<Membership>();
  const members = useQuery({
    queryKey: [...keys.projects, "members", project, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/projects/{project}/members", { params: { path: { project }, query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const denied = hasRoleIn(me, project, "admin") ? undefined : t`Only administrators of the project change its members.`;
  const columns: Column<Membership>[] = [
    {
      key: "user",
      title: <Trans>User</Trans>,
      cell: (member) => (
        <>
          <strong>{member.user}</strong> {member.user === me.name && <Trans>(you)</Trans>}
        </>
      ),
    },
    { key: "role", title: <Trans>Role</Trans>, cell: (member) => member.role },
    { key: "added", title: <Trans>Member since</Trans>, cell: (member) => <Time at={member.added_at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      number: true,
      cell: (member) => (
        <span className={css.rowActions}>
          <Button small aria-label={t`Change the role of ${member.user}`} disabledReason={denied} onClick={() => setEdited(member)}>
            <Trans>Role</Trans>
          </Button>
          <Button small aria-label={t`Remove ${member.user}`} disabledReason={denied} onClick={() => setRemoved(member)}>
            <Trans>Remove</Trans>
          </Button>
        </span>
      ),
    },
  ];
  const add = (
    <Button small onClick={() => setEdited("new")} disabledReason={denied}>
      <Trans>Add a member</Trans>
    </Button>
  );
  const changed = () => void client.invalidateQueries({ queryKey: keys.projects });
  return (
    <Panel padded={false} title={<Trans>Members</Trans>} actions={add}>
      <Loaded query={members}>
        {(page) =>
          page.items.length === 0 && !cursor ? (
            <Empty title={<Trans>No members yet</Trans>}>
              <p>
                <Trans>Only administrators of the federation see this project. Add a member to let others use it.</Trans>
              </p>
            </Empty>
          ) : (
            <>
              <Table label={t`Members`} columns={columns} rows={page.items} rowKey={(member) => member.user} />
              <Pager next={page.next} param="members" />
            </>
          )
        }
      </Loaded>
      <Dialog open={edited !== undefined} onClose={() => setEdited(undefined)} title={edited === "new" ? <Trans>Add a member</Trans> : <Trans>Role of {edited?.user}</Trans>}>
        {edited && <MemberForm project={project} member={edited === "new" ? undefined : edited} onClose={() => setEdited(undefined)} onDone={changed} />}
      </Dialog>
      <Confirm
        open={removed !== undefined}
        onClose={() => setRemoved(undefined)}
        title={<Trans>Remove {removed?.user ?? ""} from the project?</Trans>}
        action={<Trans>Remove the member</Trans>}
        run={async () => {
          await api.DELETE("/api/v2/projects/{project}/members/{user}", { params: { path: { project, user: removed?.user ?? "" } } });
          changed();
          if (removed?.user === me.name) void client.invalidateQueries({ queryKey: keys.me });
          toast(<Trans>Member removed</Trans>);
        }}
      >
        <Trans>The account no longer sees the project. Its tasks stay and go on. You can add it again.</Trans>
      </Confirm>
    </Panel>
  );
}

type FormProps = { project: string; member: Membership | undefined; onClose: () => void; onDone: () => void };

function MemberForm({ project, member, onClose, onDone }: FormProps) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const list = useId();
  const [user, setUser] = useState(member?.user ?? "");
  const [role, setRole] = useState<Role>(member?.role ?? "submitter");
  // Only administrators of the federation may list accounts; others type the name.
  const users = useQuery({
    queryKey: [...keys.users, "names"],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/users", { params: { query: { limit: 200 } }, signal })),
    enabled: member === undefined && me.federation_admin,
  });
  const save = useMutation({
    mutationFn: () => bodyOf(api.PUT("/api/v2/projects/{project}/members/{user}", { params: { path: { project, user: user.trim() } }, body: { role } })),
    onSuccess: (saved) => {
      onDone();
      if (saved.user === me.name) void client.invalidateQueries({ queryKey: keys.me });
      toast(
        <Trans>
          {saved.user} is {saved.role} of {project}
        </Trans>,
      );
      onClose();
    },
  });
  const meaning: Record<Role, string> = {
    viewer: t`viewer: reads`,
    submitter: t`submitter: creates templates and tasks, changes own tasks`,
    operator: t`operator: changes the tasks of others, too`,
    admin: t`admin: manages members and webhooks, too`,
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {member === undefined && (
        <>
          <TextField label={<Trans>User</Trans>} value={user} onChange={(event) => setUser(event.target.value)} list={list} autoComplete="off" autoCapitalize="none" maxLength={63} required />
          <datalist id={list}>
            {users.data?.items.map(({ name }) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </>
      )}
      <SelectField label={<Trans>Role</Trans>} value={role} onChange={(event) => setRole(event.target.value as Role)} error={fieldError(save.error, "/role")}>
        {ROLES.map((each) => (
          <option key={each} value={each}>
            {meaning[each]}
          </option>
        ))}
      </SelectField>
      <Problem error={save.error} shown={["/role"]} />
      <div className={dialog.actions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={save.isPending}>
          {member === undefined ? <Trans>Add the member</Trans> : <Trans>Save</Trans>}
        </Button>
      </div>
    </form>
  );
}
