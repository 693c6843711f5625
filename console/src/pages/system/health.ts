const DAY_MS = 86_400_000;
/** Days before the end of a certificate at which the page warns. */
const ENDING_DAYS = 30;
/** Free part of the disk below which the page warns. */
const FREE_MIN = 0.1;

export function endsSoon(at: string): boolean {
  return new Date(at).getTime() - Date.now() < ENDING_DAYS * DAY_MS;
}

export function isTight(disk: { free_bytes: number; total_bytes: number }): boolean {
  return disk.total_bytes > 0 && disk.free_bytes / disk.total_bytes < FREE_MIN;
}
