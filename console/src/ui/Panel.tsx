import { Trans } from "@lingui/react/macro";
import { Component, type ReactNode } from "react";
import { Button } from "./Button";
import css from "./layout.module.css";

class Boundary extends Component<{ children: ReactNode; fallback: (error: unknown, reset: () => void) => ReactNode }, { error: unknown; failed: boolean }> {
  override state = { error: undefined as unknown, failed: false };

  static getDerivedStateFromError(error: unknown) {
    return { error, failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return this.props.fallback(this.state.error, () => this.setState({ error: undefined, failed: false }));
  }
}

/** Shows a message in place of children that cannot be shown; the rest of the page stays. */
export function Guarded({ children }: { children: ReactNode }) {
  return (
    <Boundary
      fallback={(error, reset) => (
        <div role="alert" className={css.empty}>
          <strong>
            <Trans>This part of the page cannot be shown.</Trans>
          </strong>
          <code>{error instanceof Error ? error.message : String(error)}</code>
          <Button onClick={reset}>
            <Trans>Try again</Trans>
          </Button>
        </div>
      )}
    >
      {children}
    </Boundary>
  );
}

type PanelProps = { title?: ReactNode; actions?: ReactNode; children: ReactNode; padded?: boolean };

/** A titled part of a page with an error boundary of its own. Tables use `padded={false}`. */
export function Panel({ title, actions, children, padded = true }: PanelProps) {
  return (
    <section className={css.panel}>
      {(title || actions) && (
        <div className={css.panelHead}>
          {title && <h2>{title}</h2>}
          {actions}
        </div>
      )}
      <div className={padded ? css.body : undefined}>
        <Guarded>{children}</Guarded>
      </div>
    </section>
  );
}

type PageProps = { title: ReactNode; intro?: ReactNode; actions?: ReactNode; children: ReactNode };

/** A page: heading, actions, content. Also set the title of the document with `usePageTitle`. */
export function Page({ title, intro, actions, children }: PageProps) {
  return (
    <div className={css.page}>
      <div className={css.head}>
        <div className={css.titles}>
          <h1>{title}</h1>
          {intro && <p className={css.intro}>{intro}</p>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** Names and values, as a definition list. */
export function Facts({ items }: { items: [label: ReactNode, value: ReactNode][] }) {
  return (
    <dl className={css.facts}>
      {items.map(([label, value], index) => (
        // Labels are translated texts: their place is their identity.
        // oxlint-disable-next-line no-array-index-key
        <FactRow key={index} label={label} value={value} />
      ))}
    </dl>
  );
}

function FactRow({ label, value }: { label: ReactNode; value: ReactNode }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{value ?? "–"}</dd>
    </>
  );
}

/** What to do when a list is empty. */
export function Empty({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className={css.empty}>
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export type Tone = "good" | "bad" | "warn" | "info" | "none";

/** A short message with a tone: warnings of the hub, results of an action. */
export function Note({ tone = "info", children, role }: { tone?: Tone; children: ReactNode; role?: "alert" | "status" }) {
  return (
    <div className={css.note} data-tone={tone} role={role}>
      {children}
    </div>
  );
}

export function Badge({ tone = "none", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={css.badge} data-tone={tone}>
      {children}
    </span>
  );
}

/** Progress from 0 to 1; absent: unknown. */
export function Bar({ value, label }: { value: number | undefined; label: string }) {
  const percent = value === undefined || !Number.isFinite(value) ? undefined : Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div className={css.bar} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <div style={{ width: `${percent ?? 0}%` }} />
    </div>
  );
}
