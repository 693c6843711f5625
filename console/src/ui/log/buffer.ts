// The lines of a log that the page holds: read as a stream, bounded in number and size.

/** Where a log comes from: a member at the hub, or at the agent itself. */
export type LogSource = {
  /** Identity of the log. Another key is another log. */
  key: string;
  /** Name of the log, for screen readers and the downloaded file. */
  name: string;
  /** Reads the last `tail` lines, and with `follow` each new line until the workload ends. */
  read: (options: { tail: number; follow: boolean; signal: AbortSignal }) => Promise<ReadableStream<Uint8Array>>;
  /** Address of the whole log. */
  download?: string;
};

/** Lines that are read first, and at each request for earlier ones. */
export const TAILS = [2_000, 20_000, 200_000];
/** Characters that are kept; the oldest lines are dropped beyond this. */
const CHARS_MAX = 24_000_000;
const LINES_MAX = 250_000;
/** A longer line is cut into several. */
const LINE_MAX = 4_000_000;
/** Time between two updates of the page, in milliseconds. */
const UPDATE_MS = 100;

export type LogState = "reading" | "following" | "ended" | "broken";

/** A list of lines that grows at its end. Line numbers count from the first line that was read. */
export class LogBuffer {
  lines: string[] = [];
  /** Lines that were dropped from the beginning. */
  dropped = 0;
  /** Length of the longest line, in characters. */
  widest = 0;
  state: LogState = "reading";
  error: unknown;
  version = 0;
  #chars = 0;
  #partial = "";
  #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Number of the line after the last one. */
  get end(): number {
    return this.dropped + this.lines.length;
  }

  line(index: number): string | undefined {
    return this.lines[index - this.dropped];
  }

  async read(source: LogSource, tail: number, follow: boolean, signal: AbortSignal): Promise<void> {
    try {
      const stream = await source.read({ tail, follow, signal });
      this.#set(follow ? "following" : "reading");
      const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
      for (;;) {
        // The next part is only read after this one.
        // oxlint-disable-next-line no-await-in-loop
        const { done, value } = await reader.read();
        if (done) break;
        this.#add(value);
      }
      if (this.#partial !== "") this.#push(this.#partial);
      this.#partial = "";
      this.#set("ended");
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
      this.#set("broken");
    }
  }

  #add(text: string): void {
    const parts = (this.#partial + text).split("\n");
    this.#partial = parts.pop() ?? "";
    for (const part of parts) this.#push(part);
    while (this.#partial.length > LINE_MAX) {
      this.#push(this.#partial.slice(0, LINE_MAX));
      this.#partial = this.#partial.slice(LINE_MAX);
    }
    this.#changed();
  }

  #push(line: string): void {
    this.lines.push(line.endsWith("\r") ? line.slice(0, -1) : line);
    this.#chars += line.length;
    this.widest = Math.max(this.widest, line.length);
    if (this.#chars <= CHARS_MAX && this.lines.length <= LINES_MAX) return;
    // A tenth at once, because moving the array costs as much for one line.
    let [count, freed] = [0, 0];
    while (count < this.lines.length - 1 && (this.#chars - freed > CHARS_MAX * 0.9 || this.lines.length - count > LINES_MAX * 0.9)) {
      freed += this.lines[count]?.length ?? 0;
      count += 1;
    }
    this.lines.splice(0, count);
    this.dropped += count;
    this.#chars -= freed;
  }

  #set(state: LogState): void {
    this.state = state;
    this.#changed();
  }

  #changed(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.version += 1;
      for (const listener of this.#listeners) listener();
    }, UPDATE_MS);
  }
}
