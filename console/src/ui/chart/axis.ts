/** A tick of a time axis: the day at midnight and for long steps, otherwise the time of the day. */
export function axisTime(at: number, step: number, locale: string): string {
  const date = new Date(at * 1000);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (step >= 2_592_000) return date.toLocaleDateString(locale, { month: "short", year: "numeric" });
  if (step >= 86_400 || (isMidnight && step >= 60)) return date.toLocaleDateString(locale, { month: "short", day: "numeric" });
  return date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}) });
}
