import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { ApiError } from "../../api/client";
import { Redirect } from "../../app/Redirect";
import { meQuery } from "../../api/queries";
import { Problem } from "../../ui/Problem";
import { usePageTitle } from "../../ui/usePageTitle";
import { FrontPage } from "./FrontPage";
import { SignInForm } from "./SignInForm";
import { localPath } from "./ways";

/** The hub has no account yet. */
export function needsSetup(error: unknown): boolean {
  return error instanceof ApiError && error.code === "setup_required";
}

export default function SignIn() {
  const { t } = useLingui();
  usePageTitle(t`Sign in`);
  const client = useQueryClient();
  const navigate = useNavigate();
  const me = useQuery({ ...meQuery, retry: false, retryOnMount: false });
  const search = useSearch({ strict: false }) as { back?: string; with?: string };
  const target = localPath(search.back);
  // Signed in already, as after a sign-in in another tab.
  const isSignedIn = me.data !== undefined;
  useEffect(() => {
    if (isSignedIn) void navigate({ href: target, replace: true });
  }, [isSignedIn, navigate, target]);
  if (needsSetup(me.error)) return <Redirect to="/setup" />;
  if (me.isPending || isSignedIn) return null;
  const offline = me.error instanceof ApiError && me.error.status !== 401 ? me.error : undefined;
  return (
    <FrontPage
      title={<Trans>Sign in</Trans>}
      below={
        <Trans>
          The hub is new? <Link to="/setup">Set it up</Link>
        </Trans>
      }
    >
      <Problem error={offline} retry={() => void me.refetch()} />
      <SignInForm
        back={target}
        withCode={search.with === "code"}
        onDone={() => {
          client.clear();
          void navigate({ href: target, replace: true });
        }}
      />
    </FrontPage>
  );
}
