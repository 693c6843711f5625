import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { ApproveDialog } from "./ApproveDialog";
import { taskName, type Member } from "./data";
import { DenyDialog } from "./DenyDialog";
import { MemberLink } from "./links";
import { Requests, RunName } from "./MemberTable";
import css from "./party.module.css";

/** Members that start only when the administrator approves. `total` also counts those of other pages, if the list has any. */
export function WaitingMembers({ members, total }: { members: Member[]; total: number | undefined }) {
  const { t } = useLingui();
  const others = Math.max(0, (total ?? 0) - members.length);
  if (members.length === 0 && others === 0) return null;
  return (
    <section className={css.waiting} aria-label={t`Members that wait for your approval`}>
      <h2>
        <Plural value={members.length + others} one="# member waits for your approval" other="# members wait for your approval" />
      </h2>
      {members.map((member) => (
        <article key={member.run} className={css.request} aria-label={safeText(taskName(member))}>
          <div className={css.requestText}>
            <h3>
              <MemberLink run={member.run} className={css.link}>
                {safeText(taskName(member))}
              </MemberLink>{" "}
              <span className={css.aside}>
                <RunName member={member} />
              </span>
            </h3>
            <p className={css.aside}>
              <Trans>Image</Trans> <code>{safeText(member.image ?? "–")}</code> · <Trans>Dataset</Trans> <code>{safeText(member.dataset ?? "–")}</code> · <Trans>Requests</Trans> <Requests resources={member.resources} />
            </p>
          </div>
          <ApprovalButtons member={member} />
        </article>
      ))}
      {others > 0 && (
        <p className={css.aside}>
          <Plural value={others} one="# more is on another page of the list." other="# more are on other pages of the list." />
        </p>
      )}
    </section>
  );
}

export function ApprovalButtons({ member }: { member: Member }) {
  const { t } = useLingui();
  const [open, setOpen] = useState<"approve" | "deny" | undefined>();
  const name = safeText(taskName(member));
  const close = () => setOpen(undefined);
  return (
    <div className={css.buttons}>
      <Button aria-label={t`Deny ${name}`} onClick={() => setOpen("deny")}>
        <Trans>Deny…</Trans>
      </Button>
      <Button kind="primary" aria-label={t`Review and approve ${name}`} onClick={() => setOpen("approve")}>
        <Trans>Approve…</Trans>
      </Button>
      {open === "approve" && <ApproveDialog member={member} onClose={close} />}
      {open === "deny" && <DenyDialog member={member} onClose={close} />}
    </div>
  );
}
