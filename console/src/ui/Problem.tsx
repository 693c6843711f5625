import { Trans } from "@lingui/react/macro";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { Button } from "./Button";
import css from "./layout.module.css";
import { Note } from "./Panel";

/** The sentence of a failed request, its invalid fields and its request id. */
export function Problem({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  if (!error) return null;
  const failure = error instanceof ApiError ? error : undefined;
  return (
    <Note tone="bad" role="alert">
      <div>{failure?.isOffline ? <Trans>The hub does not answer. Check the connection; the page goes on by itself when the hub is back.</Trans> : error instanceof Error ? error.message : String(error)}</div>
      {failure && failure.fields.length > 0 && (
        <ul>
          {failure.fields.map((field) => (
            <li key={field.pointer + field.message}>
              <code>{field.pointer}</code> {field.message}
            </li>
          ))}
        </ul>
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
