import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import { COLORS } from "../../ui/Chart";
import { safeText } from "../../ui/Copy";
import { Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { duration, numeral, Time } from "../../ui/Time";
import { byMetric, metricOf } from "../task/curves";
import css from "./compare.module.css";

type Comparison = Schemas["RunComparison"];
type Metric = Schemas["ComparedMetric"];

/** One column per run: outcome, inputs that differ, metrics. */
export function SideBySide({ comparison, onRemove }: { comparison: Comparison; onRemove: (id: string) => void }) {
  const { t } = useLingui();
  const { runs, inputs } = comparison;
  const metrics = rowsOf(comparison.metrics, t`shared model`);
  // A run that failed at once is not a fast one.
  const durations = runs.flatMap((run) => (run.phase === "succeeded" && typeof run.duration_s === "number" ? [run.duration_s] : []));
  const shortest = durations.length < 2 ? undefined : Math.min(...durations);
  return (
    <Panel padded={false}>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* oxlint-disable-next-line no-noninteractive-tabindex */}
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t`Runs side by side`}>
        <table className={css.sides}>
          <thead>
            <tr>
              <td />
              {runs.map((run, index) => (
                <th key={run.id} scope="col">
                  <div className={css.runName}>
                    <span className={css.swatch} data-dash={index >= COLORS || undefined} style={{ color: `var(--chart-${(index % COLORS) + 1})` }} />
                    <Link to="/tasks/$task" params={{ task: run.task }} search={{ run: String(run.number) } as never}>
                      {safeText(run.task_name)} <span className={css.sub}>{t`run ${run.number}`}</span>
                    </Link>
                    <Button small kind="quiet" aria-label={t`Remove run ${run.number} of ${safeText(run.task_name)}`} onClick={() => onRemove(run.id)}>
                      ×
                    </Button>
                  </div>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Section title={t`Result`} span={runs.length} />
            <Row title={t`Phase`} cells={runs.map((run) => <PhaseBadge key={run.id} phase={run.phase} />)} />
            <Row title={t`Cause`} cells={runs.map((run) => safeText(run.ending?.message ?? run.waiting?.message ?? "–"))} />
            <Row title={t`Duration`} cells={runs.map((run) => (typeof run.duration_s === "number" ? <Value key={run.id} isBest={run.phase === "succeeded" && run.duration_s === shortest} best={t`shortest`}>{duration(run.duration_s)}</Value> : "–"))} />
            <Row title={t`Epochs`} cells={runs.map((run) => `${run.progress.epoch ?? 0} / ${run.progress.epochs ?? "–"}`)} />
            <Row title={t`Started`} cells={runs.map((run) => <Time key={run.id} at={run.created_at} />)} />
            <Section title={t`Inputs that differ`} span={runs.length} />
            {inputs.length === 0 && (
              <tr>
                <td />
                <td colSpan={runs.length} className={css.sub}>
                  <Trans>All inputs are the same.</Trans>
                </td>
              </tr>
            )}
            {inputs.map(({ name, values }) => (
              <Row key={name} isDifferent title={<InputName name={name} />} cells={values.map((value) => (value === null || value === undefined ? <span className={css.sub}>–</span> : <code>{safeText(value)}</code>))} />
            ))}
            <Section title={t`Metrics`} span={runs.length} />
            {metrics.length === 0 && (
              <tr>
                <td />
                <td colSpan={runs.length} className={css.sub}>
                  <Trans>The runs have no metrics.</Trans>
                </td>
              </tr>
            )}
            {metrics.map((metric) => {
              const best = bestOf(metric);
              return (
                <Row
                  key={`${metric.party} ${metric.name}`}
                  title={
                    <>
                      {safeText(metricOf(metric.name).metric)} <span className={css.sub}>{safeText(metric.party)}</span>
                    </>
                  }
                  cells={metric.values.map((value) =>
                    value ? (
                      <>
                        <Value isBest={best !== undefined && value.best === best} best={t`best`}>
                          {numeral(value.best)}
                        </Value>{" "}
                        <span className={css.sub}>
                          {typeof value.best_step === "number" && t`epoch ${value.best_step}`}
                          {value.last !== value.best && ` · ${t`newest ${numeral(value.last)}`}`}
                        </span>
                      </>
                    ) : (
                      "–"
                    ),
                  )}
                />
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Section({ title, span }: { title: string; span: number }) {
  return (
    <tr className={css.section}>
      <th scope="rowgroup" colSpan={span + 1}>
        {title}
      </th>
    </tr>
  );
}

function Row({ title, cells, isDifferent }: { title: ReactNode; cells: ReactNode[]; isDifferent?: boolean }) {
  return (
    <tr data-different={isDifferent || undefined}>
      <th scope="row">{title}</th>
      {cells.map((cell, index) => (
        // The place of a cell is its run.
        // oxlint-disable-next-line no-array-index-key
        <td key={index}>{cell}</td>
      ))}
    </tr>
  );
}

function Value({ isBest, best, children }: { isBest: boolean; best: string; children: ReactNode }) {
  return (
    <span className={css.value} data-best={isBest || undefined}>
      <span>{children}</span>
      {isBest && <span className={css.best}>{best}</span>}
    </span>
  );
}

function InputName({ name }: { name: string }) {
  const parameter = name.startsWith("parameters.") ? name.slice("parameters.".length) : undefined;
  if (parameter !== undefined) return <code>{safeText(parameter)}</code>;
  return <>{safeText(name)}</>;
}

/** Rows of the table: the shared model once if all parties measured the same, then the parties. */
function rowsOf(metrics: Metric[], shared: string): Metric[] {
  const rows: Metric[] = [];
  const global = new Map<string, Metric[]>();
  for (const metric of metrics) {
    if (metricOf(metric.name).isShared) global.set(metric.name, [...(global.get(metric.name) ?? []), metric]);
    else rows.push(metric);
  }
  for (const group of global.values()) {
    const [first] = group;
    const isSame = group.every((metric) => JSON.stringify(metric.values) === JSON.stringify(first?.values));
    if (isSame && first) rows.push({ ...first, party: shared });
    else rows.push(...group.map((metric) => ({ ...metric, party: `${shared}, ${metric.party}` })));
  }
  const rank = (metric: Metric) => (metricOf(metric.name).isShared ? 0 : 1);
  return rows.toSorted((a, b) => rank(a) - rank(b) || byMetric(metricOf(a.name).metric, metricOf(b.name).metric) || a.party.localeCompare(b.party));
}

/** The best value of all runs, if they differ. */
function bestOf(metric: Metric): number | undefined {
  const values = metric.values.flatMap((value) => (typeof value?.best === "number" ? [value.best] : []));
  if (values.length < 2 || new Set(values).size < 2) return undefined;
  return metric.lower_is_better ? Math.min(...values) : Math.max(...values);
}
