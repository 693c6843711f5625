// A list of lines of the same height of which only the visible ones are in the page.
import { Trans } from "@lingui/react/macro";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { bytes } from "../Time";
import type { LogBuffer } from "./buffer";
import css from "./log.module.css";
import { renderLine, SHOWN_MAX } from "./text";

/** Height of a line, in pixels; the same as in the style sheet. */
const LINE_PX = 20;
/** Lines above and below the visible ones. */
const MARGIN = 12;

type Props = {
  buffer: LogBuffer;
  version: number;
  name: string;
  query: string;
  /** The line that the search is at. It is scrolled into view when it changes. */
  current: number | undefined;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  onOpen: (line: number) => void;
};

export function Lines({ buffer, version, name, query, current, follow, onFollow, onOpen }: Props) {
  const region = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const { dropped, end } = buffer;
  const first = Math.max(0, Math.floor(view.top / LINE_PX) - MARGIN);
  const last = Math.min(end - dropped, Math.ceil((view.top + view.height) / LINE_PX) + MARGIN);

  useLayoutEffect(() => {
    const element = region.current;
    if (element && follow) element.scrollTop = element.scrollHeight;
  }, [version, follow]);
  // Dropped lines must not move the lines that are read.
  const droppedBefore = useRef(dropped);
  useLayoutEffect(() => {
    const element = region.current;
    if (element && !follow) element.scrollTop -= (dropped - droppedBefore.current) * LINE_PX;
    droppedBefore.current = dropped;
  }, [dropped, follow]);
  useEffect(() => {
    const element = region.current;
    if (!element || current === undefined) return;
    element.scrollTop = (current - buffer.dropped) * LINE_PX - element.clientHeight / 2;
  }, [current, buffer]);
  useEffect(() => {
    const element = region.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setView({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const digits = String(end).length;
  const rows = [];
  for (let index = first; index < last; index += 1) {
    const line = buffer.lines[index] ?? "";
    const number = dropped + index;
    rows.push(
      <div key={number} className={css.line} style={{ top: index * LINE_PX }} data-current={number === current || undefined}>
        <span className={css.number} style={{ width: `${digits + 1}ch` }}>
          {number + 1}
        </span>
        <span className={css.text}>{renderLine(line, query)}</span>
        {line.length > SHOWN_MAX && (
          <button type="button" className={css.more} onClick={() => onOpen(number)}>
            <Trans>Show all ({bytes(line.length)})</Trans>
          </button>
        )}
      </div>,
    );
  }
  return (
    <div
      ref={region}
      className={css.region}
      // A region that scrolls must be reachable by keyboard.
      // oxlint-disable-next-line no-noninteractive-tabindex
      tabIndex={0}
      role="region"
      aria-label={name}
      onScroll={(event) => {
        const element = event.currentTarget;
        const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - LINE_PX;
        if (follow && element.scrollTop < view.top && !isAtEnd) onFollow(false);
        setView({ top: element.scrollTop, height: element.clientHeight });
      }}
    >
      <div className={css.lines} style={{ height: (end - dropped) * LINE_PX, minWidth: `${Math.min(buffer.widest, SHOWN_MAX) + digits + 4 + (buffer.widest > SHOWN_MAX ? 24 : 0)}ch` }}>
        {rows}
      </div>
    </div>
  );
}
