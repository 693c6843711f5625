import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Denied } from "../../app/Denied";
import { hasRole, useMe, useProject } from "../../app/session";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Badge, Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { hostOf } from "./events";
import { NewWebhook } from "./NewWebhook";
import css from "./webhooks.module.css";

type Webhook = Schemas["Webhook"];

export default function Webhooks() {
  const { t } = useLingui();
  usePageTitle(t`Webhooks`);
  const me = useMe();
  const project = useProject();
  const navigate = useNavigate();
  const { panel } = useSearch({ strict: false }) as { panel?: string };
  const setPanel = (next: string | undefined) => void navigate({ to: ".", search: ((former: object) => ({ ...former, panel: next })) as never, replace: true });
  if (!hasRole(me, "admin"))
    return (
      <Page title={<Trans>Webhooks</Trans>}>
        <Denied>
          <Trans>Only administrators of a project manage its webhooks.</Trans>
        </Denied>
      </Page>
    );
  return (
    <Page
      title={<Trans>Webhooks</Trans>}
      intro={<Trans>URLs to which the hub sends the events of project {project}, signed.</Trans>}
      actions={
        <Button kind="primary" onClick={() => setPanel("new")}>
          <Trans>New webhook</Trans>
        </Button>
      }
    >
      <WebhookList onCreate={() => setPanel("new")} />
      <NewWebhook open={panel === "new"} onClose={() => setPanel(undefined)} />
    </Page>
  );
}

function WebhookList({ onCreate }: { onCreate: () => void }) {
  const { t } = useLingui();
  const { cursor } = useSearch({ strict: false }) as { cursor?: string };
  const project = useProject();
  const webhooks = useQuery({
    queryKey: [...keys.webhooks, "list", project, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/webhooks", { params: { query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const columns: Column<Webhook>[] = [
    {
      key: "name",
      title: <Trans>Name</Trans>,
      cell: (webhook) => (
        <>
          <Link to="/webhooks/$webhook" params={{ webhook: webhook.id }}>
            <strong>{safeText(webhook.name)}</strong>
          </Link>
          <div className={css.muted}>{hostOf(webhook.url)}</div>
        </>
      ),
    },
    { key: "state", title: <Trans>State</Trans>, cell: (webhook) => <WebhookState webhook={webhook} /> },
    { key: "events", title: <Trans>Events</Trans>, cell: (webhook) => (webhook.events ? <Plural value={webhook.events.length} one="# kind" other="# kinds" /> : <Trans>all</Trans>) },
    { key: "labels", title: <Trans>Labels</Trans>, cell: (webhook) => Object.entries(webhook.labels ?? {}).map(([name, value]) => safeText(`${name}=${value}`)).join(", ") || "–" },
    { key: "modified", title: <Trans>Changed</Trans>, cell: (webhook) => <Time at={webhook.modified_at} /> },
  ];
  return (
    <Panel padded={false}>
      <Loaded query={webhooks}>
        {(page) =>
          page.items.length === 0 && !cursor ? (
            <Empty title={<Trans>No webhooks yet</Trans>}>
              <p>
                <Trans>A webhook tells another system, such as a chat or a pipeline, that a run ended.</Trans>
              </p>
              <Button onClick={onCreate}>
                <Trans>New webhook</Trans>
              </Button>
            </Empty>
          ) : (
            <>
              <Table label={t`Webhooks`} columns={columns} rows={page.items} rowKey={(webhook) => webhook.id} />
              <Pager next={page.next} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** Enabled, failing or disabled, with the hub's reason. */
export function WebhookState({ webhook }: { webhook: Webhook }) {
  if (!webhook.enabled)
    return (
      <>
        <Badge tone={webhook.disabled_reason ? "bad" : "none"}>
          <Trans>disabled</Trans>
        </Badge>
        {webhook.disabled_reason && <div className={css.error}>{safeText(webhook.disabled_reason)}</div>}
      </>
    );
  if (webhook.failing_since)
    return (
      <>
        <Badge tone="warn">
          <Trans>failing</Trans>
        </Badge>{" "}
        <Trans>
          first <Time at={webhook.failing_since} />
        </Trans>
      </>
    );
  return (
    <Badge tone="good">
      <Trans>enabled</Trans>
    </Badge>
  );
}
