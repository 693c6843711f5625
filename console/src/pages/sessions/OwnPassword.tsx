import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, fieldError } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { PasswordField } from "../../ui/PasswordField";
import { Problem, useRetryWait } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import css from "./sessions.module.css";

/** Changes the password of the account. The hub then ends all its sessions; this one begins anew. */
export function OwnPassword({ name }: { name: string }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const set = useMutation({
    mutationFn: async () => {
      await api.PUT("/api/v2/users/{user}/password", { params: { path: { user: name } }, body: { password, ...(current === "" ? {} : { current }) } });
      // If this fails, the page asks for a sign-in.
      await api.POST("/api/v2/sessions", { body: { name, password } }).catch(() => undefined);
    },
    onSuccess: () => {
      setCurrent("");
      setPassword("");
      toast(<Trans>Password changed, other sessions ended</Trans>);
      void client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
  const wait = useRetryWait(set.error);
  return (
    <Panel title={<Trans>Password</Trans>}>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          set.mutate();
        }}
      >
        {/* Password managers need the name of the account. */}
        <input type="text" value={name} autoComplete="username" readOnly hidden />
        <TextField
          label={<Trans>Current password</Trans>}
          help={<Trans>Empty if the account has none, as after a sign-in with an identity provider.</Trans>}
          type="password"
          value={current}
          onChange={(event) => setCurrent(event.target.value)}
          error={fieldError(set.error, "/current")}
          autoComplete="current-password"
          maxLength={256}
        />
        <PasswordField label={<Trans>New password</Trans>} value={password} onChange={setPassword} error={fieldError(set.error, "/password")} required />
        <Problem error={set.error} shown={["/current", "/password"]} />
        <div className={css.row}>
          <Button type="submit" pending={set.isPending} disabledReason={wait > 0 ? t`The hub accepts the next attempt in ${wait} s.` : undefined}>
            <Trans>Change the password</Trans>
          </Button>
          <span className={css.note}>
            <Trans>All other sessions of the account end.</Trans>
          </span>
        </div>
      </form>
    </Panel>
  );
}
