import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, idempotencyKey } from "../../api/client";
import { templatesQuery } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm } from "../../ui/Dialog";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { listOf, orderOf, textOf, type FilterProps, type Sort } from "./filters";
import { changeReason } from "./permission";
import type { TaskRow } from "./rows";
import { Row } from "./Row";
import css from "./tasks.module.css";

type Props = FilterProps & {
  rows: TaskRow[];
  selected: ReadonlySet<string>;
  select: (next: ReadonlySet<string>) => void;
  /** The rows are those of the former filters, until the new ones arrive. */
  isStale: boolean;
};

/** The tasks of a page. Only rows whose task has changed are drawn again. */
export function TaskTable({ rows, search, change, selected, select, isStale }: Props) {
  const { t } = useLingui();
  const me = useMe();
  const templates = useQuery(templatesQuery).data?.items;
  const names = useMemo(() => new Map(templates?.map(({ id, name }) => [id, name])), [templates]);
  const [stopping, setStopping] = useState<TaskRow | undefined>();
  const [failure, setFailure] = useState<{ name: string; error: unknown } | undefined>();

  // Rows keep the same callbacks, which read the newest state.
  const now = useRef({ rows, selected, select, search, change, last: -1 });
  useEffect(() => {
    Object.assign(now.current, { rows, selected, select, search, change });
  });
  const toggle = useCallback((id: string, isRange: boolean) => {
    const { rows: all, selected: former, select: set, last } = now.current;
    const next = new Set(former);
    const at = all.findIndex((row) => row.id === id);
    const [from, to] = isRange && last >= 0 ? [Math.min(last, at), Math.max(last, at)] : [at, at];
    const isOn = !former.has(id);
    for (const row of all.slice(from, to + 1)) {
      if (isOn) next.add(row.id);
      else next.delete(row.id);
    }
    now.current.last = at;
    set(next);
  }, []);
  const addLabel = useCallback((label: string) => {
    const { search: current, change: set } = now.current;
    set({ label: textOf([...new Set([...listOf(current.label), label])]) });
  }, []);
  const stop = useCallback((task: TaskRow) => setStopping(task), []);
  const start = useCallback(async (task: TaskRow) => {
    setFailure(undefined);
    const name = safeText(task.name);
    try {
      await api.POST("/api/v2/tasks/{task}/start", { params: { path: { task: task.id }, header: { "Idempotency-Key": idempotencyKey() } }, body: null });
      toast(<Trans>{name} is queued</Trans>);
    } catch (error) {
      setFailure({ name, error });
    }
  }, []);

  const order = orderOf(search);
  const isAll = selected.size === rows.length;
  const date = order.sort === "modified" ? "modified" : "created";
  const heading = (by: Sort, title: string) => <SortHeading title={title} state={order.sort === by ? order.direction : undefined} toggle={(direction) => change({ sort: by, direction })} first={by === "name" ? "asc" : "desc"} />;
  return (
    <>
      {failure && (
        <div className={css.failure}>
          <strong>
            <Trans>{failure.name} was not started</Trans>
          </strong>
          <Problem error={failure.error} />
          <Button small onClick={() => setFailure(undefined)}>
            <Trans>Close</Trans>
          </Button>
        </div>
      )}
      {/* The roles keep the meaning of a table where narrow screens show the rows as cards. */}
      <table className={css.table} aria-label={t`Tasks`} aria-busy={isStale} role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader" className={css.check}>
              <input
                type="checkbox"
                aria-label={t`Select all tasks of this page`}
                checked={isAll}
                ref={(box) => {
                  if (box) box.indeterminate = !isAll && selected.size > 0;
                }}
                onChange={() => select(isAll ? new Set() : new Set(rows.map(({ id }) => id)))}
              />
            </th>
            <th scope="col" role="columnheader" aria-sort={ariaSort(order.sort === "name", order.direction)}>
              {heading("name", t`Task`)}
            </th>
            <th scope="col" role="columnheader" className={css.stateColumn}>
              <Trans>Newest run</Trans>
            </th>
            <th scope="col" role="columnheader" className={css.partiesColumn}>
              <Trans>Parties</Trans>
            </th>
            <th scope="col" role="columnheader" className={css.dateColumn} aria-sort={ariaSort(order.sort === date, order.direction)}>
              {date === "modified" ? heading("modified", t`Edited`) : heading("created", t`Created`)}
            </th>
            <th scope="col" role="columnheader" className={css.actionColumn}>
              <span className="visually-hidden">
                <Trans>Action</Trans>
              </span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((task) => (
            <Row
              key={task.id}
              task={task}
              template={names.get(task.template)}
              isSelected={selected.has(task.id)}
              date={date}
              disabledReason={changeReason(me, task.created_by, t)}
              toggle={toggle}
              addLabel={addLabel}
              stop={stop}
              start={start}
            />
          ))}
        </tbody>
      </table>
      <Confirm
        open={stopping !== undefined}
        onClose={() => setStopping(undefined)}
        title={<Trans>Stop {safeText(stopping?.name ?? "")}?</Trans>}
        action={<Trans>Stop the run</Trans>}
        run={async () => {
          await api.POST("/api/v2/tasks/{task}/stop", { params: { path: { task: stopping?.id ?? "" } } });
          toast(<Trans>The run of {safeText(stopping?.name ?? "")} stops</Trans>);
        }}
      >
        <Trans>The processes of all parties end, and the run is cancelled. What it has computed so far stays at the parties.</Trans>
      </Confirm>
    </>
  );
}

function ariaSort(isSorted: boolean, direction: string) {
  return isSorted ? (direction === "asc" ? "ascending" : "descending") : undefined;
}

function SortHeading({ title, state, toggle, first }: { title: string; state: "asc" | "desc" | undefined; toggle: (direction: "asc" | "desc") => void; first: "asc" | "desc" }) {
  return (
    <button type="button" className={css.heading} onClick={() => toggle(state === undefined ? first : state === "asc" ? "desc" : "asc")}>
      {title} <span aria-hidden>{state === "asc" ? "↑" : state === "desc" ? "↓" : ""}</span>
    </button>
  );
}
