import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded, Problem } from "../../ui/Problem";
import { Table, type Column } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { toast } from "../../ui/Toast";
import css from "./webhooks.module.css";

type Delivery = Schemas["Delivery"];

/** Newest messages of a webhook with the result of their attempts. */
export function Deliveries({ webhook }: { webhook: Schemas["Webhook"] }) {
  const { t } = useLingui();
  const { cursor } = useSearch({ strict: false }) as { cursor?: string };
  const client = useQueryClient();
  const deliveries = useQuery({
    queryKey: [...keys.webhooks, "deliveries", webhook.id, cursor],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/webhooks/{webhook}/deliveries", { params: { path: { webhook: webhook.id }, query: { limit: 50, ...(cursor ? { cursor } : {}) } }, signal })),
    placeholderData: keepPreviousData,
  });
  const redeliver = useMutation({
    mutationFn: (delivery: string) => api.POST("/api/v2/webhooks/{webhook}/deliveries/{delivery}/redeliver", { params: { path: { webhook: webhook.id, delivery } } }),
    onSuccess: () => {
      toast(<Trans>Delivery queued again</Trans>);
      void client.invalidateQueries({ queryKey: keys.webhooks });
    },
  });
  const columns: Column<Delivery>[] = [
    {
      key: "kind",
      title: <Trans>Event</Trans>,
      cell: (delivery) => (
        <>
          <code>{delivery.kind}</code>
          {delivery.task && (
            <div>
              <Link to="/tasks/$task" params={{ task: delivery.task }}>
                <Trans>Task</Trans>
              </Link>
            </div>
          )}
        </>
      ),
    },
    {
      key: "state",
      title: <Trans>State</Trans>,
      cell: (delivery) => (
        <>
          <PhaseBadge phase={delivery.state} />
          {delivery.error && <div className={css.error}>{safeText(delivery.error)}</div>}
          {delivery.next_attempt_at && (
            <div className={css.muted}>
              <Trans>
                next attempt <Time at={delivery.next_attempt_at} />
              </Trans>
            </div>
          )}
        </>
      ),
    },
    { key: "status", title: <Trans>HTTP status</Trans>, number: true, cell: (delivery) => delivery.status ?? "–" },
    { key: "attempts", title: <Trans>Attempts</Trans>, number: true, cell: (delivery) => delivery.attempts },
    { key: "attempted", title: <Trans>Last attempt</Trans>, cell: (delivery) => <Time at={delivery.attempted_at} /> },
    { key: "created", title: <Trans>Queued</Trans>, cell: (delivery) => <Time at={delivery.created_at} /> },
    {
      key: "actions",
      title: <span className="visually-hidden">{t`Actions`}</span>,
      number: true,
      cell: (delivery) => (
        <Button
          small
          pending={redeliver.isPending && redeliver.variables === delivery.id}
          disabledReason={!webhook.enabled ? t`Enable the webhook to deliver again.` : delivery.state === "pending" ? t`The delivery is waiting already.` : undefined}
          onClick={() => redeliver.mutate(delivery.id)}
        >
          <Trans>Deliver again</Trans>
        </Button>
      ),
    },
  ];
  return (
    <Panel
      padded={false}
      title={<Trans>Deliveries</Trans>}
      actions={
        <Button small pending={deliveries.isFetching} onClick={() => void deliveries.refetch()}>
          <Trans>Refresh</Trans>
        </Button>
      }
    >
      <Problem error={redeliver.error} />
      <Loaded query={deliveries}>
        {(page) =>
          page.items.length === 0 && !cursor ? (
            <Empty title={<Trans>No deliveries yet</Trans>}>
              <p>
                <Trans>Send a test, or start a task whose events this webhook sends. The log keeps the newest 1,000 deliveries for 30 days.</Trans>
              </p>
            </Empty>
          ) : (
            <>
              <Table label={t`Deliveries`} columns={columns} rows={page.items} rowKey={(delivery) => delivery.id} />
              <Pager next={page.next} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}
