import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, fieldError } from "../../api/client";
import { meQuery } from "../../api/queries";
import { Button, buttonClass } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Note } from "../../ui/Panel";
import { PasswordField } from "../../ui/PasswordField";
import { Problem, useRetryWait } from "../../ui/Problem";
import { Secret } from "../../ui/Secret";
import { useDraft } from "../../ui/useDraft";
import { usePageTitle } from "../../ui/usePageTitle";
import front from "../sign-in/front.module.css";
import { FrontPage } from "../sign-in/FrontPage";
import { needsSetup } from "../sign-in/SignIn";

type Done = { name: string; secret: string; signInError: unknown };

export default function Setup() {
  const { t } = useLingui();
  usePageTitle(t`Set up the hub`);
  const me = useQuery({ ...meQuery, retry: false, retryOnMount: false });
  const [done, setDone] = useState<Done>();
  if (done) return <Finished done={done} />;
  if (me.isPending) return null;
  if (me.data !== undefined || (me.error && "status" in me.error && me.error.status === 401 && !needsSetup(me.error)))
    return (
      <FrontPage title={<Trans>This hub is set up</Trans>} intro={<Trans>The setup code creates the first account only. An administrator creates further accounts under Users.</Trans>}>
        <Link to={me.data ? "/" : "/sign-in"} className={buttonClass({ kind: "primary" })}>
          {me.data ? <Trans>Open the console</Trans> : <Trans>Sign in</Trans>}
        </Link>
      </FrontPage>
    );
  return (
    <FrontPage
      title={<Trans>Set up the hub</Trans>}
      intro={<Trans>Create the first account. It administers the federation: accounts, projects and parties.</Trans>}
      below={
        needsSetup(me.error) ? undefined : (
          <Link to="/sign-in">
            <Trans>Sign in</Trans>
          </Link>
        )
      }
    >
      {!needsSetup(me.error) && <Problem error={me.error} retry={() => void me.refetch()} />}
      <SetupForm onDone={setDone} />
    </FrontPage>
  );
}

function SetupForm({ onDone }: { onDone: (done: Done) => void }) {
  const { t } = useLingui();
  const [draft, change, clear] = useDraft("setup", { name: "" });
  const [code, setCode] = useState("");
  const [password, setPassword] = useState("");
  const setup = useMutation({
    mutationFn: async () => {
      const name = draft.name.trim();
      const { user, secret } = await bodyOf(api.POST("/api/v2/setup", { body: { code: code.trim(), name, password } }));
      // The account exists from here on: a failure is that of the sign-in alone.
      let signInError: unknown;
      await api.POST("/api/v2/sessions", { body: { name, password } }).catch((error: unknown) => {
        signInError = error;
      });
      return { name: user.name, secret, signInError };
    },
    onSuccess: (done) => {
      clear();
      onDone(done);
    },
  });
  const wait = useRetryWait(setup.error);
  return (
    <form
      className={front.form}
      onSubmit={(event) => {
        event.preventDefault();
        setup.mutate();
      }}
    >
      <TextField
        label={<Trans>Setup code</Trans>}
        help={
          <Trans>
            The hub wrote it to the file <code>setup-code</code> in its data directory, and names the file in its log. On the machine of the hub, <code>flow-server setup-code</code> prints it.
          </Trans>
        }
        value={code}
        onChange={(event) => setCode(event.target.value)}
        error={fieldError(setup.error, "/code")}
        autoComplete="off"
        maxLength={256}
        required
      />
      <TextField
        label={<Trans>Name</Trans>}
        help={<Trans>Lower-case letters, digits, “.”, “_”, “@” and “-”. It cannot be changed.</Trans>}
        value={draft.name}
        onChange={(event) => change({ name: event.target.value })}
        error={fieldError(setup.error, "/name")}
        autoComplete="username"
        autoCapitalize="none"
        maxLength={63}
        required
      />
      <PasswordField label={<Trans>Password</Trans>} value={password} onChange={setPassword} error={fieldError(setup.error, "/password")} required />
      <Problem error={setup.error} shown={["/code", "/name", "/password"]} />
      <Button kind="primary" type="submit" pending={setup.isPending} disabledReason={wait > 0 ? t`The hub accepts the next attempt in ${wait} s.` : undefined}>
        <Trans>Create the account</Trans>
      </Button>
    </form>
  );
}

function Finished({ done }: { done: Done }) {
  const { t } = useLingui();
  const client = useQueryClient();
  return (
    <FrontPage title={<Trans>The hub is set up</Trans>} intro={<Trans>{done.name} administers the federation.</Trans>}>
      <Secret text={done.secret} label={t`API token`}>
        <Trans>API token of this account, for flowctl. The hub does not show it again. Without need for it, delete it under API tokens.</Trans>
      </Secret>
      {done.signInError ? (
        <Note tone="bad" role="alert">
          <Trans>The account exists, but the sign-in failed. Sign in with its name and password.</Trans>
        </Note>
      ) : null}
      <Link to={done.signInError ? "/sign-in" : "/"} className={buttonClass({ kind: "primary" })} onClick={() => client.clear()}>
        {done.signInError ? <Trans>Sign in</Trans> : <Trans>Open the console</Trans>}
      </Link>
    </FrontPage>
  );
}
