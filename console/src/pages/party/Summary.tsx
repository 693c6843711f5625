import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { safeText } from "../../ui/Copy";
import { Bar, Note } from "../../ui/Panel";
import { bytes, Elapsed } from "../../ui/Time";
import type { View } from "./data";
import css from "./party.module.css";

/** What the agent cannot do now, and how much of its resources is in use. */
export function Summary({ view }: { view: View }) {
  const { t, i18n } = useLingui();
  const { state } = view;
  const { used, total } = state.resources;
  const { disk } = state;
  return (
    <>
      <Warnings view={view} />
      <div className={css.meters}>
        <Meter label={<Trans>Processor</Trans>} name={t`Requested part of the processor`} used={used.cpu_millis} total={total.cpu_millis} text={(millis) => i18n.number(millis / 1000)} />
        <Meter label={<Trans>Memory</Trans>} name={t`Requested part of the memory`} used={used.memory_mib} total={total.memory_mib} text={(mib) => bytes(mib * 1024 * 1024)} />
        {disk && <Meter label={<Trans>Disk</Trans>} name={t`Used part of the disk`} used={disk.total_bytes - disk.free_bytes} total={disk.total_bytes} text={bytes} />}
      </div>
    </>
  );
}

function Warnings({ view: { state, configuration } }: { view: View }) {
  const { disk } = state;
  const least = configuration.retention.min_free_percent;
  const isTight = disk && least > 0 && disk.free_bytes * 100 < disk.total_bytes * least;
  return (
    <>
      {state.contact.state !== "connected" && (
        <Note tone="warn" role="status">
          {state.contact.since ? (
            <Trans>
              The agent has had no connection with the hub for <Elapsed at={state.contact.since} />. Running members go on; new ones arrive when the hub is back.
            </Trans>
          ) : (
            <Trans>The agent has no connection with the hub. Check the hub’s address and the agent’s log.</Trans>
          )}
        </Note>
      )}
      {isTight && (
        <Note tone="warn">
          <Trans>
            Less than {least} % of the disk of {safeText(disk.path)} is free. A full disk stops new work: free space, or keep files for fewer days.
          </Trans>
        </Note>
      )}
      {!state.journal_writable && (
        <Note tone="bad" role="alert">
          <Trans>The agent cannot write its journal and takes no new work. Check the disk of {safeText(state.disk?.path ?? "")}.</Trans>
        </Note>
      )}
    </>
  );
}

type MeterProps = { label: ReactNode; name: string; used: number; total: number; text: (value: number) => string };

function Meter({ label, name, used, total, text }: MeterProps) {
  return (
    <div className={css.meter}>
      <span className={css.meterLabel}>{label}</span>
      <span className={css.meterValue}>
        {total > 0 ? (
          <Trans>
            <strong>{text(used)}</strong> of {text(total)}
          </Trans>
        ) : (
          <Trans>
            <strong>{text(used)}</strong>, no limit
          </Trans>
        )}
      </span>
      {total > 0 ? <Bar value={used / total} label={name} /> : null}
    </div>
  );
}
