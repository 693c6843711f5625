import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";
import type { MessageDescriptor } from "@lingui/core";
import { Link } from "@tanstack/react-router";
import { ACTIVE, textOf, type TaskSearch } from "./filters";
import css from "./tasks.module.css";

const VIEWS: [MessageDescriptor, string | undefined][] = [
  [msg`All`, undefined],
  [msg`Active`, textOf(ACTIVE)],
  [msg`Failed`, "failed"],
  [msg`Succeeded`, "succeeded"],
  [msg`Cancelled`, "cancelled"],
  [msg`Not started`, "new"],
];

/** Links to the phases that people look for most. */
export function Views({ search }: { search: TaskSearch }) {
  const { t } = useLingui();
  return (
    <nav className={css.views} aria-label={t`Phases`}>
      {VIEWS.map(([label, phase]) => (
        <Link
          key={phase ?? ""}
          to="."
          search={((former: TaskSearch) => ({ ...former, phase, cursor: undefined })) as never}
          className={css.view ?? ""}
          // The router marks each link to this page as current.
          activeProps={{ "aria-current": search.phase === phase ? "page" : undefined }}
          data-chosen={search.phase === phase || undefined}
          replace
        >
          {t(label)}
        </Link>
      ))}
    </nav>
  );
}
