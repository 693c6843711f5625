/** A line of a comparison, with its number in each text that has it. */
export type DiffLine = { kind: "same" | "removed" | "added"; text: string; from?: number; to?: number };

/** Largest number of pairs of lines that are compared. Beyond it, all changed lines are removed and added. */
const PAIRS_MAX = 4_000_000;

/** The lines that lead from one text to another, with as many equal ones as possible. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.replace(/\n$/, "").split("\n");
  const b = after.replace(/\n$/, "").split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [n, m] = [a.length - start - end, b.length - start - end];
  // lengths[i][j]: equal lines from line i of `a` and line j of `b` on.
  const width = m + 1;
  const lengths = n * m <= PAIRS_MAX ? new Uint32Array((n + 1) * width) : undefined;
  if (lengths)
    for (let i = n - 1; i >= 0; i -= 1)
      for (let j = m - 1; j >= 0; j -= 1)
        lengths[i * width + j] = a[start + i] === b[start + j] ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);

  const result: DiffLine[] = [];
  const same = (i: number, j: number) => result.push({ kind: "same", text: a[i] ?? "", from: i + 1, to: j + 1 });
  for (let i = 0; i < start; i += 1) same(i, i);
  let [i, j] = [0, 0];
  while (i < n || j < m) {
    if (i < n && j < m && lengths && a[start + i] === b[start + j]) {
      same(start + i, start + j);
      i += 1;
      j += 1;
    } else if (i < n && (j === m || !lengths || (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))) {
      result.push({ kind: "removed", text: a[start + i] ?? "", from: start + i + 1 });
      i += 1;
    } else {
      result.push({ kind: "added", text: b[start + j] ?? "", to: start + j + 1 });
      j += 1;
    }
  }
  for (let rest = end; rest > 0; rest -= 1) same(a.length - rest, b.length - rest);
  return result;
}

/** The changed lines with the lines around them; `null` stands for lines that are left out. */
export function withContext(lines: DiffLine[], context = 3): (DiffLine | null)[] {
  const isShown = lines.map((_, index) => lines.slice(Math.max(0, index - context), index + context + 1).some(({ kind }) => kind !== "same"));
  const result: (DiffLine | null)[] = [];
  for (const [index, line] of lines.entries()) {
    if (isShown[index]) result.push(line);
    else if (result.at(-1) !== null) result.push(null);
  }
  return result;
}
