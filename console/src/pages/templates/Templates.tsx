import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { hasRole, useMe } from "../../app/session";
import { Button, buttonClass } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import controls from "../../ui/controls.module.css";
import { Pager } from "../../ui/Pager";
import { Empty, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import css from "./templates.module.css";

type Template = Schemas["Template"];

/** Time without a key press after which the list is searched, in milliseconds. */
const SEARCH_DELAY_MS = 250;

export default function Templates() {
  const { t } = useLingui();
  usePageTitle(t`Templates`);
  const me = useMe();
  const { name = "", cursor } = useSearch({ strict: false }) as { name?: string; cursor?: string };
  const query = { limit: 50, ...(name === "" ? {} : { name }), ...(cursor === undefined ? {} : { cursor }) };
  const templates = useQuery({
    queryKey: [...keys.templates, "list", name, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
  const columns: Column<Template>[] = [
    {
      key: "name",
      title: t`Name`,
      cell: (template) => (
        <div className={css.name}>
          <Link to="/templates/$template" params={{ template: template.id }}>
            <strong>{safeText(template.name)}</strong>
          </Link>
          {template.remark && <span className={css.remark}>{safeText(template.remark)}</span>}
        </div>
      ),
    },
    { key: "framework", title: t`Framework`, cell: ({ framework }) => framework },
    { key: "image", title: t`Image`, cell: ({ image }) => <code>{safeText(image)}</code> },
    { key: "parameters", title: t`Parameters`, cell: ({ parameters }) => <span className={css.parameters}>{safeText(Object.keys(parameters).join(", ")) || "–"}</span> },
    { key: "revision", title: t`Revision`, number: true, cell: ({ revision }) => revision },
    { key: "modified", title: t`Modified`, cell: ({ modified_at: at }) => <Time at={at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      cell: (template) => (
        <Link to="/tasks/new" search={{ template: template.id } as never} className={buttonClass({ small: true })} aria-label={t`New task from ${template.name}`}>
          <Trans>New task</Trans>
        </Link>
      ),
    },
  ];
  return (
    <Page title={<Trans>Templates</Trans>} intro={<Trans>Programs that the parties run, with their parameters. A task is made from a template.</Trans>} actions={<NewButton isAllowed={hasRole(me, "submitter")} />}>
      <Panel title={<Search name={name} />} padded={false}>
        <Loaded query={templates}>
          {({ items, next }) => (
            <>
              {items.length > 0 ? (
                <Table label={t`Templates`} columns={columns} rows={items} rowKey={({ id }) => id} />
              ) : name !== "" ? (
                <Empty title={<Trans>No template has a name that begins with “{safeText(name)}”.</Trans>} />
              ) : (
                <Empty title={<Trans>The project has no templates yet.</Trans>}>
                  <p>
                    <Trans>
                      A template names the image and the command that each party runs, and the parameters that a task may set. Enter it here, or apply a file with <code>flowctl apply -f FILE</code>.
                    </Trans>
                  </p>
                  <NewButton isAllowed={hasRole(me, "submitter")} />
                </Empty>
              )}
              <Pager next={next} />
            </>
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}

function NewButton({ isAllowed }: { isAllowed: boolean }) {
  const { t } = useLingui();
  if (!isAllowed)
    return (
      <Button kind="primary" disabledReason={t`Your role in this project does not allow to create templates.`}>
        <Trans>New template</Trans>
      </Button>
    );
  return (
    <Link to="/templates/new" className={buttonClass({ kind: "primary" })}>
      <Trans>New template</Trans>
    </Link>
  );
}

/** Searches after a pause; the URL keeps the text. */
function Search({ name }: { name: string }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [text, setText] = useState(name);
  useEffect(() => {
    if (text.trim() === name) return;
    const timer = setTimeout(() => void navigate({ to: ".", search: (search: Record<string, unknown>) => ({ ...search, name: text.trim() || undefined, cursor: undefined }) as never, replace: true }), SEARCH_DELAY_MS);
    return () => clearTimeout(timer);
  }, [text, name, navigate]);
  return <input type="search" className={`${controls.input} ${css.search}`} aria-label={t`Search templates by name`} placeholder={t`Search by name`} maxLength={50} value={text} onChange={(event) => setText(event.target.value)} />;
}
