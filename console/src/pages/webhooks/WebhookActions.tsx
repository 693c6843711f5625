import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Menu } from "../../ui/Menu";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { RotateSecret } from "./RotateSecret";
import { WebhookForm } from "./WebhookForm";

/** A webhook with the version that an edit names in `If-Match`. */
export type Versioned = { webhook: Schemas["Webhook"]; etag: string | undefined };

type Open = "edit" | "enable" | "disable" | "rotate" | "delete" | "failed";

/** Time after which the result of a test is read: the hub sends it within about a second. */
const TEST_READ_MS = 2000;

export function WebhookActions({ found }: { found: Versioned }) {
  const { t } = useLingui();
  const { webhook, etag } = found;
  const client = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const path = { webhook: webhook.id };
  const header = etag === undefined ? {} : { "If-Match": etag };
  const changed = () => void client.invalidateQueries({ queryKey: keys.webhooks });
  const put = async (body: Schemas["WebhookInput"]) => {
    try {
      return await bodyOf(api.PUT("/api/v2/webhooks/{webhook}", { params: { path, header }, body }));
    } finally {
      // Also after a failure: another administrator may have changed it.
      changed();
    }
  };
  const setEnabled = async (enabled: boolean) => {
    const { name, url, events, labels } = webhook;
    await put({ name, url, enabled, ...(events ? { events } : {}), ...(labels ? { labels } : {}) });
    toast(enabled ? <Trans>Webhook enabled</Trans> : <Trans>Webhook disabled</Trans>);
  };
  const test = useMutation({
    mutationFn: () => api.POST("/api/v2/webhooks/{webhook}/test", { params: { path } }),
    onSuccess: () => {
      toast(<Trans>Test queued; the log of deliveries shows its result</Trans>);
      changed();
      setTimeout(changed, TEST_READ_MS);
    },
    onError: () => setOpen("failed"),
  });
  const remove = async () => {
    await api.DELETE("/api/v2/webhooks/{webhook}", { params: { path, header } });
    toast(<Trans>Webhook deleted</Trans>);
    await navigate({ to: "/webhooks" });
    changed();
  };
  const name = safeText(webhook.name);
  return (
    <>
      <Button onClick={() => test.mutate()} pending={test.isPending} disabledReason={webhook.enabled ? undefined : t`Enable the webhook to test it.`}>
        <Trans>Send a test</Trans>
      </Button>
      <Button onClick={() => setOpen("edit")}>
        <Trans>Edit</Trans>
      </Button>
      <Menu
        label={<Trans>More</Trans>}
        items={[
          webhook.enabled ? { key: "disable", label: t`Disable`, run: () => setOpen("disable") } : { key: "enable", label: t`Enable`, run: () => setOpen("enable") },
          { key: "rotate", label: t`Rotate the secret`, run: () => setOpen("rotate") },
          { key: "delete", label: t`Delete`, run: () => setOpen("delete") },
        ]}
      />
      <Dialog open={open === "failed"} onClose={close} title={<Trans>The test was not queued</Trans>}>
        <Problem error={test.error} />
      </Dialog>
      <Dialog open={open === "edit"} onClose={close} title={t`Edit ${name}`} wide>
        {open === "edit" && (
          <WebhookForm
            webhook={webhook}
            action={<Trans>Save</Trans>}
            save={put}
            onSaved={() => {
              toast(<Trans>Webhook changed</Trans>);
              close();
            }}
            onCancel={close}
          />
        )}
      </Dialog>
      <RotateSecret webhook={webhook} open={open === "rotate"} onClose={close} />
      <Confirm open={open === "disable"} onClose={close} title={t`Disable ${name}?`} action={<Trans>Disable</Trans>} run={() => setEnabled(false)}>
        <Trans>Events that happen meanwhile are skipped, and waiting deliveries fail.</Trans>
      </Confirm>
      <Confirm open={open === "enable"} onClose={close} title={t`Enable ${name}?`} action={<Trans>Enable</Trans>} run={() => setEnabled(true)}>
        <Trans>The hub sends events from now on. Send a test to check the receiver.</Trans>
      </Confirm>
      <Confirm open={open === "delete"} onClose={close} title={t`Delete ${name}?`} action={<Trans>Delete the webhook</Trans>} name={webhook.name} run={remove}>
        <Trans>Its secret and its log of deliveries are deleted with it. This cannot be undone.</Trans>
      </Confirm>
    </>
  );
}
