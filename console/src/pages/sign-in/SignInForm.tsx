import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { urlOf } from "../../api/client";
import { Button, buttonClass } from "../../ui/Button";
import { CodeForm } from "./CodeForm";
import css from "./front.module.css";
import { PasswordForm } from "./PasswordForm";
import { here, providersQuery } from "./ways";

type Props = {
  /** Name of the account, if it is known. */
  name?: string;
  /** Path of the console at which a sign-in with an identity provider ends; absent: this page. */
  back?: string | undefined;
  /** Begin with the one-time code. */
  withCode?: boolean;
  onDone: () => void;
};

/** The ways to sign in: name and password, an identity provider, a one-time code of flowctl. */
export function SignInForm({ name = "", back, withCode = false, onDone }: Props) {
  const { t } = useLingui();
  const [isCode, setCode] = useState(withCode);
  // Without the list people still sign in with a password.
  const providers = useQuery(providersQuery).data?.items ?? [];
  const start = (path: string) => {
    const url = new URL(urlOf(path));
    url.searchParams.set("return_to", here(back));
    return url.toString();
  };
  return (
    <div className={css.ways}>
      {isCode ? <CodeForm onDone={onDone} /> : <PasswordForm name={name} onDone={onDone} />}
      {providers.length > 0 && (
        <>
          <div className={css.or}>
            <Trans>or</Trans>
          </div>
          <div className={css.providers}>
            {providers.map((provider) => (
              <a key={provider.name} className={buttonClass({})} href={start(provider.start)}>
                {t`Continue with ${provider.label}`}
              </a>
            ))}
          </div>
        </>
      )}
      <div className={css.other}>
        <Button kind="quiet" small onClick={() => setCode(!isCode)}>
          {isCode ? <Trans>Use name and password</Trans> : <Trans>Use a one-time code</Trans>}
        </Button>
      </div>
    </div>
  );
}
