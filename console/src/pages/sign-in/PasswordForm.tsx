import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Problem, useRetryWait } from "../../ui/Problem";
import css from "./front.module.css";

/** Signs in with name and password. After wrong passwords the hub makes the address wait. */
export function PasswordForm({ name: known, onDone }: { name: string; onDone: () => void }) {
  const { t } = useLingui();
  const [name, setName] = useState(known);
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => api.POST("/api/v2/sessions", { body: { name: name.trim(), password } }),
    onSuccess: onDone,
    onError: () => setPassword(""),
  });
  const wait = useRetryWait(signIn.error);
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        signIn.mutate();
      }}
    >
      <TextField label={<Trans>Name</Trans>} value={name} onChange={(event) => setName(event.target.value)} autoComplete="username" autoCapitalize="none" maxLength={256} required />
      <TextField label={<Trans>Password</Trans>} type="password" value={password} onChange={(event) => setPassword(event.target.value)} autoComplete="current-password" maxLength={1024} required />
      <Problem error={signIn.error} />
      <Button kind="primary" type="submit" pending={signIn.isPending} disabledReason={wait > 0 ? t`The hub accepts the next attempt in ${wait} s.` : undefined}>
        <Trans>Sign in</Trans>
      </Button>
    </form>
  );
}
