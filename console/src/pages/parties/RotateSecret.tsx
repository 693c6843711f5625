import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { api, bodyOf, type Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { SelectField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { Secret } from "../../ui/Secret";
import { Moment } from "../../ui/Time";

/** Replaces the secret of a party and shows the new one once. */
export function RotateSecret({ party, onClose }: { party: string; onClose: () => void }) {
  const { t } = useLingui();
  const [overlap, setOverlap] = useState("86400");
  const [created, setCreated] = useState<Schemas["PartySecret"] | undefined>();
  const [error, setError] = useState<unknown>();
  const [pending, setPending] = useState(false);
  const rotate = async () => {
    setPending(true);
    setError(undefined);
    try {
      setCreated(await bodyOf(api.POST("/api/v2/parties/{party}/secret", { params: { path: { party } }, body: { overlap_s: Number(overlap) } })));
    } catch (failure) {
      setError(failure);
    } finally {
      setPending(false);
    }
  };
  if (created)
    return (
      // Only the button closes it: the secret cannot be shown again.
      <Dialog open onClose={() => undefined} title={<Trans>New secret of {party}</Trans>}>
        <Secret text={created.secret} label={t`Secret of ${party}`}>
          <Trans>
            Put it into the file that <code>hub.secret_file</code> of the agent names. The agent needs no restart. The hub cannot show the secret again.
          </Trans>
        </Secret>
        <p>
          {created.former_until ? (
            <Trans>
              The former secret works until <Moment at={created.former_until} />.
            </Trans>
          ) : (
            <Trans>The former secret no longer works.</Trans>
          )}
        </p>
        <div className={dialog.actions}>
          <Button kind="primary" onClick={onClose}>
            <Trans>I have stored the secret</Trans>
          </Button>
        </div>
      </Dialog>
    );
  return (
    <Dialog open onClose={onClose} title={<Trans>New secret for {party}?</Trans>}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!pending) void rotate();
        }}
      >
        <p>
          <Trans>The hub closes the session of the agent, which connects again with the former or the new secret. Members that run continue.</Trans>
        </p>
        <SelectField label={<Trans>The former secret works for</Trans>} help={<Trans>Choose “no longer” if the secret was stolen or lost.</Trans>} value={overlap} onChange={(event) => setOverlap(event.target.value)}>
          <option value="86400">{t`one more day`}</option>
          <option value="3600">{t`one more hour`}</option>
          <option value="604800">{t`one more week`}</option>
          <option value="0">{t`no longer`}</option>
        </SelectField>
        <Problem error={error} />
        <div className={dialog.actions}>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="danger" type="submit" pending={pending}>
            <Trans>Create a new secret</Trans>
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
