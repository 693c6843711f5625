import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { Suspense, useEffect, useRef, useState } from "react";
import { api, ApiError, urlOf } from "../api/client";
import { meQuery } from "../api/queries";
import { buttonClass } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Menu } from "../ui/Menu";
import { Guarded } from "../ui/Panel";
import { Problem } from "../ui/Problem";
import { SignInForm } from "../pages/sign-in/SignInForm";
import { choose, LANGUAGES, type Language } from "./i18n";
import { LiveProvider, useLiveState } from "./live";
import { Palette } from "./Palette";
import { Redirect } from "./Redirect";
import { hasRole, useMe, useProject, useProjectSwitch, useSignedOut } from "./session";
import css from "./shell.module.css";
import { setTheme, theme, type Theme } from "./theme";

export function Root() {
  return (
    <Suspense fallback={null}>
      <Outlet />
    </Suspense>
  );
}

/** Frame of the pages: navigation, project, state of the connection, account. */
export function Shell() {
  const project = useProject();
  const me = useQuery(meQuery);
  const [signedOut, signedIn] = useSignedOut();
  const client = useQueryClient();
  const { pathname, searchStr } = useLocation();

  if (me.data === undefined) {
    if (me.error instanceof ApiError && me.error.code === "setup_required") return <Redirect to="/setup" />;
    if (me.error instanceof ApiError && me.error.status === 401) return <Redirect to="/sign-in" back={pathname + searchStr === "/" ? undefined : pathname + searchStr} />;
    if (me.error)
      return (
        <div className={css.center}>
          <Problem error={me.error} retry={() => void me.refetch()} />
        </div>
      );
    return null;
  }
  return (
    <LiveProvider project={project ?? me.data.project}>
      <Frame />
      <Dialog open={signedOut} onClose={() => undefined} title={<Trans>Your session has ended</Trans>}>
        <p>
          <Trans>Sign in again to go on. What you have typed on this page stays.</Trans>
        </p>
        <SignInForm
          name={me.data.name}
          onDone={() => {
            signedIn();
            void client.invalidateQueries();
          }}
        />
      </Dialog>
    </LiveProvider>
  );
}

function Frame() {
  const { t } = useLingui();
  const me = useMe();
  const project = useProject();
  const switchProject = useProjectSwitch();
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isPaletteOpen, setPaletteOpen] = useState(false);

  // After a navigation, the keyboard and a screen reader begin with the new page.
  const isFirst = useRef(true);
  useEffect(() => {
    setMenuOpen(false);
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [pathname]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPaletteOpen(true);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  const isAdmin = me.federation_admin;
  const projects = me.projects.map((each) => each.project);
  if (project !== undefined && !projects.includes(project)) projects.unshift(project);
  return (
    <div className={css.frame}>
      <a href="#main" className={css.skip} onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        <Trans>Skip to the content</Trans>
      </a>
      <nav className={css.side} data-open={isMenuOpen || undefined} aria-label={t`Pages`} id="navigation">
        <Link to="/" className={css.brand ?? ""}>
          <img src={urlOf("icon.svg")} alt="" /> Flow
        </Link>
        <div className={css.group}>
          <NavLink to="/" label={t`Overview`} exact />
          <NavLink to="/tasks" label={t`Tasks`} />
          <NavLink to="/runs/compare" label={t`Compare runs`} />
          <NavLink to="/templates" label={t`Templates`} />
          <NavLink to="/parties" label={t`Parties`} />
        </div>
        <div className={css.group}>
          <div className={css.groupTitle}>{isAdmin ? <Trans>Administration</Trans> : <Trans>Project</Trans>}</div>
          <NavLink to="/projects" label={t`Projects`} />
          {hasRole(me, "admin") && <NavLink to="/webhooks" label={t`Webhooks`} />}
          {isAdmin && <NavLink to="/users" label={t`Users`} />}
          {isAdmin && <NavLink to="/audit" label={t`Audit`} />}
          {isAdmin && <NavLink to="/system" label={t`System`} />}
        </div>
        <div className={css.group}>
          <div className={css.groupTitle}>
            <Trans>Account</Trans>
          </div>
          <NavLink to="/tokens" label={t`API tokens`} />
          <NavLink to="/sessions" label={t`Sessions`} />
          <a className={css.link} href={urlOf("docs")}>
            <Trans>API reference</Trans>
          </a>
        </div>
      </nav>
      <div className={css.main}>
        <header className={css.top}>
          <button type="button" className={`${buttonClass({})} ${css.toggle}`} aria-expanded={isMenuOpen} aria-controls="navigation" onClick={() => setMenuOpen(!isMenuOpen)}>
            <Trans>Menu</Trans>
          </button>
          <select className={css.select} aria-label={t`Project`} value={project} onChange={(event) => switchProject(event.target.value)}>
            {projects.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <LiveBadge />
          <span className={css.spring} />
          <button type="button" className={css.search} onClick={() => setPaletteOpen(true)} aria-keyshortcuts="Control+K Meta+K">
            <Trans>Search</Trans> <kbd>Ctrl K</kbd>
          </button>
          <SettingsMenu />
        </header>
        <main id="main" ref={main} tabIndex={-1} className={css.content}>
          <Guarded key={pathname}>
            <Suspense fallback={null}>
              <Outlet />
            </Suspense>
          </Guarded>
        </main>
      </div>
      <Palette open={isPaletteOpen} onClose={() => setPaletteOpen(false)} />
    </div>
  );
}

function NavLink({ to, label, exact }: { to: string; label: string; exact?: boolean }) {
  return (
    <Link to={to} className={css.link ?? ""} activeOptions={{ exact: exact ?? false, includeSearch: false }}>
      {label}
    </Link>
  );
}

function LiveBadge() {
  const state = useLiveState();
  const [wasAway, setWasAway] = useState(false);
  useEffect(() => {
    if (state === "away" || state === "expired") setWasAway(true);
    if (state !== "live" || !wasAway) return undefined;
    const timer = setTimeout(() => setWasAway(false), 8000);
    return () => clearTimeout(timer);
  }, [state, wasAway]);
  return (
    <span className={css.live} role="status">
      {state === "away" || state === "expired" ? <Trans>Connection lost. Connecting again…</Trans> : state === "live" && wasAway ? <Trans>Connected again, up to date</Trans> : null}
    </span>
  );
}

function SettingsMenu() {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const signOut = async () => {
    const sessions = await api.GET("/api/v2/sessions");
    const current = sessions.data?.items.find((session) => session.current);
    if (current) await api.DELETE("/api/v2/sessions/{session}", { params: { path: { session: current.id } } });
    client.clear();
    location.assign(urlOf("sign-in"));
  };
  const themes: Record<Theme, string> = { system: t`Theme of the system`, light: t`Light theme`, dark: t`Dark theme` };
  const other = (Object.keys(LANGUAGES) as Language[]).map((language) => ({ key: language, label: LANGUAGES[language], run: () => void choose(language) }));
  const look = (Object.keys(themes) as Theme[]).filter((each) => each !== theme()).map((each) => ({ key: each, label: themes[each], run: () => setTheme(each) }));
  return <Menu label={me.name} name={t`Account ${me.name}`} items={[...look, ...other, { key: "sign-out", label: t`Sign out`, run: () => void signOut() }]} />;
}

