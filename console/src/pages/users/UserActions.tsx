import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Confirm, Dialog } from "../../ui/Dialog";
import css from "../../ui/dialog.module.css";
import { Menu } from "../../ui/Menu";
import { PasswordField } from "../../ui/PasswordField";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";

type User = Schemas["User"];
type Action = "password" | "grant" | "withdraw" | "disable" | "enable" | "delete";
export type Chosen = { user: User; action: Action };

/** What an administrator can do with an account. */
export function UserMenu({ user, isSelf, choose }: { user: User; isSelf: boolean; choose: (chosen: Chosen) => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const item = (action: Action, label: string, disabledReason?: string) => ({ key: action, label, run: () => choose({ user, action }), disabledReason });
  return (
    <Menu
      small
      label={<Trans>Actions</Trans>}
      name={t`Actions for ${user.name}`}
      items={[
        { key: "tokens", label: t`API tokens`, run: () => void navigate({ to: "/tokens", search: { user: isSelf ? undefined : user.name } as never }) },
        item(
          "password",
          user.has_password ? t`Set another password` : t`Set a password`,
          isSelf ? t`Your own password is changed under Sessions.` : user.kind === "service" ? t`A service has API tokens and no password.` : undefined,
        ),
        user.federation_admin ? item("withdraw", t`No longer administrator`) : item("grant", t`Make administrator of the federation`),
        user.disabled_at ? item("enable", t`Enable`) : item("disable", t`Disable`, isSelf ? t`You cannot disable the account that you use.` : undefined),
        item("delete", t`Delete`, isSelf ? t`You cannot delete the account that you use.` : undefined),
      ]}
    />
  );
}

/** Dialogs of the chosen action. */
export function UserActions({ chosen, onClose }: { chosen: Chosen | undefined; onClose: () => void }) {
  const client = useQueryClient();
  if (chosen === undefined) return null;
  const { user, action } = chosen;
  const path = { user: user.name };
  const changed = () => void client.invalidateQueries({ queryKey: keys.users });
  const edit = async (body: Schemas["UserEdit"]) => {
    await api.PUT("/api/v2/users/{user}", { params: { path }, body });
    changed();
    void client.invalidateQueries({ queryKey: keys.me });
    toast(<Trans>{user.name} changed</Trans>);
  };
  const common = { open: true, onClose };
  if (action === "password") return <SetPassword user={user} onClose={onClose} onDone={changed} />;
  if (action === "grant")
    return (
      <Confirm {...common} title={<Trans>Make {user.name} an administrator?</Trans>} action={<Trans>Make administrator</Trans>} run={() => edit({ federation_admin: true })}>
        <Trans>The account then manages accounts, projects and parties, and has the role admin in every project.</Trans>
      </Confirm>
    );
  if (action === "withdraw")
    return (
      <Confirm {...common} title={<Trans>End the administration by {user.name}?</Trans>} action={<Trans>End it</Trans>} run={() => edit({ federation_admin: false })}>
        <Trans>The account keeps the roles that projects gave it, and loses all others. The federation keeps at least one enabled administrator.</Trans>
      </Confirm>
    );
  if (action === "disable")
    return (
      <Confirm {...common} title={<Trans>Disable {user.name}?</Trans>} action={<Trans>Disable</Trans>} run={() => edit({ disabled: true })}>
        <Trans>The hub refuses its tokens and ends its sessions at once. Its tasks and roles stay; the account can be enabled again.</Trans>
      </Confirm>
    );
  if (action === "enable")
    return (
      <Confirm {...common} title={<Trans>Enable {user.name}?</Trans>} action={<Trans>Enable</Trans>} run={() => edit({ disabled: false })}>
        <Trans>Its tokens that have not expired are accepted again.</Trans>
      </Confirm>
    );
  return (
    <Confirm
      {...common}
      title={<Trans>Delete {user.name}?</Trans>}
      action={<Trans>Delete the account</Trans>}
      name={user.name}
      run={async () => {
        await api.DELETE("/api/v2/users/{user}", { params: { path } });
        changed();
        toast(<Trans>{user.name} deleted</Trans>);
      }}
    >
      <Trans>Its tokens, sessions and roles are deleted. Its tasks and runs stay. This cannot be undone.</Trans>
    </Confirm>
  );
}

function SetPassword({ user, onClose, onDone }: { user: User; onClose: () => void; onDone: () => void }) {
  const [password, setPassword] = useState("");
  const set = useMutation({
    mutationFn: () => api.PUT("/api/v2/users/{user}/password", { params: { path: { user: user.name } }, body: { password } }),
    onSuccess: () => {
      onDone();
      toast(<Trans>Password of {user.name} set</Trans>);
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={<Trans>Password of {user.name}</Trans>}>
      <p>
        <Trans>Sessions of the account end. Its API tokens stay valid.</Trans>
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          set.mutate();
        }}
      >
        <PasswordField label={<Trans>New password</Trans>} value={password} onChange={setPassword} error={fieldError(set.error, "/password")} required />
        <Problem error={set.error} shown={["/password"]} />
        <div className={css.actions}>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" type="submit" pending={set.isPending}>
            <Trans>Set the password</Trans>
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
