import { useLingui } from "@lingui/react/macro";
import { useSyncExternalStore } from "react";

// One timer for all relative times of the page.
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 10_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** A time as its distance from now, in the zone of the user; the exact value is the tooltip. */
export function Time({ at }: { at: string | undefined | null }) {
  const { i18n } = useLingui();
  const current = Math.max(useSyncExternalStore(subscribe, () => now), now);
  if (!at) return <>–</>;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <>{at}</>;
  return (
    <time dateTime={at} title={exact(date, i18n.locale)}>
      {relative(distance(date.getTime(), current), i18n.locale)}
    </time>
  );
}

/** The length of the time since `at`, such as `9 min`; the exact start is the tooltip. */
export function Elapsed({ at }: { at: string }) {
  const { i18n } = useLingui();
  const current = Math.max(useSyncExternalStore(subscribe, () => now), now);
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <>{at}</>;
  const seconds = Math.max(0, (current - date.getTime()) / 1000);
  const [unit, size] = STEPS.find(([, each]) => seconds >= each) ?? (["second", 1] as const);
  return (
    <time dateTime={at} title={exact(date, i18n.locale)}>
      {new Intl.NumberFormat(i18n.locale, { style: "unit", unit, unitDisplay: "short" }).format(Math.floor(seconds / size))}
    </time>
  );
}

/** A time itself, in the zone of the user: for logs and deadlines. */
export function Moment({ at }: { at: string }) {
  const { i18n } = useLingui();
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <>{at}</>;
  return (
    <time dateTime={at} title={exact(date, i18n.locale)}>
      {date.toLocaleString(i18n.locale, { dateStyle: "medium", timeStyle: "medium" })}
    </time>
  );
}

export function exact(date: Date, locale: string): string {
  return `${date.toLocaleString(locale, { dateStyle: "medium", timeStyle: "medium" })} · ${date.toISOString()}`;
}

/** What happened since the last tick of the clock happened now, not in the future. */
function distance(at: number, current: number): number {
  return at > current && at <= Date.now() ? 0 : at - current;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

function relative(ms: number, locale: string): string {
  const seconds = Math.round(ms / 1000);
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" }).format(Math.trunc(seconds / size), unit);
}

/** A length of time, such as `2 min 5 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s} s` : `${s} s`;
}

/** A number of bytes, such as `1.2 GiB`. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let index = 0;
  while (value >= 1024 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  return `${index === 0 ? value : value.toFixed(1)} ${units[index]}`;
}

/** A metric or another measured number, short but with its significant digits. */
export function numeral(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (value !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(3);
  return String(Number(value.toPrecision(5)));
}
