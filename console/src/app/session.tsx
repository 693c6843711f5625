// The account of the browser, its role, and the project of the pages.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { onSignedOut, setProject, type Schemas } from "../api/client";
import { meQuery } from "../api/queries";

export type Me = Schemas["Me"];
export type Role = "viewer" | "submitter" | "operator" | "admin";
export const ROLES: Role[] = ["viewer", "submitter", "operator", "admin"];

/** The account of this browser. Only inside the shell, where it has been read. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** The role of the account in the current project is at least `role`. */
export function hasRole(me: Me, role: Role): boolean {
  if (me.federation_admin) return true;
  return ROLES.indexOf((me.role ?? "") as Role) >= ROLES.indexOf(role);
}

/** The project of the URL, or the one that the hub chose for the account. */
export function useProject(): string | undefined {
  const search = useSearch({ strict: false }) as { project?: string };
  // Before the first request of a page: each request names the project.
  setProject(search.project);
  const me = useQuery(meQuery);
  return search.project ?? me.data?.project;
}

/** Switches to another project and forgets what was read of the old one. */
export function useProjectSwitch(): (project: string) => void {
  const navigate = useNavigate();
  const client = useQueryClient();
  return (project) => {
    setProject(project);
    void navigate({ to: "/", search: { project } as never }).then(() => client.resetQueries());
  };
}

/** The session has ended while a page is open. */
export function useSignedOut(): [boolean, () => void] {
  const [signedOut, setSignedOut] = useState(false);
  useEffect(() => onSignedOut(() => setSignedOut(true)), []);
  return [signedOut, () => setSignedOut(false)];
}
