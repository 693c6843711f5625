/** One series of a chart. */
export type ChartSeries = {
  /** Identity of the series: it keeps its colour and whether it is shown. */
  key: string;
  label: string;
  /** One value per x. `undefined`: no value at this x, the line goes on; `null`: not a finite number, a gap. */
  values: (number | null | undefined)[];
  kind?: "line" | "area" | "bars";
  /** Token `--chart-N`, from 1. By default the place in the list. */
  color?: number | undefined;
  dash?: boolean | undefined;
};
