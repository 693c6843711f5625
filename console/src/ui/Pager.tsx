import { Trans, useLingui } from "@lingui/react/macro";
import { Link, useSearch } from "@tanstack/react-router";
import { buttonClass } from "./Button";
import css from "./layout.module.css";

/** Links to the next and the first page of a list. The cursor is in the URL; the browser goes back. */
export function Pager({ next, param = "cursor" }: { next: string | null | undefined; param?: string }) {
  const { t } = useLingui();
  const search = useSearch({ strict: false }) as Record<string, string | undefined>;
  const isFirst = search[param] === undefined;
  if (isFirst && !next) return null;
  const to = (cursor: string | undefined) => ((former: Record<string, unknown>) => ({ ...former, [param]: cursor })) as never;
  return (
    <nav className={css.pager} aria-label={t`Pages of the list`}>
      {!isFirst && (
        <Link to="." search={to(undefined)} className={buttonClass({ small: true })}>
          <Trans>First page</Trans>
        </Link>
      )}
      {next && (
        <Link to="." search={to(next)} className={buttonClass({ small: true })}>
          <Trans>Next page</Trans>
        </Link>
      )}
    </nav>
  );
}
