// Links between the pages of the party view. The types of the router are those of the hub's routes.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

type Props = { children: ReactNode; className?: string | undefined };

export function MemberLink({ run, log, children, className }: Props & { run: string; log?: boolean }) {
  return (
    <Link to={"/members/$run" as "/tasks/$task"} params={{ run } as never} search={(log ? { tab: "log" } : {}) as never} className={className ?? ""}>
      {children}
    </Link>
  );
}

export function PageLink({ to, children, className }: Props & { to: "/" | "/party" }) {
  return (
    <Link to={to as "/"} search={{} as never} className={className ?? ""} activeOptions={{ exact: true, includeSearch: false }}>
      {children}
    </Link>
  );
}
