import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Denied } from "../../app/Denied";
import { hasRole, useMe } from "../../app/session";
import { Copy, safeText } from "../../ui/Copy";
import { Facts, Note, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Time } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { Deliveries } from "./Deliveries";
import { WebhookActions, type Versioned } from "./WebhookActions";
import css from "./webhooks.module.css";
import { WebhookState } from "./Webhooks";

export default function Webhook() {
  const { t } = useLingui();
  const me = useMe();
  const { webhook: id = "" } = useParams({ strict: false }) as { webhook?: string };
  const isAdmin = hasRole(me, "admin");
  const found = useQuery({
    queryKey: [...keys.webhooks, "one", id],
    queryFn: async ({ signal }): Promise<Versioned> => {
      const { data, response } = await api.GET("/api/v2/webhooks/{webhook}", { params: { path: { webhook: id } }, signal });
      return { webhook: data as Schemas["Webhook"], etag: response.headers.get("etag") ?? undefined };
    },
    enabled: isAdmin,
  });
  const name = found.data?.webhook.name ?? t`Webhook`;
  usePageTitle(name);
  if (!isAdmin)
    return (
      <Page title={<Trans>Webhook</Trans>}>
        <Denied>
          <Trans>Only administrators of a project manage its webhooks.</Trans>
        </Denied>
      </Page>
    );
  return (
    <Page
      title={safeText(name)}
      intro={
        <Link to="/webhooks">
          <Trans>Webhooks</Trans>
        </Link>
      }
      actions={found.data && <WebhookActions found={found.data} />}
    >
      <Loaded query={found}>
        {({ webhook }) => (
          <>
            {!webhook.enabled && (
              <Note tone={webhook.disabled_reason ? "bad" : "warn"}>
                {webhook.disabled_reason ? (
                  t`The hub has disabled this webhook: ${safeText(webhook.disabled_reason)}. Repair the receiver, then enable it. Events of the time between are not sent.`
                ) : (
                  <Trans>This webhook is disabled. Events that happen meanwhile are not sent.</Trans>
                )}
              </Note>
            )}
            <About webhook={webhook} />
            <Deliveries webhook={webhook} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function About({ webhook }: { webhook: Schemas["Webhook"] }) {
  const labels = Object.entries(webhook.labels ?? {});
  return (
    <Panel title={<Trans>About</Trans>}>
      <Facts
        items={[
          [<Trans>State</Trans>, <WebhookState webhook={webhook} />],
          [
            <Trans>Receiver</Trans>,
            <span className={css.list}>
              <code className={css.url}>{safeText(webhook.url)}</code> <Copy text={webhook.url} />
            </span>,
          ],
          [
            <Trans>Events</Trans>,
            webhook.events ? (
              <span className={css.list}>
                {webhook.events.map((kind) => (
                  <code key={kind}>{kind}</code>
                ))}
              </span>
            ) : (
              <Trans>all</Trans>
            ),
          ],
          [<Trans>Labels</Trans>, labels.length === 0 ? <Trans>events of all tasks</Trans> : <code>{labels.map(([label, value]) => safeText(`${label}=${value}`)).join(", ")}</code>],
          [
            <Trans>Secrets</Trans>,
            webhook.former_secret_until ? (
              <Trans>
                two: the former one signs, too, and ends <Time at={webhook.former_secret_until} />
              </Trans>
            ) : (
              <Trans>one</Trans>
            ),
          ],
          [<Trans>Created</Trans>, <Time at={webhook.created_at} />],
          [<Trans>Changed</Trans>, <Time at={webhook.modified_at} />],
        ]}
      />
    </Panel>
  );
}
