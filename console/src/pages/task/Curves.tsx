import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useProject } from "../../app/session";
import { Button, buttonClass } from "../../ui/Button";
import { Chart } from "../../ui/Chart";
import { safeText } from "../../ui/Copy";
import { Panel } from "../../ui/Panel";
import { isActive } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { urlOf, type Schemas } from "../../api/client";
import { curvesOf } from "./curves";
import { seriesQuery, type Run, type Task } from "./data";
import css from "./task.module.css";

/** Charts that are drawn at once. */
const CHARTS = 6;

/** The metrics over the epochs: each party and the shared model. */
export function Curves({ task, run }: { task: Task; run: Run }) {
  const query = useQuery(seriesQuery(task.id, run.number));
  const project = useProject();
  const csv = new URL(urlOf(`api/v2/tasks/${task.id}/runs/${run.number}/series`));
  csv.searchParams.set("format", "csv");
  if (project !== undefined) csv.searchParams.set("project", project);
  return (
    <Panel
      title={<Trans>Curves</Trans>}
      actions={
        <a className={buttonClass({ small: true })} href={csv.toString()} download={`run-${run.number}.csv`}>
          <Trans>Download as CSV</Trans>
        </a>
      }
    >
      <Loaded query={query}>{(series) => <Charts series={series} run={run} />}</Loaded>
    </Panel>
  );
}

function Charts({ series, run }: { series: Schemas["RunSeries"]; run: Run }) {
  const { t } = useLingui();
  const [all, setAll] = useState(false);
  const charts = useMemo(() => curvesOf(series, { shared: t`shared model`, sharedAt: (party) => t`shared model at ${party}` }), [series, t]);
  if (charts.length === 0)
    return (
      <p className={css.sub}>
        {isActive(run.phase) ? <Trans>There are no metrics yet. They appear here as soon as a party reports its first epoch.</Trans> : <Trans>The workloads of this run reported no metrics. They can write them to metrics.jsonl in their output directory.</Trans>}
      </p>
    );
  const shown = all ? charts : charts.slice(0, CHARTS);
  return (
    <>
      <div className={css.charts}>
        {shown.map(({ metric, x, series: curves }) => (
          <div key={metric} className={css.chart}>
            <h3>{safeText(metric)}</h3>
            <Chart label={t`${safeText(metric)} by epoch`} x={x} xKind="epoch" series={curves} sync={`run ${run.id}`} />
          </div>
        ))}
      </div>
      {charts.length > shown.length && (
        <Button small onClick={() => setAll(true)}>
          <Plural value={charts.length - shown.length} one="Show # more metric" other="Show # more metrics" />
        </Button>
      )}
    </>
  );
}
