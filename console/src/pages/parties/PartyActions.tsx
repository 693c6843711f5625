import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ApiError, bodyOf } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Dialog";
import { CheckField } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { partyQuery, type Party } from "./data";
import css from "./parties.module.css";
import { RotateSecret } from "./RotateSecret";

/** Disable or enable, a new secret, remove. */
export function PartyActions({ party }: { party: Party }) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState<"disable" | "rotate" | "remove" | undefined>();
  const [force, setForce] = useState(false);
  const [canForce, setCanForce] = useState(false);
  const { name, disabled_at: disabled } = party;
  const path = { party: name };
  const close = () => {
    setOpen(undefined);
    setForce(false);
    setCanForce(false);
  };
  const disabledReason = me.federation_admin ? undefined : t`Only an administrator of the federation changes parties.`;

  const change = async () => {
    const changed = await bodyOf(disabled ? api.POST("/api/v2/parties/{party}/enable", { params: { path } }) : api.POST("/api/v2/parties/{party}/disable", { params: { path } }));
    // The response has no inventory if the operation leaves it out.
    client.setQueryData(partyQuery(name).queryKey, (former) => ({ ...former, ...changed }));
    void client.invalidateQueries({ queryKey: keys.parties });
    toast(disabled ? <Trans>{name} is enabled</Trans> : <Trans>{name} is disabled</Trans>);
  };
  const remove = async () => {
    try {
      await api.DELETE("/api/v2/parties/{party}", { params: { path, query: { force } } });
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) setCanForce(true);
      throw error;
    }
    toast(<Trans>{name} was removed</Trans>);
    await navigate({ to: "/parties" });
    client.removeQueries({ queryKey: partyQuery(name).queryKey });
    void client.invalidateQueries({ queryKey: keys.parties });
  };

  return (
    <>
      <Button disabledReason={disabledReason} onClick={() => setOpen("disable")}>
        {disabled ? <Trans>Enable</Trans> : <Trans>Disable</Trans>}
      </Button>
      <Button disabledReason={disabledReason} onClick={() => setOpen("rotate")}>
        <Trans>New secret</Trans>
      </Button>
      <Button kind="danger" disabledReason={disabledReason} onClick={() => setOpen("remove")}>
        <Trans>Remove</Trans>
      </Button>
      <Confirm open={open === "disable"} onClose={close} title={disabled ? <Trans>Enable {name}?</Trans> : <Trans>Disable {name}?</Trans>} action={disabled ? <Trans>Enable</Trans> : <Trans>Disable</Trans>} run={change}>
        {disabled ? (
          <Trans>The party gets new members again. Runs that wait for it go on.</Trans>
        ) : (
          <Trans>The party gets no new members: a run that needs it waits until the party is enabled or its queue deadline passes. Members that run continue, and the agent stays connected.</Trans>
        )}
      </Confirm>
      {open === "rotate" && <RotateSecret party={name} onClose={close} />}
      <Confirm open={open === "remove"} onClose={close} title={<Trans>Remove {name}?</Trans>} action={<Trans>Remove the party</Trans>} name={name} run={remove}>
        <div className={css.stack}>
          <p>
            <Trans>The hub rejects the agent of the party from then on. Tasks and runs with the party stay readable; a task with the party cannot start until it is edited. This cannot be undone.</Trans>
          </p>
          {canForce && (
            <CheckField
              label={<Trans>Remove it even if its agent has not confirmed the end of its members</Trans>}
              help={<Trans>For an agent that will never connect again. Its workloads run to their end.</Trans>}
              checked={force}
              onChange={(event) => setForce(event.target.checked)}
            />
          )}
        </div>
      </Confirm>
    </>
  );
}
