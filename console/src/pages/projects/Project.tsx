import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe, useProject, useProjectSwitch } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm } from "../../ui/Dialog";
import { Facts, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { usePageTitle } from "../../ui/usePageTitle";
import { EditProject } from "./EditProject";
import { Members } from "./Members";
import { Offers } from "./Offers";
import { Created } from "./Projects";
import css from "./projects.module.css";
import { Quotas } from "./Quotas";
import { roleIn } from "./roles";

/** The project that no one can delete. */
const PROTECTED = "default";

export default function Project() {
  const { name = "" } = useParams({ strict: false }) as { name?: string };
  usePageTitle(name);
  const project = useQuery({
    queryKey: [...keys.projects, "one", name],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/projects/{project}", { params: { path: { project: name } }, signal })),
  });
  return (
    <Page title={safeText(name)} intro={<Trans>Project</Trans>} actions={project.data && <Actions project={project.data} />}>
      <Loaded query={project}>
        {(data) => (
          <>
            <div className={css.columns}>
              <About project={data} />
              <Quotas project={data} />
            </div>
            <Members project={data.name} />
            <Offers project={data} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function About({ project }: { project: Schemas["Project"] }) {
  const me = useMe();
  return (
    <Panel title={<Trans>About</Trans>}>
      <Facts
        items={[
          [<Trans>Remark</Trans>, project.remark === "" ? "–" : <span className={css.text}>{safeText(project.remark)}</span>],
          [<Trans>Your role</Trans>, roleIn(me, project.name) ?? "–"],
          [<Trans>Parties</Trans>, project.all_parties ? <Trans>all of the federation</Trans> : <Trans>those offered by name</Trans>],
          [<Trans>Created</Trans>, <Created at={project.created_at} />],
        ]}
      />
    </Panel>
  );
}

function Actions({ project }: { project: Schemas["Project"] }) {
  const { t } = useLingui();
  const me = useMe();
  const current = useProject();
  const switchTo = useProjectSwitch();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState<"edit" | "delete">();
  const needsAdmin = me.federation_admin ? undefined : t`Only administrators of the federation change or delete projects.`;
  const close = () => setOpen(undefined);
  const remove = async () => {
    await api.DELETE("/api/v2/projects/{project}", { params: { path: { project: project.name } } });
    toast(<Trans>Project {project.name} deleted</Trans>);
    await navigate({ to: "/projects", search: { project: current === project.name ? PROTECTED : current } as never });
    if (current === project.name) void client.resetQueries();
    else for (const queryKey of [keys.projects, keys.me]) void client.invalidateQueries({ queryKey });
  };
  return (
    <>
      <Button onClick={() => switchTo(project.name)} disabledReason={current === project.name ? t`The console shows this project.` : undefined}>
        <Trans>Switch to it</Trans>
      </Button>
      <Button onClick={() => setOpen("edit")} disabledReason={needsAdmin}>
        <Trans>Edit</Trans>
      </Button>
      <Button kind="danger" onClick={() => setOpen("delete")} disabledReason={needsAdmin ?? (project.name === PROTECTED ? t`The project default stays.` : undefined)}>
        <Trans>Delete</Trans>
      </Button>
      <EditProject project={project} open={open === "edit"} onClose={close} />
      <Confirm open={open === "delete"} onClose={close} title={<Trans>Delete the project {project.name}?</Trans>} action={<Trans>Delete the project</Trans>} name={project.name} run={remove}>
        <Trans>Its templates, webhooks, members, offers and limited tokens are deleted with it. Its tasks have to be deleted first. The name cannot be used again. This cannot be undone.</Trans>
      </Confirm>
    </>
  );
}
