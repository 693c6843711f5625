import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { api } from "../../api/client";
import { keys, listTasks } from "../../api/queries";
import type { Template } from "../../forms/template";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import dialog from "../../ui/dialog.module.css";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Loaded } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import css from "./templates.module.css";

/** Tasks that are named. */
const TASKS_SHOWN = 20;

/** Deletes a template, or says which tasks still use it. */
export function DeleteTemplate({ template, open, onClose }: { template: Template; open: boolean; onClose: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const client = useQueryClient();
  const name = safeText(template.name);
  const tasks = useQuery({
    queryKey: [...keys.taskLists, "uses", template.id],
    queryFn: ({ signal }) => listTasks({ template: template.id, limit: TASKS_SHOWN }, signal),
    enabled: open,
    staleTime: 0,
  });
  const isFree = tasks.data !== undefined && tasks.data.items.length === 0 && !tasks.isFetching;
  const run = async () => {
    await api.DELETE("/api/v2/templates/{template}", { params: { path: { template: template.id }, header: { "If-Match": `"${template.revision}"` } } });
    toast(t`${name} was deleted.`);
    await navigate({ to: "/templates" });
    void client.invalidateQueries({ queryKey: keys.templates });
  };
  if (isFree)
    return (
      <Confirm open={open} onClose={onClose} title={<Trans>Delete {name}?</Trans>} action={<Trans>Delete</Trans>} name={template.name} run={run}>
        <p>
          <Trans>The template and all its revisions are deleted. This cannot be undone.</Trans>
        </p>
      </Confirm>
    );
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>{name} cannot be deleted</Trans>}>
      <Loaded query={tasks}>
        {({ items, next }) => (
          <>
            <p>
              <Trans>These tasks use the template. Delete them first:</Trans>
            </p>
            <ul className={css.plain}>
              {items.map((task) => (
                <li key={task.id}>
                  <Link to="/tasks/$task" params={{ task: task.id }}>
                    {safeText(task.name)}
                  </Link>
                </li>
              ))}
              {next && (
                <li>
                  <Link to="/tasks" search={{ template: template.id } as never}>
                    <Trans>and others</Trans>
                  </Link>
                </li>
              )}
            </ul>
          </>
        )}
      </Loaded>
      <div className={dialog.actions}>
        <Button onClick={onClose}>
          <Trans>Close</Trans>
        </Button>
      </div>
    </Dialog>
  );
}
