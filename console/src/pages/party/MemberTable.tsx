import { Trans, useLingui } from "@lingui/react/macro";
import { safeText } from "../../ui/Copy";
import { Bar } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Table, type Column } from "../../ui/Table";
import { bytes, duration, Time } from "../../ui/Time";
import { hasEnded, taskName, type Member } from "./data";
import { MemberLink } from "./links";
import css from "./party.module.css";

export function MemberTable({ members }: { members: Member[] }) {
  const { t } = useLingui();
  const columns: Column<Member>[] = [
    { key: "task", title: <Trans>Task</Trans>, cell: (member) => <TaskCell member={member} /> },
    { key: "phase", title: <Trans>Phase</Trans>, cell: (member) => <PhaseCell member={member} /> },
    { key: "image", title: <Trans>Image</Trans>, cell: (member) => (member.image ? <code>{safeText(member.image)}</code> : "–") },
    { key: "dataset", title: <Trans>Dataset</Trans>, cell: (member) => (member.dataset ? <code>{safeText(member.dataset)}</code> : "–") },
    { key: "resources", title: <Trans>Requests</Trans>, cell: (member) => <Requests resources={member.resources} /> },
    { key: "log", title: <Trans>Log</Trans>, cell: (member) => (member.started ? <LogLink member={member} /> : "–") },
  ];
  return <Table label={t`Members`} columns={columns} rows={members} rowKey={(member) => member.run} />;
}

function LogLink({ member }: { member: Member }) {
  const { t } = useLingui();
  const name = safeText(taskName(member));
  return (
    <MemberLink run={member.run} log>
      <span aria-hidden="true">
        <Trans>Log</Trans>
      </span>
      <span className="visually-hidden">{t`Log of ${name}, run ${member.run_number}`}</span>
    </MemberLink>
  );
}

function TaskCell({ member }: { member: Member }) {
  return (
    <>
      <MemberLink run={member.run} className={css.link}>
        {safeText(taskName(member))}
      </MemberLink>
      <div className={css.aside}>
        <RunName member={member} />
      </div>
    </>
  );
}

/** Run number and role. */
export function RunName({ member }: { member: Member }) {
  return (
    <>
      {member.run_number > 0 ? <Trans>run {member.run_number}</Trans> : <Trans>run {member.run.slice(0, 12)}</Trans>}
      {member.role && (
        <>
          {" · "}
          <RoleName role={member.role} />
        </>
      )}
    </>
  );
}

export function RoleName({ role }: { role: string }) {
  return role === "aggregator" ? <Trans>aggregator</Trans> : role === "trainer" ? <Trans>trainer</Trans> : <>{safeText(role)}</>;
}

function PhaseCell({ member }: { member: Member }) {
  return (
    <div className={css.state}>
      <div className={css.line}>
        <PhaseBadge phase={member.ending ? "stopping" : member.phase} />
        <span className={css.aside}>
          <When member={member} />
        </span>
      </div>
      <MemberProgress member={member} />
      <Cause member={member} />
    </div>
  );
}

/** Time and length of an ended member. */
export function When({ member: { exit, finished_at: finished } }: { member: Member }) {
  const at = finished ?? exit?.finished_at;
  if (!at) return null;
  const seconds = exit ? (Date.parse(exit.finished_at) - Date.parse(exit.started_at)) / 1000 : -1;
  return (
    <>
      <Time at={at} />
      {seconds >= 0 && <> · {duration(seconds)}</>}
    </>
  );
}

/** Epochs of a member that runs. */
export function MemberProgress({ member }: { member: Member }) {
  const { t } = useLingui();
  if (member.phase !== "running") return null;
  const { epoch, epochs } = member.progress ?? {};
  if (typeof epoch !== "number")
    return (
      <div className={css.aside}>
        <Trans>no epoch yet</Trans>
      </div>
    );
  const name = safeText(taskName(member));
  return (
    <div className={css.progress}>
      <Bar value={epochs ? Math.max(0, epoch - 1) / epochs : undefined} label={t`Progress of ${name}`} />
      <span className={css.aside}>{epochs ? <Trans>epoch {epoch} of {epochs}</Trans> : <Trans>epoch {epoch}</Trans>}</span>
    </div>
  );
}

/** The reason for the phase, or the end of the workload. */
export function Cause({ member, full }: { member: Member; full?: boolean }) {
  const { exit, phase } = member;
  const isBad = phase === "failed" || phase === "refused";
  const reason = member.reason ?? exit?.reason;
  const text = reason ? (
    safeText(reason.message)
  ) : phase === "failed" && typeof exit?.signal === "number" ? (
    <Trans>ended by signal {exit.signal}</Trans>
  ) : phase === "failed" && typeof exit?.code === "number" ? (
    <Trans>exit status {exit.code}</Trans>
  ) : null;
  // The page has the buttons in place of the command that the reason names.
  if (text === null || member.waits_for_approval) return null;
  return (
    <div className={full ? css.why : css.cause} data-tone={isBad ? "bad" : hasEnded(member) ? undefined : "warn"} title={full ? undefined : typeof text === "string" ? text : undefined}>
      {text}
    </div>
  );
}

/** Requested processor time and memory. 0 requests none. */
export function Requests({ resources: { cpu_millis: cpu, memory_mib: memory } }: { resources: Member["resources"] }) {
  const { i18n } = useLingui();
  if (cpu === 0 && memory === 0) return <Trans>none</Trans>;
  return (
    <span className={css.whole}>
      {cpu > 0 && <Trans>{i18n.number(cpu / 1000)} CPU</Trans>}
      {cpu > 0 && memory > 0 && ", "}
      {memory > 0 && bytes(memory * 1024 * 1024)}
    </span>
  );
}
