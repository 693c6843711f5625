import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { Empty } from "../ui/Panel";
import { useMe } from "./session";

/** In place of a page that the account may not see: who may, and as whom it was asked for. */
export function Denied({ children }: { children: ReactNode }) {
  const me = useMe();
  return (
    <Empty title={children}>
      <p>
        {me.role ? (
          <Trans>
            You are {me.name}, with the role {me.role} in project {me.project}. Ask an administrator for the permission.
          </Trans>
        ) : (
          <Trans>
            You are {me.name}, without a role in project {me.project}. Ask an administrator for the permission.
          </Trans>
        )}
      </p>
    </Empty>
  );
}
