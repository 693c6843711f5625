import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf } from "../../api/client";
import { keys } from "../../api/queries";
import type { Search } from "../../app/search";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { Table } from "../../ui/Table";
import { duration, Time } from "../../ui/Time";
import type { Run, Task } from "./data";
import css from "./task.module.css";

/** Runs that one comparison can have. */
const COMPARED_MAX = 10;

/** All runs of the task, newest first, to open or to compare. */
export function Runs({ task, current }: { task: Task; current: number | undefined }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { cursor } = useSearch({ strict: false }) as Search;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const query = useQuery({
    queryKey: [...keys.task(task.id), "runs", cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/tasks/{task}/runs", { params: { path: { task: task.id }, query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const different = differences(query.data?.items ?? []);
  const reason = chosen.size < 2 ? t`Choose at least two runs.` : chosen.size > COMPARED_MAX ? t`At most ${COMPARED_MAX} runs can be compared.` : undefined;
  return (
    <Panel
      title={<Trans>Runs</Trans>}
      padded={false}
      actions={
        <>
          <span className={css.sub} role="status">
            {chosen.size > 0 && <Plural value={chosen.size} one="# run chosen" other="# runs chosen" />}
          </span>
          <Button small disabledReason={reason} onClick={() => void navigate({ to: "/runs/compare", search: { run: [...chosen].join(",") } as never })}>
            <Trans>Compare</Trans>
          </Button>
        </>
      }
    >
      <Loaded query={query}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title={<Trans>This task has no runs.</Trans>}>
              <Trans>Start the task; each start is a run with inputs of its own.</Trans>
            </Empty>
          ) : (
            <>
              <Table<Run>
                label={t`Runs of the task`}
                rows={items}
                rowKey={(row) => row.id}
                columns={[
                  { key: "choose", narrow: true, title: <span className="visually-hidden">{t`Choose`}</span>, cell: (row) => <input type="checkbox" checked={chosen.has(row.id)} onChange={() => toggle(row.id)} aria-label={t`Choose run ${row.number}`} /> },
                  {
                    key: "number",
                    title: t`Run`,
                    cell: (row) => (
                      <Link to="." search={(search: Record<string, unknown>) => ({ ...search, run: String(row.number), tab: undefined, cursor: undefined }) as never} aria-current={row.number === current || undefined}>
                        <Trans>Run {row.number}</Trans>
                      </Link>
                    ),
                  },
                  { key: "phase", title: t`Phase`, cell: (row) => <PhaseBadge phase={row.phase} /> },
                  { key: "created", title: t`Started`, cell: (row) => <Time at={row.created_at} /> },
                  { key: "duration", title: t`Duration`, number: true, cell: (row) => (row.finished_at ? duration((Date.parse(row.finished_at) - Date.parse(row.created_at)) / 1000) : "–") },
                  { key: "epochs", title: t`Epochs`, number: true, cell: (row) => `${row.progress.epoch ?? 0} / ${row.progress.epochs ?? row.inputs?.epochs ?? "–"}` },
                  { key: "inputs", title: t`Inputs that differ`, cell: (row) => <span className={css.clamp}>{safeText(different.get(row.id) ?? "")}</span> },
                  { key: "ending", title: t`Result`, cell: (row) => <span className={css.clamp}>{safeText(row.ending?.message ?? row.waiting?.message ?? "")}</span> },
                ]}
              />
              <Pager next={next} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** Inputs of which the listed runs have different values, as texts by run. */
function differences(runs: Run[]): Map<string, string> {
  const inputs = runs.map((run): [string, Map<string, string>] => [
    run.id,
    new Map([...(run.inputs ? [["epochs", String(run.inputs.epochs)] as const, ["revision", String(run.inputs.revision)] as const] : []), ...Object.entries(run.inputs?.parameters ?? {})]),
  ]);
  const names = [...new Set(inputs.flatMap(([, values]) => [...values.keys()]))].filter((name) => new Set(inputs.map(([, values]) => values.get(name))).size > 1);
  return new Map(inputs.map(([id, values]) => [id, names.filter((name) => values.has(name)).map((name) => `${name}=${values.get(name)}`).join(", ")]));
}
