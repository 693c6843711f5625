// A chart of series over time or over epochs: drawing (loaded when it is first shown), legend with
// the values at the cursor, and the same numbers as a table.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { lazy, Suspense, useId, useMemo, useState, type KeyboardEvent, type ReactNode } from "react";
import css from "./chart/chart.module.css";
import type { ChartSeries } from "./chart/series";
import { safeText } from "./Copy";
import { Guarded } from "./Panel";
import { numeral } from "./Time";

const Plot = lazy(() => import("./chart/Plot"));

export type { ChartSeries };

export type ChartProps = {
  /** What the chart shows, for screen readers and for the table. */
  label: string;
  /** Seconds since 1970 for `time`, otherwise epochs or steps; ascending. */
  x: number[];
  xKind: "time" | "epoch";
  /** Name of the x values, such as `Epoch`. */
  xLabel?: string;
  /** Bars are stacked in the order of the list. */
  series: ChartSeries[];
  height?: number;
  format?: (value: number | null | undefined) => string;
  /** The y axis begins at 0. Always so with bars. */
  fromZero?: boolean;
  /** Charts with the same text move their cursors together. */
  sync?: string;
  empty?: ReactNode;
};

/** Series that a legend can tell apart: six colours, solid and dashed. */
export const COLORS = 6;

/** Rows of the table; a longer chart is thinned out. */
const ROWS_MAX = 200;

export function Chart({ label, x, xKind, xLabel, series, height = 220, format = numeral, fromZero, sync, empty }: ChartProps) {
  const { t, i18n } = useLingui();
  const id = useId();
  const [cursor, setCursor] = useState<number | undefined>();
  const [isTable, setTable] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const styled = useMemo(
    () => series.map((each, index) => ({ ...each, color: (((each.color ?? index + 1) - 1) % COLORS) + 1, dash: each.dash ?? index >= COLORS, hidden: hidden.has(each.key) })),
    [series, hidden],
  );
  const xText = (value: number | undefined) => {
    if (value === undefined) return "";
    if (xKind === "epoch") return String(value);
    return new Date(value * 1000).toLocaleString(i18n.locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  };
  const xName = xLabel ?? (xKind === "time" ? t`Time` : t`Epoch`);

  const isEmpty = x.length === 0 || series.every((each) => each.values.every((value) => value === null || value === undefined));
  if (isEmpty) return <div className={css.none}>{empty ?? <Trans>There are no values yet.</Trans>}</div>;

  const at = cursor !== undefined && cursor < x.length ? cursor : undefined;
  const move = (event: KeyboardEvent) => {
    const last = x.length - 1;
    const next = { ArrowLeft: Math.max(0, (at ?? last + 1) - 1), ArrowRight: Math.min(last, (at ?? -1) + 1), Home: 0, End: last, Escape: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setCursor(next < 0 ? undefined : next);
  };
  const valueOf = (each: ChartSeries) => format(at === undefined ? lastOf(each.values) : each.values[at]);
  const toggle = (key: string) => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    setHidden(next);
  };
  return (
    <figure className={css.chart} aria-labelledby={`${id}-label`}>
      <figcaption id={`${id}-label`} className="visually-hidden">
        {label}
      </figcaption>
      {/* The arrow keys move the cursor; the values are read from the legend below. */}
      {/* oxlint-disable-next-line no-noninteractive-tabindex, no-noninteractive-element-interactions */}
      <div className={css.plot} style={{ height }} tabIndex={0} role="application" aria-roledescription={t`chart`} aria-label={t`${label}. Move between the values with the arrow keys.`} onKeyDown={move} onBlur={() => setCursor(undefined)}>
        <Guarded>
          <Suspense fallback={null}>
            <Plot x={x} xKind={xKind} series={styled} height={height} format={format} fromZero={fromZero === true} sync={sync} cursor={at} onCursor={setCursor} locale={i18n.locale} />
          </Suspense>
        </Guarded>
      </div>
      <div className={css.legend}>
        <span className={css.at}>{at === undefined ? <Trans>newest</Trans> : `${xName} ${xText(x[at])}`}</span>
        {styled.map((each) => (
          <button key={each.key} type="button" className={css.item} aria-pressed={!each.hidden} onClick={() => toggle(each.key)} title={each.hidden ? t`Show` : t`Hide`}>
            <span className={css.swatch} data-dash={each.dash || undefined} data-kind={each.kind} style={{ color: `var(--chart-${each.color})` }} />
            <span className={css.name}>{safeText(each.label)}</span>
            <span className={css.value}>{valueOf(each)}</span>
          </button>
        ))}
        <button type="button" className={css.toggle} aria-expanded={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? <Trans>Hide table</Trans> : <Trans>Table</Trans>}
        </button>
      </div>
      <div className="visually-hidden" aria-live="polite">
        {at !== undefined && `${xName} ${xText(x[at])}: ${styled.filter((each) => !each.hidden).map((each) => `${each.label} ${format(each.values[at])}`).join(", ")}`}
      </div>
      {isTable && <Values label={label} x={x} xName={xName} xText={xText} series={series} format={format} />}
    </figure>
  );
}

function lastOf(values: (number | null | undefined)[]): number | null | undefined {
  return values.findLast((value) => value !== undefined && value !== null);
}

type ValuesProps = Pick<ChartProps, "label" | "x" | "series"> & { xName: string; xText: (value: number | undefined) => string; format: (value: number | null | undefined) => string };

/** The numbers of the chart, for people who do not see it. */
function Values({ label, x, xName, xText, series, format }: ValuesProps) {
  const step = Math.ceil(x.length / ROWS_MAX);
  const rows = x.map((value, index) => ({ value, index })).filter(({ index }) => index % step === 0 || index === x.length - 1);
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line no-noninteractive-tabindex
    <div className={css.table} tabIndex={0} role="region" aria-label={label}>
      <table>
        <caption>
          {step > 1 && (
            <Trans>
              <Plural value={x.length} one="# value" other="# values" />, thinned out
            </Trans>
          )}
        </caption>
        <thead>
          <tr>
            <th scope="col">{xName}</th>
            {series.map((each) => (
              <th key={each.key} scope="col">
                {safeText(each.label)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ value, index }) => (
            <tr key={value}>
              <th scope="row">{xText(value)}</th>
              {series.map((each) => (
                <td key={each.key}>{each.values[index] === undefined ? "" : format(each.values[index])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
