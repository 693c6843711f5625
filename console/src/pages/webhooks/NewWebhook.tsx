import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { Secret } from "../../ui/Secret";
import { WebhookForm } from "./WebhookForm";

/** Creates a webhook and shows its secret once. */
export function NewWebhook({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [created, setCreated] = useState<Schemas["WebhookCreated"]>();
  const done = () => {
    const webhook = created?.webhook.id ?? "";
    setCreated(undefined);
    void navigate({ to: "/webhooks/$webhook", params: { webhook } });
  };
  return (
    <Dialog open={open} onClose={created ? () => undefined : onClose} title={created ? <Trans>Webhook created</Trans> : <Trans>New webhook</Trans>} wide={!created}>
      {created ? (
        <>
          <Secret text={created.secret} label={t`Secret of the webhook`}>
            <Trans>Secret with which the hub signs each message. Give it to the receiver now: it is not shown again.</Trans>
          </Secret>
          <div className={dialog.actions}>
            <Button kind="primary" onClick={done}>
              <Trans>Done</Trans>
            </Button>
          </div>
        </>
      ) : (
        open && (
          <WebhookForm
            action={<Trans>Create the webhook</Trans>}
            save={(body) => bodyOf(api.POST("/api/v2/webhooks", { body }))}
            onSaved={(saved) => {
              void client.invalidateQueries({ queryKey: keys.webhooks });
              setCreated(saved);
            }}
            onCancel={onClose}
          />
        )
      )}
    </Dialog>
  );
}
