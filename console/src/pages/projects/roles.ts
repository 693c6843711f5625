import { hasRole, type Me, type Role } from "../../app/session";

/** The role of the account in a project, which may not be the current one. */
export function roleIn(me: Me, project: string): string | undefined {
  if (me.federation_admin) return "admin";
  return me.projects.find((each) => each.project === project)?.role;
}

export function hasRoleIn(me: Me, project: string, role: Role): boolean {
  return hasRole({ ...me, role: roleIn(me, project) as Role | undefined }, role);
}
