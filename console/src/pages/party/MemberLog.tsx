import { Trans } from "@lingui/react/macro";
import { agent, agentUrl } from "../../api/agentClient";
import { Log, type LogSource } from "../../ui/Log";
import { Empty, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { hasEnded, taskName, type Member } from "./data";

/** The log as the workload wrote it: the policy for the hub does not apply at the party itself. */
export function MemberLog({ member }: { member: Member }) {
  const { run } = member;
  const source: LogSource = {
    key: `${run} ${member.attempt}`,
    name: `${taskName(member)}-${member.run_number}`.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-"),
    read: async ({ tail, follow, signal }) => {
      const { data } = await agent.GET("/api/v2/members/{run}/log", { params: { path: { run }, query: { tail, follow } }, parseAs: "stream", signal });
      return (data as ReadableStream<Uint8Array> | null | undefined) ?? new Blob().stream();
    },
    download: agentUrl(`api/v2/members/${run}/log`),
  };
  return (
    <Panel padded={false}>
      {member.started ? (
        <Log key={source.key} source={source} live={!hasEnded(member)} />
      ) : (
        <Empty title={<Trans>The workload has not started.</Trans>}>
          <PhaseBadge phase={member.phase} />
        </Empty>
      )}
    </Panel>
  );
}
