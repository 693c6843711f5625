import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { agent } from "../../api/agentClient";
import { bodyOf } from "../../api/client";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm } from "../../ui/Dialog";
import { toast } from "../../ui/Toast";
import { hasEnded, keys, taskName, type Member } from "./data";

/** Stops the member at this party. The hub cannot start it again. */
export function StopButton({ member }: { member: Member }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  if (hasEnded(member)) return null;
  const { run } = member;
  const name = safeText(taskName(member));
  const stop = async () => {
    const { member: after } = await bodyOf(agent.POST("/api/v2/members/{run}/stop", { params: { path: { run } } }));
    toast(hasEnded(after) ? t`${name} has ended` : t`${name} is stopping`);
    await Promise.all([client.invalidateQueries({ queryKey: keys.members }), client.invalidateQueries({ queryKey: keys.member(run) })]);
  };
  return (
    <>
      <Button kind="danger" disabledReason={member.ending ? t`The member is stopping.` : undefined} onClick={() => setOpen(true)}>
        <Trans>Stop…</Trans>
      </Button>
      <Confirm open={open} onClose={() => setOpen(false)} title={<Trans>Stop {name} at this party?</Trans>} action={<Trans>Stop</Trans>} name={taskName(member)} run={stop}>
        <p>
          <Trans>The workload gets SIGTERM, and SIGKILL after its grace period. The hub cannot start this run here again, and the run may fail for all parties.</Trans>
        </p>
      </Confirm>
    </>
  );
}
