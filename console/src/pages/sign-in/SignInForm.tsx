import { Trans } from "@lingui/react/macro";
import { useState } from "react";
import { api } from "../../api/client";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";

type Props = { name?: string; onDone: () => void };

/** Signs in with name and password. */
export function SignInForm({ name: known = "", onDone }: Props) {
  const [name, setName] = useState(known);
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>();
  const [pending, setPending] = useState(false);
  const submit = async () => {
    setPending(true);
    setError(undefined);
    try {
      await api.POST("/api/v2/sessions", { body: { name, password } });
      onDone();
    } catch (failure) {
      setError(failure);
    } finally {
      setPending(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!pending) void submit();
      }}
    >
      <TextField label={<Trans>Name</Trans>} value={name} onChange={(event) => setName(event.target.value)} autoComplete="username" autoCapitalize="none" required />
      <TextField label={<Trans>Password</Trans>} type="password" value={password} onChange={(event) => setPassword(event.target.value)} autoComplete="current-password" required />
      <Problem error={error} />
      <Button kind="primary" type="submit" pending={pending}>
        <Trans>Sign in</Trans>
      </Button>
    </form>
  );
}
