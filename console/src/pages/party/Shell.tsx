import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Outlet, useLocation } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { ApiError, urlOf } from "../../api/client";
import type { LiveState } from "../../api/events";
import { choose, LANGUAGES, type Language } from "../../app/i18n";
import shell from "../../app/shell.module.css";
import { setTheme, theme, type Theme } from "../../app/theme";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Menu } from "../../ui/Menu";
import { Guarded } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Problem } from "../../ui/Problem";
import { partyQuery, type View } from "./data";
import { PageLink } from "./links";
import { useParty } from "./live";
import css from "./party.module.css";

/** Frame of the pages: party, connections, theme and language. */
export function Shell() {
  const { t } = useLingui();
  const live = useParty();
  const party = useQuery(partyQuery);
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);

  // After a navigation, the keyboard and a screen reader begin with the new page.
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [pathname]);

  if (party.data === undefined) {
    if (party.error instanceof ApiError && party.error.status === 401) return <SignedOut retry={live.retry} />;
    if (!party.error) return null;
    return (
      <main className={shell.center}>
        <Problem error={party.error} retry={live.retry} />
      </main>
    );
  }
  return (
    <div className={css.frame}>
      <a href="#main" className={shell.skip} onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        <Trans>Skip to the content</Trans>
      </a>
      <header className={css.top}>
        <span className={css.brand}>
          <img src={urlOf("icon.svg")} alt="" />
          <span className={css.name}>{party.data.name}</span>
        </span>
        <nav aria-label={t`Pages`} className={css.pages}>
          <PageLink to="/" className={css.page}>
            <Trans>Members</Trans>
          </PageLink>
          <PageLink to="/party" className={css.page}>
            <Trans>Party</Trans>
          </PageLink>
        </nav>
        <span className={shell.spring} />
        <Connection view={party.data} state={live.state} />
        <Settings />
      </header>
      <main id="main" ref={main} tabIndex={-1} className={`${shell.content} ${css.content}`}>
        <Guarded key={pathname}>
          <Outlet />
        </Guarded>
      </main>
      <Dialog open={live.isSessionOver} onClose={() => undefined} title={<Trans>Your session has ended</Trans>}>
        <HowToSignIn retry={live.retry} />
      </Dialog>
    </div>
  );
}

function SignedOut({ retry }: { retry: () => void }) {
  return (
    <main className={shell.center}>
      <div className={shell.card}>
        <h1>
          <Trans>Sign in to the party view</Trans>
        </h1>
        <HowToSignIn retry={retry} />
      </div>
    </main>
  );
}

function HowToSignIn({ retry }: { retry: () => void }) {
  return (
    <>
      <p>
        <Trans>Run this command on the machine of the agent, as the agent’s user, and open the link that it prints:</Trans>
      </p>
      <pre className={css.command}>flow-federate console</pre>
      <p className={css.aside}>
        <Trans>The link is valid for one sign-in. This page goes on when the session has begun.</Trans>
      </p>
      <div>
        <Button kind="primary" onClick={retry}>
          <Trans>I have signed in</Trans>
        </Button>
      </div>
    </>
  );
}

/** Connection of the agent with the hub, and of this page with the agent if it is lost. */
function Connection({ view, state }: { view: View; state: LiveState }) {
  const [wasAway, setWasAway] = useState(false);
  useEffect(() => {
    if (state === "away") setWasAway(true);
    if (state !== "live" || !wasAway) return undefined;
    const timer = setTimeout(() => setWasAway(false), 8000);
    return () => clearTimeout(timer);
  }, [state, wasAway]);
  return (
    <>
      <span className={shell.live} role="status">
        {state === "away" ? <Trans>Connection to the agent lost. Connecting again…</Trans> : state === "live" && wasAway ? <Trans>Connected again, up to date</Trans> : null}
      </span>
      {state !== "away" && (
        <span className={css.hub}>
          <span className={css.hubName}>
            <Trans>Hub</Trans>
          </span>
          <PhaseBadge phase={view.state.contact.state} />
        </span>
      )}
    </>
  );
}

function Settings() {
  const { t, i18n } = useLingui();
  const themes: Record<Theme, string> = { system: t`Theme of the system`, light: t`Light theme`, dark: t`Dark theme` };
  const languages = (Object.keys(LANGUAGES) as Language[]).filter((each) => each !== i18n.locale).map((language) => ({ key: language, label: LANGUAGES[language], run: () => void choose(language) }));
  const look = (Object.keys(themes) as Theme[]).filter((each) => each !== theme()).map((each) => ({ key: each, label: themes[each], run: () => setTheme(each) }));
  return <Menu label={t`Display`} name={t`Display: theme and language`} items={[...look, ...languages]} />;
}
