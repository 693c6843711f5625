// A log: the last lines first, earlier ones on request, new ones as they come.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Button, buttonClass } from "./Button";
import { Copy } from "./Copy";
import { Dialog } from "./Dialog";
import { LogBuffer, TAILS, type LogSource, type LogState } from "./log/buffer";
import { Lines } from "./log/Lines";
import css from "./log/log.module.css";
import { useMatches } from "./log/search";
import { plain } from "./log/text";
import { Guarded } from "./Panel";
import { Problem } from "./Problem";

export type { LogSource } from "./log/buffer";

/** `live`: the workload is running, so new lines may come. */
export function Log({ source, live }: { source: LogSource; live: boolean }) {
  return (
    <Guarded>
      <Reading key={source.key} source={source} live={live} />
    </Guarded>
  );
}

function Reading({ source, live }: { source: LogSource; live: boolean }) {
  const { t } = useLingui();
  const [attempt, setAttempt] = useState(0);
  const [level, setLevel] = useState(0);
  const [buffer, setBuffer] = useState(() => new LogBuffer());
  const [follow, setFollow] = useState(true);
  const [query, setQuery] = useState("");
  const [place, setPlace] = useState<number | undefined>();
  const [open, setOpen] = useState<number | undefined>();
  const version = useSyncExternalStore(buffer.subscribe, () => buffer.version);
  const tail = TAILS[level] ?? 2000;
  // True if the log was live when reading began; a stream ends by itself.
  const [wasLive] = useState(live);

  useEffect(() => {
    const end = new AbortController();
    const next = new LogBuffer();
    setBuffer(next);
    void next.read(source, tail, wasLive, end.signal);
    return () => end.abort();
    // The source is new at each rendering of the page; its key is the key of this component.
    // oxlint-disable-next-line exhaustive-deps
  }, [attempt, tail, wasLive]);

  const wanted = query.toLowerCase();
  const matches = useMatches(buffer, version, wanted);
  const at = place === undefined ? -1 : matches.indexOf(place);
  const go = (step: 1 | -1) => {
    if (matches.length === 0) return;
    const next = at < 0 ? (step > 0 ? 0 : matches.length - 1) : (at + step + matches.length) % matches.length;
    setFollow(false);
    setPlace(matches[next]);
  };
  const hasEarlier = buffer.dropped === 0 && buffer.lines.length >= tail && level + 1 < TAILS.length;
  const isEmpty = buffer.lines.length === 0;
  const full = useMemo(() => (open === undefined ? "" : plain(buffer.line(open) ?? "")), [buffer, open]);
  return (
    <div className={css.log}>
      <div className={css.bar}>
        <input
          type="search"
          className={css.search}
          placeholder={t`Search in these lines`}
          aria-label={t`Search in these lines`}
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setPlace(undefined);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            go(event.shiftKey ? -1 : 1);
          }}
        />
        {query !== "" && (
          <>
            <span className={css.count} role="status">
              {matches.length === 0 ? <Trans>no line</Trans> : at < 0 ? <Plural value={matches.length} one="# line" other="# lines" /> : <Trans>{at + 1} of {matches.length}</Trans>}
            </span>
            <Button small onClick={() => go(-1)} aria-label={t`Previous match`} disabledReason={matches.length === 0 ? t`No line contains the text.` : undefined}>
              ↑
            </Button>
            <Button small onClick={() => go(1)} aria-label={t`Next match`} disabledReason={matches.length === 0 ? t`No line contains the text.` : undefined}>
              ↓
            </Button>
          </>
        )}
        <span className={css.spring} />
        <StateText state={buffer.state} lines={buffer.lines.length} />
        {buffer.state === "following" ? (
          <Button small aria-pressed={follow} onClick={() => setFollow(!follow)}>
            {follow ? <Trans>Following</Trans> : <Trans>Follow</Trans>}
          </Button>
        ) : (
          !follow && (
            <Button small onClick={() => setFollow(true)}>
              <Trans>Go to the end</Trans>
            </Button>
          )
        )}
        {source.download && (
          <a className={buttonClass({ small: true })} href={source.download} download={`${source.name}.log`}>
            <Trans>Download</Trans>
          </a>
        )}
      </div>
      {(hasEarlier || buffer.dropped > 0) && (
        <div className={css.earlier}>
          <Trans>These are the last {buffer.lines.length.toLocaleString()} lines.</Trans>{" "}
          {hasEarlier ? (
            <Button small onClick={() => (setFollow(false), setLevel(level + 1))}>
              <Trans>Read earlier lines</Trans>
            </Button>
          ) : (
            <Trans>Download the log to see the earlier ones.</Trans>
          )}
        </div>
      )}
      {buffer.state === "broken" && (
        <div className={css.notice}>
          <Problem error={buffer.error} retry={() => setAttempt(attempt + 1)} />
        </div>
      )}
      {isEmpty && buffer.state !== "broken" && (
        <div className={css.none}>{buffer.state === "ended" ? <Trans>The log is empty.</Trans> : buffer.state === "following" ? <Trans>The workload has not printed anything yet.</Trans> : <Trans>Loading…</Trans>}</div>
      )}
      {!isEmpty && <Lines buffer={buffer} version={version} name={source.name} query={wanted} current={place} follow={follow} onFollow={setFollow} onOpen={setOpen} />}
      <Dialog open={open !== undefined} onClose={() => setOpen(undefined)} title={<Trans>Line {(open ?? 0) + 1}</Trans>} wide>
        <textarea className={css.full} readOnly value={full} aria-label={t`Whole line`} spellCheck={false} />
        <div>
          <Copy text={full} />
        </div>
      </Dialog>
    </div>
  );
}

function StateText({ state, lines }: { state: LogState; lines: number }) {
  return (
    <span className={css.state}>
      <Plural value={lines} one="# line" other="# lines" />
      {state === "following" && (
        <>
          , <Trans>live</Trans>
        </>
      )}
      {state === "broken" && (
        <>
          , <Trans>interrupted</Trans>
        </>
      )}
    </span>
  );
}
