import { msg } from "@lingui/core/macro";
import type { MessageDescriptor } from "@lingui/core";
import { hasRole, type Me } from "../../app/session";

/** Why the account cannot start, stop, edit or delete a task of `owner`; undefined: it can. */
export function changeReason(me: Me, owner: string | null | undefined, t: (message: MessageDescriptor) => string): string | undefined {
  if (hasRole(me, "operator")) return undefined;
  if (!hasRole(me, "submitter")) return t(msg`Your role in this project is viewer. Changes of tasks need the role submitter.`);
  return owner === me.name ? undefined : t(msg`This task belongs to somebody else. Changes of it need the role operator.`);
}
