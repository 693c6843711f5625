import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Problem, useRetryWait } from "../../ui/Problem";
import css from "./front.module.css";

/** Signs in with the one-time code that `flowctl console` prints. */
export function CodeForm({ onDone }: { onDone: () => void }) {
  const { t } = useLingui();
  const [code, setCode] = useState("");
  const signIn = useMutation({
    mutationFn: () => api.POST("/api/v2/sessions", { body: { code: code.trim() } }),
    onSuccess: onDone,
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
      <div className={css.code}>
        <TextField
          label={<Trans>One-time code</Trans>}
          help={
            <Trans>
              <code>flowctl console</code> prints a code. It is valid once, for 15 minutes.
            </Trans>
          }
          value={code}
          onChange={(event) => setCode(event.target.value)}
          autoComplete="one-time-code"
          autoCapitalize="characters"
          maxLength={64}
          required
        />
      </div>
      <Problem error={signIn.error} />
      <Button kind="primary" type="submit" pending={signIn.isPending} disabledReason={wait > 0 ? t`The hub accepts the next attempt in ${wait} s.` : undefined}>
        <Trans>Sign in</Trans>
      </Button>
    </form>
  );
}
