import { Trans } from "@lingui/react/macro";
import { api } from "../../api/client";
import { useProject } from "../../app/session";
import { Log, type LogSource } from "../../ui/Log";
import { Empty, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { memberUrl, type Run, type Task } from "./data";
import { chosenMember, PartyTabs } from "./PartyTabs";
import css from "./task.module.css";

/** The log of a member, as far as the policy of its party discloses it. */
export function MemberLog({ task, run, party }: { task: Task; run: Run; party: string | undefined }) {
  const project = useProject();
  const member = chosenMember(run, party);
  if (!member) return <Empty title={<Trans>This run has no members.</Trans>} />;
  const hasRun = member.exit !== undefined || ["starting", "running", "succeeded", "failed", "stopped"].includes(member.phase);
  const source: LogSource = {
    key: `${run.id} ${member.party} ${member.attempt}`,
    name: `${task.name}-${run.number}-${member.party}`.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-"),
    read: async ({ tail, follow, signal }) => {
      const { data } = await api.GET("/api/v2/tasks/{task}/runs/{run}/members/{party}/logs", {
        params: { path: { task: task.id, run: String(run.number), party: member.party }, query: { tail, follow } },
        parseAs: "stream",
        signal,
      });
      return (data as ReadableStream<Uint8Array> | null | undefined) ?? new Blob().stream();
    },
    download: memberUrl(task.id, run.number, member.party, "logs", project),
  };
  return (
    <div className={css.view}>
      <PartyTabs run={run} current={member.party} />
      <Panel padded={false}>
        {hasRun ? (
          <Log key={source.key} source={source} live={!member.settled} />
        ) : (
          <Empty title={<Trans>The workload of {member.party} has not started.</Trans>}>
            <PhaseBadge phase={member.phase} />
          </Empty>
        )}
      </Panel>
    </div>
  );
}
