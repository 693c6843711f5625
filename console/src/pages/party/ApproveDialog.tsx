import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { agent } from "../../api/agentClient";
import { bodyOf } from "../../api/client";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import { Note } from "../../ui/Panel";
import { Loaded, Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { keys, memberQuery, taskName, type Details, type Member } from "./data";
import css from "./party.module.css";
import { SpecFacts } from "./SpecFacts";

/** Shows what starts, and approves exactly that. */
export function ApproveDialog({ member, onClose }: { member: Member; onClose: () => void }) {
  // An earlier response may be older than the spec that waits.
  const details = useQuery({ ...memberQuery(member.run), refetchOnMount: "always" });
  const name = safeText(taskName(member));
  return (
    <Dialog open onClose={onClose} wide title={<Trans>Approve {name} for one start?</Trans>}>
      {details.isFetching && !details.isFetchedAfterMount ? (
        <p role="status">
          <Trans>Loading…</Trans>
        </p>
      ) : (
        <Loaded query={details}>{(data) => <Review newest={data} onClose={onClose} />}</Loaded>
      )}
    </Dialog>
  );
}

function Review({ newest, onClose }: { newest: Details; onClose: () => void }) {
  const { t } = useLingui();
  const client = useQueryClient();
  // The approval is for what this dialog has shown first.
  const [seen] = useState(newest);
  const { run, digest, resolution } = seen.member;
  const name = safeText(taskName(seen.member));
  const approve = useMutation({
    mutationFn: () => bodyOf(agent.POST("/api/v2/members/{run}/approve", { params: { path: { run } }, body: { digest: digest ?? "", resolution: resolution ?? "" } })),
    onSuccess: () => {
      toast(t`${name} is approved for one start`);
      onClose();
    },
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: keys.members }), client.invalidateQueries({ queryKey: keys.member(run) })]),
  });
  const isChanged = newest.member.digest !== digest || newest.member.resolution !== resolution;
  const isOver = !newest.member.waits_for_approval && !approve.isPending && !approve.isSuccess;
  const reason = isChanged ? t`The member has changed. Close the dialog and review the member again.` : isOver || !digest || !resolution ? t`The member does not wait for an approval any more.` : undefined;
  return (
    <>
      <SpecFacts details={seen} />
      {reason && <Note tone="warn">{reason}</Note>}
      <Problem error={approve.error} />
      <div className={css.dialogActions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" pending={approve.isPending} disabledReason={reason} onClick={() => approve.mutate()}>
          <Trans>Approve one start</Trans>
        </Button>
      </div>
    </>
  );
}
