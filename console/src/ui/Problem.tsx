import { Trans } from "@lingui/react/macro";
import type { UseQueryResult } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { ApiError } from "../api/client";
import { Button } from "./Button";
import css from "./layout.module.css";
import { Note } from "./Panel";

type Props = {
  error: unknown;
  retry?: (() => void) | undefined;
  /** Pointers of the fields whose mistakes the form shows beside them. */
  shown?: string[];
};

/** Seconds until the hub accepts a repetition of the failed request; 0: now. */
export function useRetryWait(error: unknown): number {
  const at = error instanceof ApiError ? error.retryAt : undefined;
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (at === undefined || at <= Date.now()) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => {
      setNow(Date.now());
      if (Date.now() >= at) clearInterval(timer);
    }, 500);
    return () => clearInterval(timer);
  }, [at]);
  return at === undefined ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
}

/** The sentence of a failed request, its invalid fields and its request id. */
export function Problem({ error, retry, shown = [] }: Props) {
  const wait = useRetryWait(error);
  if (!error) return null;
  const failure = error instanceof ApiError ? error : undefined;
  const others = failure?.fields.filter((field) => !shown.includes(field.pointer)) ?? [];
  // The sentence of a single mistake names its field.
  const fields = others.length === 1 && others[0] && failure?.message.includes(others[0].message) ? [] : others;
  return (
    <Note tone="bad" role="alert">
      <div>{failure?.code === "offline" ? <Trans>The hub does not answer. Check the connection; the page goes on by itself when the hub is back.</Trans> : error instanceof Error ? error.message : String(error)}</div>
      {fields.length > 0 && (
        <ul>
          {fields.map((field) => (
            <li key={field.pointer + field.message}>
              <code>{field.pointer}</code> {field.message}
            </li>
          ))}
        </ul>
      )}
      {failure?.retryAt !== undefined && (
        // The countdown is not announced each second.
        <div className={css.wait} aria-live="off">
          {wait > 0 ? <Trans>You can try again in {wait} s.</Trans> : <Trans>You can try again now.</Trans>}
        </div>
      )}
      {failure?.requestId && (
        <div className={css.small}>
          <Trans>
            Request <code>{failure.requestId}</code>
          </Trans>
        </div>
      )}
      {retry && (
        <div>
          <Button small onClick={retry}>
            <Trans>Try again</Trans>
          </Button>
        </div>
      )}
    </Note>
  );
}

/** Shows the data of a query, or that it is loading, or its error above the last data. */
export function Loaded<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  const { data, error, isPending, refetch } = query;
  if (data === undefined && isPending && !error)
    return (
      <div className={css.loading} role="status">
        <Trans>Loading…</Trans>
      </div>
    );
  return (
    <>
      {error && <Problem error={error} retry={() => void refetch()} />}
      {data !== undefined && children(data)}
    </>
  );
}
