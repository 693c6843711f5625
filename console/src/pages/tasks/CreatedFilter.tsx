import { Popover } from "@base-ui/react/popover";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, buttonClass } from "../../ui/Button";
import menu from "../../ui/dialog.module.css";
import { TextField } from "../../ui/Field";
import type { FilterProps } from "./filters";
import css from "./tasks.module.css";

const HOUR_MS = 3_600_000;

/** When the task was created. The URL has exact times, so that a link shows the same tasks later. */
export function CreatedFilter({ search: { since, before }, change }: FilterProps) {
  const { t, i18n } = useLingui();
  const short = (text: string) => {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? text : date.toLocaleString(i18n.locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  };
  const from = since === undefined ? undefined : short(since);
  const until = before === undefined ? undefined : short(before);
  const presets: [string, number][] = [
    [t`Last hour`, 1],
    [t`Last 24 hours`, 24],
    [t`Last 7 days`, 168],
    [t`Last 30 days`, 720],
  ];
  return (
    <Popover.Root>
      <Popover.Trigger className={`${css.control} ${css.trigger}`} data-set={since !== undefined || before !== undefined || undefined}>
        {from && until ? (
          <>
            {from} – {until}
          </>
        ) : from ? (
          <Trans>Since {from}</Trans>
        ) : until ? (
          <Trans>Before {until}</Trans>
        ) : (
          <Trans>Created any time</Trans>
        )}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner className={menu.positioner} sideOffset={4} align="start">
          <Popover.Popup className={css.created} aria-label={t`Time of creation`}>
            <div className={css.presets}>
              {presets.map(([label, hours]) => (
                <Popover.Close key={hours} className={buttonClass({ small: true })} onClick={() => change({ since: toUrl(new Date(Date.now() - hours * HOUR_MS)), before: undefined })}>
                  {label}
                </Popover.Close>
              ))}
            </div>
            <TextField label={<Trans>Created at or after</Trans>} type="datetime-local" value={toLocal(since)} onChange={(event) => change({ since: fromLocal(event.target.value) })} />
            <TextField label={<Trans>Created before</Trans>} type="datetime-local" value={toLocal(before)} onChange={(event) => change({ before: fromLocal(event.target.value) })} />
            <Button small onClick={() => change({ since: undefined, before: undefined })}>
              <Trans>Any time</Trans>
            </Button>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** A time in the URL, to the minute. */
function toUrl(date: Date): string {
  return `${date.toISOString().slice(0, 16)}Z`;
}

function toLocal(text: string | undefined): string {
  if (!text) return "";
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function fromLocal(text: string): string | undefined {
  const date = new Date(text);
  return text === "" || Number.isNaN(date.getTime()) ? undefined : toUrl(date);
}
