import { Trans, useLingui } from "@lingui/react/macro";
import { useQueries } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import type { Search } from "../../app/search";
import { Button } from "../../ui/Button";
import { Chart, COLORS } from "../../ui/Chart";
import { safeText } from "../../ui/Copy";
import { Panel } from "../../ui/Panel";
import { Problem } from "../../ui/Problem";
import { aligned, byMetric, joined, metricOf, type Curve } from "../task/curves";
import { seriesQuery } from "../task/data";
import css from "./compare.module.css";

type ListedRun = Schemas["ListedRun"];
type RunSeries = Schemas["RunSeries"];

/** Runs whose curves are read at once; each run needs a request. */
const READ_MAX = 2;
/** Charts that are drawn. */
const CHARTS = 8;
/** Choice of the curves: not a name of a party. */
const SHARED = "*";

/** The curves of the runs over each other: of the shared model, or of one party. */
export function ComparedCurves({ runs }: { runs: ListedRun[] }) {
  const { t } = useLingui();
  const { of } = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [all, setAll] = useState(false);
  const queries = useQueries({ queries: runs.map((run, index) => ({ ...seriesQuery(run.task, run.number), enabled: all || index < READ_MAX })) });
  const series = queries.map((query) => query.data);
  const error = queries.find((query) => query.error)?.error;
  const parties = [...new Set(series.flatMap((each) => each?.members.filter((member) => member.series.some(({ name }) => !metricOf(name).isShared)).map((member) => member.party) ?? []))].toSorted((a, b) => a.localeCompare(b));
  const hasShared = series.some((each) => each?.members.some((member) => member.series.some(({ name }) => metricOf(name).isShared)));
  const choices = [...(hasShared ? [SHARED] : []), ...parties];
  const chosen = of !== undefined && choices.includes(of) ? of : choices[0];
  const left = runs.length - READ_MAX;
  const charts = chosen === undefined ? [] : chartsOf(runs, series, chosen, (run) => t`${safeText(run.task_name)} run ${run.number}`);
  return (
    <Panel
      title={<Trans>Curves</Trans>}
      actions={
        choices.length > 0 && (
          <label className={css.of}>
            <Trans>of</Trans>
            <select className={css.select} value={chosen} onChange={(event) => void navigate({ to: ".", search: ((former: Record<string, unknown>) => ({ ...former, of: event.target.value })) as never, replace: true })}>
              {choices.map((choice) => (
                <option key={choice} value={choice}>
                  {choice === SHARED ? t`the shared model` : choice}
                </option>
              ))}
            </select>
          </label>
        )
      }
    >
      <Problem error={error} />
      {charts.length === 0 ? (
        queries.some((query) => query.isLoading) ? (
          <span role="status">
            <Trans>Loading…</Trans>
          </span>
        ) : (
          !error && (
            <p className={css.sub}>
              <Trans>These runs reported no metrics.</Trans>
            </p>
          )
        )
      ) : (
        <div className={css.charts}>
          {charts.map(({ metric, x, series: curves }) => (
            <div key={metric}>
              <h3>{safeText(metric)}</h3>
              <Chart label={t`${safeText(metric)} by epoch`} x={x} xKind="epoch" series={curves} sync="compare" />
            </div>
          ))}
        </div>
      )}
      {!all && left > 0 && (
        <div className={css.more}>
          <Button small onClick={() => setAll(true)}>
            <Trans>Draw the other runs, too ({left})</Trans>
          </Button>
        </div>
      )}
    </Panel>
  );
}

function chartsOf(runs: ListedRun[], series: (RunSeries | undefined)[], chosen: string, label: (run: ListedRun) => string) {
  const metrics = new Map<string, Curve[]>();
  for (const [index, run] of runs.entries()) {
    const curves = new Map<string, Curve[]>();
    for (const member of series[index]?.members ?? []) {
      for (const { name, points } of member.series) {
        const { metric, isShared } = metricOf(name);
        if (chosen === SHARED ? !isShared : isShared || member.party !== chosen) continue;
        // Where parties measured the shared model on different data, each has a curve.
        const curve = { key: `${run.id} ${member.party}`, label: chosen === SHARED ? `${label(run)}, ${member.party}` : label(run), points, color: (index % COLORS) + 1, dash: index >= COLORS };
        curves.set(metric, [...(curves.get(metric) ?? []), curve]);
      }
    }
    for (const [metric, of] of curves) metrics.set(metric, [...(metrics.get(metric) ?? []), ...joined(of, label(run)).map((curve) => ({ ...curve, key: `${run.id} ${curve.key}` }))]);
  }
  return [...metrics.keys()]
    .toSorted(byMetric)
    .slice(0, CHARTS)
    .map((metric) => ({ metric, ...aligned(metrics.get(metric) ?? []) }));
}
