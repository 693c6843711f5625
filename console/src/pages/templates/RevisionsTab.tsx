import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { api, bodyOf } from "../../api/client";
import { keys } from "../../api/queries";
import { useText } from "../../forms/form";
import { isSame } from "../../forms/schema";
import { revisionQuery, type Revision, type Template } from "../../forms/template";
import { templateDocument, templateSchema } from "../../forms/templateHints";
import { writeYaml } from "../../forms/yaml";
import { buttonClass } from "../../ui/Button";
import controls from "../../ui/controls.module.css";
import { Diff } from "../../ui/Diff";
import { Pager } from "../../ui/Pager";
import { Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import css from "./templates.module.css";

/** The revisions, newest first, and what changed between two of them (`?a=` and `?b=`). */
export function RevisionsTab({ template }: { template: Template }) {
  const { t } = useLingui();
  const text = useText();
  const search = useSearch({ strict: false }) as { a?: string; b?: string; cursor?: string };
  const revisions = useQuery({
    queryKey: [...keys.templates, template.id, "revisions", template.revision, search.cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates/{template}/revisions", { params: { path: { template: template.id }, query: { limit: 50, ...(search.cursor === undefined ? {} : { cursor: search.cursor }) } }, signal })),
  });
  const items = [...(revisions.data?.items ?? [])].sort((a, b) => b.revision - a.revision);
  const to = numberOf(search.b) ?? template.revision;
  const from = numberOf(search.a) ?? Math.max(1, to - 1);
  const changes = (revision: Revision): string => {
    const former = items.find((each) => each.revision === revision.revision - 1);
    if (revision.revision === 1) return t`first revision`;
    if (!former) return "–";
    const [a, b] = [templateDocument(former), templateDocument(revision)];
    const names = Object.entries(templateSchema.properties ?? {}).filter(([name]) => !isSame(a[name], b[name]));
    return names.map(([, schema]) => text(schema.title)).join(", ") || "–";
  };
  const columns: Column<Revision>[] = [
    { key: "revision", title: t`Revision`, cell: ({ revision }) => revision },
    { key: "created", title: t`Created`, cell: ({ created_at: at }) => <Time at={at} /> },
    { key: "changes", title: t`Changed`, cell: (revision) => <span className={css.changes}>{changes(revision)}</span> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      cell: ({ revision }) => (
        <span className={css.choose}>
          {revision > 1 && (
            <Link to="." search={(old: Record<string, unknown>) => ({ ...old, a: String(revision - 1), b: String(revision) }) as never} className={buttonClass({ small: true })} replace>
              <Trans>Show the changes</Trans>
            </Link>
          )}
          {revision !== template.revision && (
            <Link to="." search={(old: Record<string, unknown>) => ({ ...old, tab: "edit", revision: String(revision), a: undefined, b: undefined, cursor: undefined }) as never} className={buttonClass({ small: true })}>
              <Trans>Use as a new revision</Trans>
            </Link>
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      <Panel padded={false}>
        <Loaded query={revisions}>
          {({ next }) => (
            <>
              <Table label={t`Revisions`} columns={columns} rows={items} rowKey={({ revision }) => String(revision)} />
              <Pager next={next} />
            </>
          )}
        </Loaded>
      </Panel>
      <Comparison template={template} from={from} to={to} listed={items} />
    </>
  );
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Two revisions, line by line. Those of the list are not read again. */
function Comparison({ template, from, to, listed }: { template: Template; from: number; to: number; listed: Revision[] }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const useRevision = (number: number) => {
    const known = listed.find(({ revision }) => revision === number);
    const read = useQuery({ ...revisionQuery(template.id, number), enabled: listed.length > 0 && known === undefined });
    return { content: known ?? read.data, query: read };
  };
  const [before, after] = [useRevision(from), useRevision(to)];
  const choose = (name: "a" | "b", value: string) => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, a: String(from), b: String(to), [name]: value }) as never, replace: true });
  if (template.revision === 1) return null;
  const numbers = listed.map(({ revision }) => revision);
  const select = (name: "a" | "b", value: number, label: string) => (
    <label>
      {label}
      <select className={controls.input} value={value} onChange={(event) => choose(name, event.target.value)}>
        {!numbers.includes(value) && <option>{value}</option>}
        {numbers.map((number) => (
          <option key={number}>{number}</option>
        ))}
      </select>
    </label>
  );
  const yaml = (revision: Revision) => writeYaml(templateDocument(revision), "Template", templateSchema);
  return (
    <Panel
      title={<Trans>Changes</Trans>}
      padded={false}
      actions={
        <div className={css.choose}>
          {select("a", from, t`From revision`)}
          {select("b", to, t`to`)}
        </div>
      }
    >
      {before.content && after.content ? (
        <div className={css.diff}>
          <Diff before={yaml(before.content)} after={yaml(after.content)} label={t`Changes from revision ${from} to ${to}`} />
        </div>
      ) : (
        <Loaded query={before.content ? after.query : before.query}>{() => null}</Loaded>
      )}
    </Panel>
  );
}
