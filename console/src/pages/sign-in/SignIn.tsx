import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import css from "../../app/shell.module.css";
import { usePageTitle } from "../../ui/usePageTitle";
import { SignInForm } from "./SignInForm";

export default function SignIn() {
  const { t } = useLingui();
  usePageTitle(t`Sign in`);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { back } = useSearch({ strict: false }) as { back?: string };
  return (
    <main className={css.center}>
      <div className={css.card}>
        <h1>
          <Trans>Sign in</Trans>
        </h1>
        <SignInForm
          onDone={() => {
            client.clear();
            // Only a path of this console: another address would be chosen by whoever wrote the link.
            const target = back?.startsWith("/") && !back.startsWith("//") ? back : "/";
            void navigate({ href: target, replace: true });
          }}
        />
      </div>
    </main>
  );
}
