// One line of a log: ANSI colours as colours of the theme, control characters visible.
import Anser from "anser";
import type { ReactNode } from "react";
import { safeText } from "../Copy";
import css from "./log.module.css";

/** Characters of a line that the list shows. */
export const SHOWN_MAX = 2_000;

// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[\u0020-\u003f]*[\u0040-\u007e]/g;

/** The line without ANSI sequences. */
export function plain(line: string): string {
  return line.includes("\u001b") ? line.replace(ESCAPES, "") : line;
}

/** Control characters and marks of direction as escapes. Fonts have no symbols for all of them. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return safeText(text.replace(/[\u0000-\u0008\u000a-\u001f\u007f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`));
}

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** The colour of the theme that is nearest to a colour of a log. */
function colorOf(name: string | null, rgb: string | null): string | undefined {
  if (!name) return undefined;
  const known = NAMES.find((each) => name.endsWith(each));
  if (known) return known;
  const [r = 0, g = 0, b = 0] = (rgb ?? paletteOf(Number(name.split("-").at(-1)))).split(",").map(Number);
  const limit = (Math.max(r, g, b) + Math.min(r, g, b)) / 2;
  if (Math.max(r, g, b) - Math.min(r, g, b) < 40) return limit > 160 ? "white" : "black";
  return NAMES[(r > limit ? 1 : 0) + (g > limit ? 2 : 0) + (b > limit ? 4 : 0)];
}

/** Red, green and blue of one of the 256 colours of a terminal. */
function paletteOf(index: number): string {
  if (!Number.isFinite(index) || index < 16) return "128,128,128";
  if (index >= 232) return Array(3).fill(8 + (index - 232) * 10).join(",");
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  return [Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6].map(level).join(",");
}

/** A line as it is shown, with the places where `query` occurs marked. */
export function renderLine(line: string, query: string): ReactNode {
  const text = line.length > SHOWN_MAX ? line.slice(0, SHOWN_MAX) : line;
  if (!text.includes("\u001b")) return marked(visible(text), query);
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((part, index) => (
    <span
      // The parts of a line never change.
      // oxlint-disable-next-line no-array-index-key
      key={index}
      className={css.part}
      data-fg={colorOf(part.fg, part.fg_truecolor)}
      data-bg={colorOf(part.bg, part.bg_truecolor)}
      data-look={[...part.decorations, ...((part as { isInverted?: boolean }).isInverted ? ["reverse"] : [])].join(" ") || undefined}
    >
      {marked(visible(part.content), query)}
    </span>
  ));
}

function marked(text: string, query: string): ReactNode {
  if (query === "") return text;
  const low = text.toLowerCase();
  const parts: ReactNode[] = [];
  let from = 0;
  for (let at = low.indexOf(query); at >= 0; at = low.indexOf(query, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + query.length)}</mark>);
    from = at + query.length;
  }
  return parts.length === 0 ? text : [...parts, text.slice(from)];
}
