import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, bodyOf, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import css from "../../ui/dialog.module.css";
import { CheckField, SelectField, TextField } from "../../ui/Field";
import { PasswordField } from "../../ui/PasswordField";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { useDraft } from "../../ui/useDraft";

export function NewUser({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>New user</Trans>}>
      {open && <UserForm onClose={onClose} />}
    </Dialog>
  );
}

function UserForm({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [draft, change, clear] = useDraft("user", { name: "", kind: "person", admin: false });
  const [password, setPassword] = useState("");
  const isPerson = draft.kind === "person";
  const create = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST("/api/v2/users", {
          body: {
            name: draft.name.trim(),
            kind: draft.kind as Schemas["UserKind"],
            federation_admin: draft.admin,
            ...(isPerson && password !== "" ? { password } : {}),
          },
        }),
      ),
    onSuccess: (user) => {
      clear();
      void client.invalidateQueries({ queryKey: keys.users });
      toast(<Trans>{user.name} created. A project gives it a role under Projects.</Trans>);
      onClose();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <SelectField label={<Trans>Kind</Trans>} value={draft.kind} onChange={(event) => change({ kind: event.target.value })} error={fieldError(create.error, "/kind")}>
        <option value="person">{t`Person: signs in, may have API tokens`}</option>
        <option value="service">{t`Service: a program, has API tokens only`}</option>
      </SelectField>
      <TextField
        label={<Trans>Name</Trans>}
        help={<Trans>Lower-case letters, digits, “.”, “_”, “@” and “-”. It cannot be changed.</Trans>}
        value={draft.name}
        onChange={(event) => change({ name: event.target.value })}
        error={fieldError(create.error, "/name")}
        autoComplete="off"
        autoCapitalize="none"
        maxLength={63}
        required
      />
      {isPerson && <PasswordField label={<Trans>Password (optional)</Trans>} value={password} onChange={setPassword} error={fieldError(create.error, "/password")} />}
      <CheckField
        label={<Trans>Administers the federation</Trans>}
        help={<Trans>Manages accounts, projects and parties, with the role admin in every project.</Trans>}
        checked={draft.admin}
        onChange={(event) => change({ admin: event.target.checked })}
      />
      <Problem error={create.error} shown={["/kind", "/name", "/password"]} />
      <div className={css.actions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={create.isPending}>
          <Trans>Create the user</Trans>
        </Button>
      </div>
    </form>
  );
}
