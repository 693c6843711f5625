import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, useRef, useState } from "react";
import { hasRole, useMe } from "../../app/session";
import { Button, buttonClass } from "../../ui/Button";
import { Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Problem } from "../../ui/Problem";
import { usePageTitle } from "../../ui/usePageTitle";
import { BulkBar } from "./BulkBar";
import { FilterBar, SortChoice } from "./FilterBar";
import { hasFilters, NO_FILTERS, useTaskSearch } from "./filters";
import { useTaskRows, type TaskRow } from "./rows";
import css from "./tasks.module.css";
import { TaskTable } from "./TaskTable";
import { Views } from "./Views";

const NONE: ReadonlySet<string> = new Set();

export default function Tasks() {
  const { t } = useLingui();
  usePageTitle(t`Tasks`);
  const me = useMe();
  const [search, change] = useTaskSearch();
  const { query, rows } = useTaskRows(search);
  const [selected, select] = useSelection(rows);

  return (
    <Page
      title={<Trans>Tasks</Trans>}
      actions={
        hasRole(me, "submitter") ? (
          <Link to="/tasks/new" className={buttonClass({ kind: "primary" })}>
            <Trans>New task</Trans>
          </Link>
        ) : (
          <Button kind="primary" disabledReason={t`A new task needs the role submitter in this project.`}>
            <Trans>New task</Trans>
          </Button>
        )
      }
    >
      <div className={css.list}>
        <div className={css.top}>
          <Views search={search} />
          <span className={css.topRight}>
            {hasFilters(search) && (
              <Button kind="quiet" onClick={() => change(NO_FILTERS)}>
                <Trans>Clear filters</Trans>
              </Button>
            )}
            <SortChoice search={search} change={change} />
          </span>
        </div>
        <FilterBar search={search} change={change} />
        {query.error && <Problem error={query.error} retry={() => void query.refetch()} />}
        {(rows !== undefined || !query.error) && (
          <Panel padded={false}>
            {rows === undefined ? (
              <Skeleton />
            ) : rows.length > 0 ? (
              <TaskTable rows={rows} search={search} change={change} selected={selected} select={select} isStale={query.isPlaceholderData} />
            ) : query.data?.next ? (
              <Empty title={<Trans>No task of this page matches</Trans>}>
                <Trans>With several filters a page can be empty. The next page may have more.</Trans>
              </Empty>
            ) : (
              <NoTasks isFiltered={hasFilters(search)} clear={() => change(NO_FILTERS)} />
            )}
            <Pager next={query.data?.next} />
          </Panel>
        )}
        {rows !== undefined && selected.size > 0 && <BulkBar search={search} rows={rows} selected={selected} clear={() => select(NONE)} hasMore={query.data?.next !== undefined || search.cursor !== undefined} />}
      </div>
    </Page>
  );
}

function NoTasks({ isFiltered, clear }: { isFiltered: boolean; clear: () => void }) {
  const me = useMe();
  if (isFiltered)
    return (
      <Empty title={<Trans>No task matches these filters</Trans>}>
        <Button onClick={clear}>
          <Trans>Clear filters</Trans>
        </Button>
      </Empty>
    );
  return (
    <Empty title={<Trans>This project has no tasks</Trans>}>
      <p>
        <Trans>A task names a template, the parties that take part and its parameters. It can be started many times.</Trans>
      </p>
      {hasRole(me, "submitter") ? (
        <Link to="/tasks/new" className={buttonClass({ kind: "primary" })}>
          <Trans>Create the first task</Trans>
        </Link>
      ) : (
        <p>
          <Trans>Somebody with the role submitter can create one.</Trans>
        </p>
      )}
    </Empty>
  );
}

function Skeleton() {
  return (
    <div className={css.skeleton} role="status">
      <span className="visually-hidden">
        <Trans>Loading…</Trans>
      </span>
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  );
}

/** The selected tasks of the page. Tasks that leave the page leave the selection. */
function useSelection(rows: TaskRow[] | undefined): [selected: ReadonlySet<string>, select: (next: ReadonlySet<string>) => void] {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(NONE);
  const last = useRef<ReadonlySet<string>>(NONE);
  const selected = useMemo(() => {
    const ids = chosen.size === 0 ? [] : (rows ?? []).filter(({ id }) => chosen.has(id)).map(({ id }) => id);
    // The same set for the same tasks: rows do not change with each event.
    if (ids.length === last.current.size && ids.every((id) => last.current.has(id))) return last.current;
    last.current = new Set(ids);
    return last.current;
  }, [chosen, rows]);
  return [selected, useCallback((next) => setChosen(next), [])];
}
