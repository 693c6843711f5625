import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMemo } from "react";
import { Chart, type ChartSeries } from "../../ui/Chart";
import { Panel } from "../../ui/Panel";
import { duration } from "../../ui/Time";
import type { Overview } from "./data";
import css from "./overview.module.css";

type Props = { buckets: Overview["buckets"] };

// Colours of the chart that come closest to those of the phases.
const [SUCCEEDED, STARTED, CANCELLED, FAILED] = [1, 2, 3, 4];

const secondsOf = (buckets: Overview["buckets"]) => buckets.map(({ at }) => Date.parse(at) / 1000);
const sumOf = (numbers: number[]) => numbers.reduce((sum, each) => sum + each, 0);

/** Runs that ended and runs that were started, by time. */
export function Throughput({ buckets }: Props) {
  const { t } = useLingui();
  const x = useMemo(() => secondsOf(buckets), [buckets]);
  const series = useMemo<ChartSeries[]>(
    () => [
      { key: "succeeded", label: t`succeeded`, kind: "bars", color: SUCCEEDED, values: buckets.map((bucket) => bucket.succeeded) },
      { key: "failed", label: t`failed`, kind: "bars", color: FAILED, values: buckets.map((bucket) => bucket.failed) },
      { key: "cancelled", label: t`cancelled`, kind: "bars", color: CANCELLED, values: buckets.map((bucket) => bucket.cancelled) },
      { key: "started", label: t`started`, kind: "line", color: STARTED, values: buckets.map((bucket) => bucket.started) },
    ],
    [buckets, t],
  );
  const ended = sumOf(buckets.map(({ succeeded, failed, cancelled }) => succeeded + failed + cancelled));
  const failed = sumOf(buckets.map((bucket) => bucket.failed));
  const started = sumOf(buckets.map((bucket) => bucket.started));
  return (
    <Panel title={<Trans>Throughput</Trans>}>
      <p className={css.sum}>
        {failed > 0 ? (
          <Trans>
            <Plural value={started} one="# run started" other="# runs started" />, <Plural value={ended} one="# ended" other="# ended" />, <Plural value={failed} one="# failed" other="# failed" />
          </Trans>
        ) : (
          <Trans>
            <Plural value={started} one="# run started" other="# runs started" />, <Plural value={ended} one="# ended" other="# ended" />
          </Trans>
        )}
      </p>
      <Chart label={t`Runs by time`} x={ended + started === 0 ? [] : x} xKind="time" series={series} height={200} fromZero sync="overview" empty={<Trans>No run started or ended in this period.</Trans>} />
    </Panel>
  );
}

/** How long runs waited before they ran, by the time of their end. */
export function QueueTime({ buckets }: Props) {
  const { t } = useLingui();
  const x = useMemo(() => secondsOf(buckets), [buckets]);
  const series = useMemo<ChartSeries[]>(
    () => [
      { key: "max", label: t`longest`, kind: "line", color: STARTED, values: buckets.map((bucket) => bucket.queue_seconds_max ?? undefined) },
      { key: "p50", label: t`median`, kind: "line", color: SUCCEEDED, values: buckets.map((bucket) => bucket.queue_seconds_p50 ?? undefined) },
    ],
    [buckets, t],
  );
  const longest = Math.max(-1, ...buckets.map((bucket) => bucket.queue_seconds_max ?? -1));
  return (
    <Panel title={<Trans>Time in the queue</Trans>}>
      {longest >= 0 && (
        <p className={css.sum}>
          <Trans>at most {duration(longest)} before a run started</Trans>
        </p>
      )}
      <Chart
        label={t`Time in the queue, in seconds`}
        x={longest < 0 ? [] : x}
        xKind="time"
        series={series}
        height={200}
        format={(value) => (typeof value === "number" ? duration(value) : "–")}
        fromZero
        sync="overview"
        empty={<Trans>No run that had started ended in this period.</Trans>}
      />
    </Panel>
  );
}
