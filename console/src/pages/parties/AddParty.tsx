import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, bodyOf, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { TextArea, TextField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { useDraft } from "../../ui/useDraft";
import { AgentSetup } from "./AgentSetup";

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Adds a party and shows its secret once, with the configuration of its agent. */
export function AddParty({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const client = useQueryClient();
  const [draft, change, clear] = useDraft("party", { name: "", remark: "" });
  const [created, setCreated] = useState<Schemas["PartyCreated"] | undefined>();
  const [error, setError] = useState<unknown>();
  const [pending, setPending] = useState(false);
  const mistake = draft.name !== "" && !NAME.test(draft.name) ? t`Use 1 to 63 of a-z, 0-9 and -, without - at the beginning or end.` : undefined;

  const add = async () => {
    setPending(true);
    setError(undefined);
    try {
      setCreated(await bodyOf(api.POST("/api/v2/parties", { body: { name: draft.name, remark: draft.remark } })));
      clear();
      void client.invalidateQueries({ queryKey: keys.parties });
    } catch (failure) {
      setError(failure);
    } finally {
      setPending(false);
    }
  };

  if (created)
    return (
      // Only the button closes it: the secret cannot be shown again.
      <Dialog open onClose={() => undefined} wide title={<Trans>{created.name} was added</Trans>}>
        <AgentSetup party={created.name} secret={created.secret} />
        <div className={dialog.actions}>
          <Button kind="primary" onClick={onClose}>
            <Trans>I have stored the secret</Trans>
          </Button>
        </div>
      </Dialog>
    );
  return (
    <Dialog open onClose={onClose} title={<Trans>Add a party</Trans>}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!pending && NAME.test(draft.name)) void add();
        }}
      >
        <TextField
          label={<Trans>Name</Trans>}
          help={<Trans>Name and identity of the party, such as hospital-a. It cannot be changed.</Trans>}
          value={draft.name}
          onChange={(event) => change({ name: event.target.value })}
          error={mistake ?? fieldError(error, "/name")}
          autoComplete="off"
          autoCapitalize="none"
          required
        />
        <TextArea label={<Trans>Remark</Trans>} help={<Trans>Free text for people.</Trans>} value={draft.remark} onChange={(event) => change({ remark: event.target.value })} error={fieldError(error, "/remark")} maxLength={500} />
        <Problem error={error} shown={["/name", "/remark"]} />
        <div className={dialog.actions}>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" type="submit" pending={pending} disabledReason={NAME.test(draft.name) ? undefined : t`The party needs a name.`}>
            <Trans>Add party</Trans>
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
