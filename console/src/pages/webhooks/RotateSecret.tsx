import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { SelectField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { Secret } from "../../ui/Secret";
import { Time } from "../../ui/Time";

type Props = { webhook: Schemas["Webhook"]; open: boolean; onClose: () => void };

/** Replaces the secret of a webhook and shows the new one once. */
export function RotateSecret({ webhook, open, onClose }: Props) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [overlap, setOverlap] = useState("86400");
  const rotate = useMutation({
    mutationFn: () => bodyOf(api.POST("/api/v2/webhooks/{webhook}/rotate-secret", { params: { path: { webhook: webhook.id } }, body: { overlap_s: Number(overlap) } })),
    onSuccess: () => void client.invalidateQueries({ queryKey: keys.webhooks }),
  });
  const created = rotate.data;
  const close = () => {
    rotate.reset();
    onClose();
  };
  return (
    <Dialog open={open} onClose={created ? () => undefined : close} title={created ? <Trans>Secret replaced</Trans> : <Trans>Rotate the secret</Trans>}>
      {created ? (
        <>
          <Secret text={created.secret} label={t`Secret of the webhook`}>
            <Trans>New secret with which the hub signs. Give it to the receiver now: it is not shown again.</Trans>
          </Secret>
          {created.former_until && (
            <p>
              <Trans>
                Until the former secret ends (<Time at={created.former_until} />), each message has both signatures.
              </Trans>
            </p>
          )}
          <div className={dialog.actions}>
            <Button kind="primary" onClick={close}>
              <Trans>Done</Trans>
            </Button>
          </div>
        </>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            rotate.mutate();
          }}
        >
          <SelectField
            label={<Trans>The former secret signs, too</Trans>}
            help={<Trans>Meanwhile a message has both signatures, so that the receiver can change without a gap.</Trans>}
            value={overlap}
            onChange={(event) => setOverlap(event.target.value)}
          >
            <option value="0">{t`Not any more: it may be known to others`}</option>
            <option value="3600">{t`For an hour`}</option>
            <option value="86400">{t`For a day`}</option>
            <option value="604800">{t`For seven days`}</option>
          </SelectField>
          <Problem error={rotate.error} />
          <div className={dialog.actions}>
            <Button onClick={close}>
              <Trans>Cancel</Trans>
            </Button>
            <Button kind="primary" type="submit" pending={rotate.isPending}>
              <Trans>Rotate the secret</Trans>
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
