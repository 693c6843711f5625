// The drawing of a chart with uPlot. Colours and type come from the tokens, so that the drawing
// follows the theme.
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import type { ChartSeries } from "./series";
import { axisTime } from "./axis";
import css from "./chart.module.css";

type PlotSeries = Omit<ChartSeries, "color" | "dash"> & { color: number; dash: boolean; hidden: boolean };

type Props = {
  x: number[];
  xKind: "time" | "epoch";
  series: PlotSeries[];
  height: number;
  format: (value: number | null | undefined) => string;
  fromZero: boolean;
  sync: string | undefined;
  cursor: number | undefined;
  onCursor: (index: number | undefined) => void;
  locale: string;
};

export default function Plot(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const zoomed = useRef(false);
  const newest = useRef(props);
  const theme = useTheme();
  // The drawing is built anew when its parts change, and only gets new data otherwise.
  const shape = JSON.stringify([props.xKind, props.height, props.fromZero, props.sync, props.locale, theme, props.series.map(({ key, kind, color, dash, hidden }) => [key, kind, color, dash, hidden])]);

  useEffect(() => {
    newest.current = props;
  });
  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    zoomed.current = false;
    const built = new uPlot(optionsOf(newest, element.clientWidth, zoomed), dataOf(newest.current), element);
    plot.current = built;
    const observer = new ResizeObserver(() => built.setSize({ width: element.clientWidth, height: newest.current.height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      built.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  const { x, series, cursor } = props;
  useEffect(() => {
    const current = plot.current;
    if (!current) return;
    current.setData(dataOf(newest.current), !zoomed.current);
    if (zoomed.current) current.redraw();
  }, [x, series]);
  useEffect(() => {
    const current = plot.current;
    if (!current || cursor === (current.cursor.idx ?? undefined)) return;
    const at = cursor === undefined ? undefined : newest.current.x[cursor];
    current.setCursor({ left: at === undefined ? -10 : current.valToPos(at, "x"), top: at === undefined ? -10 : 0 }, false);
  }, [cursor]);
  return <div ref={host} className={css.host} aria-hidden="true" />;
}

/** Changes when the colours of the page do. */
function useTheme(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const change = () => setCount((before) => before + 1);
    const observer = new MutationObserver(change);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", change);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", change);
    };
  }, []);
  return count;
}

/** Series in the order of drawing: stacked bars from the largest sum to the smallest. */
function drawn(series: PlotSeries[]): PlotSeries[] {
  return [...series.filter((each) => each.kind === "bars").toReversed(), ...series.filter((each) => each.kind !== "bars")];
}

function dataOf({ x, series }: Props): uPlot.AlignedData {
  const sums = x.map(() => 0);
  const stacked = new Map<string, number[]>();
  for (const each of series) {
    if (each.kind !== "bars" || each.hidden) continue;
    stacked.set(
      each.key,
      x.map((_, index) => (sums[index] = (sums[index] ?? 0) + (each.values[index] ?? 0))),
    );
  }
  return [x, ...drawn(series).map((each) => stacked.get(each.key) ?? x.map((_, index) => finite(each.values[index])))] as uPlot.AlignedData;
}

function finite(value: number | null | undefined): number | null | undefined {
  return value === undefined || value === null || Number.isFinite(value) ? value : null;
}

/** Positions of the values without a neighbour, which no line reaches. */
function lonely(self: uPlot, series: number): number[] {
  // A missing value does not interrupt the line, null does.
  const values = [...(self.data[series] ?? []).entries()].filter(([, value]) => value !== undefined);
  return values.filter(([, value], index) => typeof value === "number" && typeof values[index - 1]?.[1] !== "number" && typeof values[index + 1]?.[1] !== "number").map(([at]) => at);
}

function optionsOf(newest: { current: Props }, width: number, zoomed: { current: boolean }): uPlot.Options {
  const { xKind, series, height, fromZero, sync, locale } = newest.current;
  const root = getComputedStyle(document.documentElement);
  const token = (name: string) => root.getPropertyValue(name).trim();
  const hasBars = series.some((each) => each.kind === "bars");
  const font = `11px ${token("--font")}`;
  const axis: uPlot.Axis = { stroke: token("--ink-2"), font, grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, gap: 6 };
  const bars = uPlot.paths.bars?.({ size: [0.7, 40, 1] });
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false, ...(xKind === "epoch" ? { range: epochRange } : hasBars ? { range: barRange } : {}) }, ...(hasBars || fromZero ? { y: { range: zeroRange } } : {}) },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: xKind === "time" ? 72 : 40,
        ...(xKind === "time" ? { incrs: TIME_STEPS, splits: timeSplits, values: (_: uPlot, splits: number[], __: number, ___: number, step: number) => splits.map((at) => axisTime(at, step, locale)) } : { incrs: EPOCH_STEPS }),
      },
      {
        ...axis,
        space: 36,
        size: (self, values) => widthOf(self, values, font),
        values: (_, splits) => splits.map((value) => newest.current.format(value)),
      },
    ],
    cursor: {
      drag: { x: true, y: false, setScale: true },
      points: { size: 7 },
      y: false,
      ...(sync === undefined ? {} : { sync: { key: sync } }),
    },
    series: [
      {},
      ...drawn(series).map((each): uPlot.Series => {
        const color = token(`--chart-${each.color}`);
        const line = { stroke: color, width: 1.75, show: !each.hidden, ...(each.dash ? { dash: [5, 4] } : {}) };
        if (each.kind === "bars") return { ...line, width: 0, fill: color, points: { show: false }, ...(bars ? { paths: bars } : {}) };
        return { ...line, points: { size: 5, fill: color, filter: (self, index, areShown) => (areShown ? null : lonely(self, index)) }, ...(each.kind === "area" ? { fill: `color-mix(in srgb, ${color} 14%, transparent)` } : {}) };
      }),
    ],
    hooks: {
      setCursor: [(self) => newest.current.onCursor(self.cursor.idx ?? undefined)],
      setSelect: [(self) => (zoomed.current = self.select.width > 0 || zoomed.current)],
      ready: [(self) => self.over.addEventListener("dblclick", () => (zoomed.current = false))],
    },
  };
}

const EPOCH_STEPS = [1, 2, 5].flatMap((base) => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((power) => base * 10 ** power)).toSorted((a, b) => a - b);
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000];

/** Ticks at whole steps of the local time: midnight, full hours. */
function timeSplits(_: uPlot, __: number, min: number, max: number, step: number): number[] {
  const zone = new Date(min * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((min - zone) / step) * step + zone;
  const splits: number[] = [];
  for (let at = first; at <= max; at += step) splits.push(at);
  return splits;
}

function epochRange(_: uPlot, min: number, max: number): [number, number] {
  if (min === max) return [min - 1, max + 1];
  return [min, max];
}

/** Half a bar more at both ends. */
function barRange(self: uPlot, min: number, max: number): [number, number] {
  const x = self.data[0] as number[] | undefined;
  const step = x && x.length > 1 ? ((x.at(-1) ?? 0) - (x[0] ?? 0)) / (x.length - 1) : 3600;
  return [min - step / 2, max + step / 2];
}

function zeroRange(_: uPlot, __: number, max: number): [number, number] {
  if (!Number.isFinite(max) || max <= 0) return [0, 1];
  return [0, uPlot.rangeNum(0, max, 0.1, true)[1] ?? max];
}

function widthOf(self: uPlot, values: string[] | null, font: string): number {
  if (!values || values.length === 0) return 40;
  const { ctx } = self;
  ctx.save();
  ctx.font = font;
  const widest = Math.max(...values.map((value) => ctx.measureText(value ?? "").width));
  ctx.restore();
  return Math.ceil(widest) + 14;
}
