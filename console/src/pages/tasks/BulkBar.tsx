import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { hasRole, useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { BulkDialog, type BulkTarget } from "./BulkDialog";
import { hasFilters, selectorOf, type TaskSearch } from "./filters";
import type { TaskRow } from "./rows";
import css from "./tasks.module.css";

type Props = {
  search: TaskSearch;
  rows: TaskRow[];
  selected: ReadonlySet<string>;
  clear: () => void;
  /** The filters select more than the tasks of this page. */
  hasMore: boolean;
};

/** Actions for the selected tasks, or for all tasks that match the filters. */
export function BulkBar({ search, rows, selected, clear, hasMore }: Props) {
  const { t } = useLingui();
  const me = useMe();
  const [isAll, setAll] = useState(false);
  const [run, setRun] = useState<{ action: "stop" | "delete"; target: BulkTarget } | undefined>();
  const isPage = selected.size === rows.length;
  // The offer is for a whole page; without one of its tasks, the selection is these tasks only.
  const wantsAll = isAll && isPage && hasMore && hasFilters(search);
  const open = (action: "stop" | "delete") =>
    setRun({
      action,
      target: wantsAll ? { filter: selectorOf(search) } : { tasks: rows.filter(({ id }) => selected.has(id)).map(({ id, name }) => ({ id, name })) },
    });
  const disabledReason = hasRole(me, "submitter") ? undefined : t`Your role in this project is viewer. Changes of tasks need the role submitter.`;
  return (
    <>
      <div className={css.bulk} role="region" aria-label={t`Selected tasks`}>
        <span role="status" className={css.bulkCount}>
          {wantsAll ? <Trans>All tasks that match the filters</Trans> : <Plural value={selected.size} one="# task" other="# tasks" />}
        </span>
        {isPage && hasMore && !wantsAll && (
          <Button small kind="quiet" disabledReason={hasFilters(search) ? undefined : t`Set a filter first: an action cannot be applied to every task of the project.`} onClick={() => setAll(true)}>
            <Trans>Select all that match the filters</Trans>
          </Button>
        )}
        <span className={css.bulkActions}>
          <Button small disabledReason={disabledReason} onClick={() => open("stop")}>
            <Trans>Stop</Trans>
          </Button>
          <Button small kind="danger" disabledReason={disabledReason} onClick={() => open("delete")}>
            <Trans>Delete</Trans>
          </Button>
          <Button
            small
            kind="quiet"
            onClick={() => {
              setAll(false);
              clear();
            }}
          >
            <Trans>Clear selection</Trans>
          </Button>
        </span>
      </div>
      {run && (
        <BulkDialog
          action={run.action}
          target={run.target}
          onClose={(hasActed) => {
            setRun(undefined);
            if (hasActed) {
              setAll(false);
              clear();
            }
          }}
        />
      )}
    </>
  );
}
