import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe, useProject } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Badge, Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { NewProject } from "./NewProject";
import css from "./projects.module.css";
import { roleIn } from "./roles";

type Project = Schemas["Project"];

export default function Projects() {
  const { t } = useLingui();
  usePageTitle(t`Projects`);
  const me = useMe();
  const navigate = useNavigate();
  const { panel } = useSearch({ strict: false }) as { panel?: string };
  const setPanel = (next: string | undefined) => void navigate({ to: ".", search: ((former: object) => ({ ...former, panel: next })) as never, replace: true });
  return (
    <Page
      title={<Trans>Projects</Trans>}
      intro={<Trans>A project has tasks, templates, members with roles, and the parties that it may use.</Trans>}
      actions={
        <Button kind="primary" onClick={() => setPanel("new")} disabledReason={me.federation_admin ? undefined : t`Only administrators of the federation create projects.`}>
          <Trans>New project</Trans>
        </Button>
      }
    >
      <ProjectList />
      <NewProject open={panel === "new" && me.federation_admin} onClose={() => setPanel(undefined)} />
    </Page>
  );
}

function ProjectList() {
  const { t, i18n } = useLingui();
  const me = useMe();
  const current = useProject();
  const { cursor } = useSearch({ strict: false }) as { cursor?: string };
  const projects = useQuery({
    queryKey: [...keys.projects, "list", cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/projects", { params: { query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const count = (quota: Schemas["Quota"]) => quota.used.toLocaleString(i18n.locale);
  const columns: Column<Project>[] = [
    {
      key: "name",
      title: <Trans>Name</Trans>,
      cell: (project) => (
        <>
          <Link to="/projects/$name" params={{ name: project.name }}>
            <strong>{project.name}</strong>
          </Link>{" "}
          {project.name === current && (
            <Badge tone="info">
              <Trans>current</Trans>
            </Badge>
          )}
          {project.remark !== "" && <div className={css.remark}>{safeText(project.remark)}</div>}
        </>
      ),
    },
    { key: "role", title: <Trans>Your role</Trans>, cell: (project) => roleIn(me, project.name) ?? "–" },
    { key: "parties", title: <Trans>Parties</Trans>, cell: (project) => (project.all_parties ? <Trans>all</Trans> : <Trans>by name</Trans>) },
    { key: "tasks", title: <Trans>Tasks</Trans>, number: true, cell: (project) => count(project.quotas.tasks) },
    { key: "runs", title: <Trans>Runs</Trans>, number: true, cell: (project) => count(project.quotas.runs) },
    { key: "templates", title: <Trans>Templates</Trans>, number: true, cell: (project) => count(project.quotas.templates) },
    { key: "created", title: <Trans>Created</Trans>, cell: (project) => <Created at={project.created_at} /> },
  ];
  return (
    <Panel padded={false}>
      <Loaded query={projects}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty title={<Trans>You are in no project</Trans>}>
              <p>
                <Trans>An administrator of a project gives your account, {me.name}, a role in it.</Trans>
              </p>
            </Empty>
          ) : (
            <>
              <Table label={t`Projects`} columns={columns} rows={page.items} rowKey={(project) => project.name} />
              <Pager next={page.next} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** The project `default` is older than the hub's first start: it has no time. */
export function Created({ at }: { at: string }) {
  return new Date(at).getTime() === 0 ? <Trans>with the hub</Trans> : <Time at={at} />;
}
