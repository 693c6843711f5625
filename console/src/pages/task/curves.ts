// Series of runs as curves: grouped by metric, with the shared model apart from the parties.
import type { Schemas } from "../../api/client";
import type { ChartSeries } from "../../ui/Chart";

type RunSeries = Schemas["RunSeries"];
type Point = Schemas["SeriesPoint"];

export type Curve = { key: string; label: string; points: Point[]; color?: number; dash?: boolean };
export type MetricCurves = { metric: string; x: number[]; series: ChartSeries[] };

/** Metric of a series, and whether its values belong to the model that the parties share. */
export function metricOf(name: string): { metric: string; isShared: boolean } {
  const match = /^(local|global)\/(.+)$/s.exec(name);
  return { metric: match?.[2] ?? name, isShared: match?.[1] === "global" };
}

/** Loss first, then accuracy, then the others by name. */
export function byMetric(a: string, b: string): number {
  const rank = (name: string) => (/loss/i.test(name) ? 0 : /acc/i.test(name) ? 1 : 2);
  return rank(a) - rank(b) || a.localeCompare(b);
}

/** One set of curves per metric: the shared model first, then each party. */
export function curvesOf(series: RunSeries, labels: { shared: string; sharedAt: (party: string) => string }): MetricCurves[] {
  const metrics = new Map<string, { shared: Curve[]; local: Curve[] }>();
  const trainers = series.members.filter((member) => member.series.some(({ name }) => !metricOf(name).isShared)).map((member) => member.party);
  for (const member of series.members) {
    const index = trainers.indexOf(member.party);
    for (const { name, points } of member.series) {
      const { metric, isShared } = metricOf(name);
      const group = metrics.get(metric) ?? { shared: [], local: [] };
      metrics.set(metric, group);
      if (isShared) group.shared.push({ key: `global ${member.party}`, label: labels.sharedAt(member.party), points, color: 1, dash: false });
      // The colour of a party is the same in every chart; the first is that of the shared model.
      else group.local.push({ key: member.party, label: member.party, points, color: (index % 5) + 2, dash: index >= 5 });
    }
  }
  return [...metrics.keys()].toSorted(byMetric).map((metric) => {
    const { shared, local } = metrics.get(metric) ?? { shared: [], local: [] };
    return { metric, ...aligned([...joined(shared, labels.shared), ...local]) };
  });
}

/** Parties that measure the shared model on the same data report the same curve: it is drawn once. */
export function joined(curves: Curve[], label: string): Curve[] {
  const [first, ...others] = curves;
  if (!first) return [];
  const values = new Map<number, number | null | undefined>(first.points.map(({ step, value }) => [step, value]));
  for (const other of others) {
    for (const { step, value } of other.points) {
      if (values.has(step) && values.get(step) !== value) return curves.map((curve, index) => ({ ...curve, dash: index > 0 }));
      values.set(step, value);
    }
  }
  const points = [...values].toSorted(([a], [b]) => a - b).map(([step, value]) => ({ step, value: value ?? null }));
  return [{ ...first, key: "global", label, points }];
}

/** The curves over the steps of all of them. */
export function aligned(curves: Curve[]): { x: number[]; series: ChartSeries[] } {
  const x = [...new Set(curves.flatMap(({ points }) => points.map(({ step }) => step)))].toSorted((a, b) => a - b);
  const places = new Map(x.map((step, index) => [step, index]));
  const series = curves.map(({ key, label, points, color, dash }) => {
    const values = Array.from<number | null | undefined>({ length: x.length });
    for (const { step, value } of points) values[places.get(step) ?? 0] = value ?? null;
    return { key, label, values, color, dash };
  });
  return { x, series };
}

/** The series with new points of a member. A point that is known already is replaced. */
export function withPoints(series: RunSeries, party: string, added: Schemas["Series"][]): RunSeries {
  if (added.length === 0) return series;
  const member = series.members.find((each) => each.party === party) ?? { party, series: [] };
  const merged = new Map(member.series.map((each) => [each.name, each]));
  for (const { name, points } of added) {
    const former = merged.get(name)?.points ?? [];
    const first = points[0]?.step ?? 0;
    const isLater = (former.at(-1)?.step ?? -1) < first;
    const next = isLater ? [...former, ...points] : [...new Map([...former, ...points].map((point) => [point.step, point])).values()].toSorted((a, b) => a.step - b.step);
    merged.set(name, { name, points: next });
  }
  const changed = { ...member, series: [...merged.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  const isNew = !series.members.some((each) => each.party === party);
  return { ...series, members: isNew ? [...series.members, changed] : series.members.map((each) => (each.party === party ? changed : each)) };
}
