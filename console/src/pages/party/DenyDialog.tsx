import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { agent } from "../../api/agentClient";
import { bodyOf } from "../../api/client";
import { safeText } from "../../ui/Copy";
import { Confirm } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { keys, taskName, type Member } from "./data";

/** Characters of the reason that the agent sends to the hub. */
const REASON_MAX = 500;

export function DenyDialog({ member: { run, ...member }, onClose }: { member: Member; onClose: () => void }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const name = safeText(taskName({ run, ...member }));
  const deny = async () => {
    const text = reason.trim();
    await bodyOf(agent.POST("/api/v2/members/{run}/deny", { params: { path: { run } }, body: text === "" ? {} : { reason: text } }));
    toast(t`${name} is denied`);
    await Promise.all([client.invalidateQueries({ queryKey: keys.members }), client.invalidateQueries({ queryKey: keys.member(run) })]);
  };
  return (
    <Confirm open onClose={onClose} title={<Trans>Deny {name}?</Trans>} action={<Trans>Deny</Trans>} run={deny}>
      <p>
        <Trans>This party refuses the member, and the hub does not try the run again.</Trans>
      </p>
      <TextField
        label={<Trans>Reason</Trans>}
        help={<Trans>The users of the task see it at the hub.</Trans>}
        value={reason}
        maxLength={REASON_MAX}
        onChange={(event) => setReason(event.target.value)}
        autoComplete="off"
      />
    </Confirm>
  );
}
