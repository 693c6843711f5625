import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Schemas } from "../../api/client";
import { keys, listTasks } from "../../api/queries";
import { useText } from "../../forms/form";
import { isObject, type Json, type JsonObject, type Schema } from "../../forms/schema";
import type { Template } from "../../forms/template";
import { templateSchema } from "../../forms/templateHints";
import { buttonClass } from "../../ui/Button";
import { Copy, safeText } from "../../ui/Copy";
import { Badge, Empty, Facts, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { duration, Time } from "../../ui/Time";
import css from "./templates.module.css";

/** The newest revision, and the tasks of the template. */
export function ContentTab({ template }: { template: Template }) {
  return (
    <>
      <div className={css.columns}>
        <Panel title={<Trans>Revision {template.revision}</Trans>}>
          <ContentFacts template={template} />
        </Panel>
        <div className={css.stack}>
          <Parameters parameters={template.parameters} />
          <Tasks template={template} />
        </div>
      </div>
    </>
  );
}

/** The fields of the schema, so that a new one appears here, too. */
function ContentFacts({ template }: { template: Template }) {
  const text = useText();
  const content = template as unknown as JsonObject;
  const fields = Object.entries(templateSchema.properties ?? {}).filter(([name]) => !["name", "remark", "parameters"].includes(name));
  return (
    <Facts
      items={[
        ...fields.map(([name, schema]): [React.ReactNode, React.ReactNode] => [text(schema.title), <Value key={name} name={name} value={content[name]} schema={schema} />]),
        [<Trans key="created">Created</Trans>, <Time key="created-at" at={template.created_at} />],
        [<Trans key="modified">Modified</Trans>, <Time key="modified-at" at={template.modified_at} />],
        [
          <Trans key="id">ID</Trans>,
          <span key="id-value" className={css.choose}>
            <code>{template.id}</code>
            <Copy text={template.id} />
          </span>,
        ],
      ]}
    />
  );
}

function Value({ name, value, schema }: { name: string; value: Json | undefined; schema: Schema }) {
  const { t } = useLingui();
  const text = useText();
  if (typeof value === "boolean") return value ? t`yes` : t`no`;
  if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0)) return "–";
  if (typeof value === "number") return name.endsWith("_s") && value >= 60 ? `${value} (${duration(value)})` : String(value);
  if (Array.isArray(value)) return schema.items?.enum ? value.map((each) => text(String(each))).join(", ") : <code>{safeText(value.map((each) => quoted(String(each))).join(" "))}</code>;
  if (isObject(value))
    return (
      <>
        {Object.entries(value).map(([key, each]) => (
          <div key={key}>
            <code>
              {text(schema.properties?.[key]?.title) || safeText(key)}: {safeText(typeof each === "object" ? JSON.stringify(each) : String(each))}
            </code>
          </div>
        ))}
      </>
    );
  return <code className={css.value}>{safeText(String(value))}</code>;
}

/** An argument as a shell would need it. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

type Parameter = { name: string } & Schemas["ParamSchema"];

function Parameters({ parameters }: { parameters: Template["parameters"] }) {
  const { t } = useLingui();
  const text = useText();
  const rows = Object.entries(parameters).map(([name, schema]): Parameter => ({ name, ...schema }));
  const columns: Column<Parameter>[] = [
    {
      key: "name",
      title: t`Name`,
      cell: ({ name, description }) => (
        <div className={css.name}>
          <code>{safeText(name)}</code>
          {description && <span className={css.remark}>{safeText(description)}</span>}
        </div>
      ),
    },
    { key: "type", title: t`Type`, cell: ({ type }) => text(type) },
    { key: "default", title: t`Default`, cell: (row) => (row.default === undefined || row.default === null ? <Badge tone="warn">{t`required`}</Badge> : <code>{row.default === "" ? "''" : safeText(row.default)}</code>) },
    {
      key: "valid",
      title: t`Valid`,
      cell: ({ enum: values, minimum, maximum }) => (values && values.length > 0 ? safeText(values.join(", ")) : minimum != null && maximum != null ? t`${minimum} to ${maximum}` : minimum != null ? t`at least ${minimum}` : maximum != null ? t`at most ${maximum}` : "–"),
    },
  ];
  return (
    <Panel title={<Trans>Parameters</Trans>} padded={false}>
      {rows.length === 0 ? <Empty title={<Trans>The template declares no parameters.</Trans>} /> : <Table label={t`Parameters`} columns={columns} rows={rows} rowKey={({ name }) => name} />}
    </Panel>
  );
}

/** Tasks that are shown; the list of tasks has all. */
const TASKS_SHOWN = 10;

function Tasks({ template }: { template: Template }) {
  const { t } = useLingui();
  const tasks = useQuery({
    queryKey: [...keys.taskLists, "template", template.id],
    queryFn: ({ signal }) => listTasks({ template: template.id, limit: TASKS_SHOWN }, signal),
  });
  const columns: Column<Schemas["Task"]>[] = [
    {
      key: "name",
      title: t`Name`,
      cell: ({ id, name }) => (
        <Link to="/tasks/$task" params={{ task: id }}>
          {safeText(name)}
        </Link>
      ),
    },
    { key: "revision", title: t`Revision`, number: true, cell: ({ revision }) => revision },
    { key: "phase", title: t`Newest run`, cell: ({ run }) => <PhaseBadge phase={run?.phase ?? "new"} /> },
    { key: "created", title: t`Created`, cell: ({ created_at: at }) => <Time at={at} /> },
  ];
  return (
    <Panel
      title={<Trans>Tasks of this template</Trans>}
      padded={false}
      actions={
        <Link to="/tasks" search={{ template: template.id } as never} className={buttonClass({ small: true })}>
          <Trans>All of them</Trans>
        </Link>
      }
    >
      <Loaded query={tasks}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={<Trans>No task uses the template yet.</Trans>}>
              <Link to="/tasks/new" search={{ template: template.id } as never} className={buttonClass({})}>
                <Trans>New task</Trans>
              </Link>
            </Empty>
          ) : (
            <Table label={t`Tasks of this template`} columns={columns} rows={items} rowKey={({ id }) => id} />
          )
        }
      </Loaded>
    </Panel>
  );
}
