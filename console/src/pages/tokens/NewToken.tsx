import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, bodyOf, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { ROLES, useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { Secret } from "../../ui/Secret";
import { useDraft } from "../../ui/useDraft";
import css from "../../ui/dialog.module.css";

type Props = { open: boolean; owner: string; onClose: () => void };

/** Creates a token and shows its text once. */
export function NewToken({ open, owner, onClose }: Props) {
  const { t } = useLingui();
  const [created, setCreated] = useState<Schemas["TokenCreated"]>();
  const close = () => {
    setCreated(undefined);
    onClose();
  };
  return (
    // The secret is shown once: only its button closes the dialog.
    <Dialog open={open} onClose={created ? () => undefined : close} title={created ? <Trans>Token created</Trans> : <Trans>New API token</Trans>}>
      {created ? (
        <>
          <Secret text={created.secret} label={t`API token`}>
            <Trans>Copy the token now. The hub stores only its hash and does not show it again.</Trans>
          </Secret>
          <p>
            <Trans>
              Send it as <code>Authorization: Bearer TOKEN</code>, or write it to a file and name it with <code>flowctl --token-file</code>.
            </Trans>
          </p>
          <div className={css.actions}>
            <Button kind="primary" onClick={close}>
              <Trans>Done</Trans>
            </Button>
          </div>
        </>
      ) : (
        open && <TokenForm owner={owner} onCreated={setCreated} onCancel={close} />
      )}
    </Dialog>
  );
}

function TokenForm({ owner, onCreated, onCancel }: { owner: string; onCreated: (created: Schemas["TokenCreated"]) => void; onCancel: () => void }) {
  const { t } = useLingui();
  const me = useMe();
  const client = useQueryClient();
  const isOwn = owner === me.name;
  const [draft, change, clear] = useDraft(`token.${owner}`, { name: "", scope: "api", project: "", role: "", days: "90" });
  const create = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST("/api/v2/tokens", {
          body: {
            name: draft.name.trim(),
            scope: draft.scope as "api" | "metrics",
            expires_in_days: Number(draft.days),
            ...(isOwn ? {} : { user: owner }),
            ...(draft.scope === "api" && draft.project !== "" ? { project: draft.project } : {}),
            ...(draft.scope === "api" && draft.role !== "" ? { role: draft.role as Schemas["ProjectRole"] } : {}),
          },
        }),
      ),
    onSuccess: (created) => {
      clear();
      void client.invalidateQueries({ queryKey: keys.tokens });
      onCreated(created);
    },
  });
  const days = ["7", "30", "90", "365", "0"];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <TextField
        label={<Trans>Name</Trans>}
        help={<Trans>What the token is for, as in “nightly training”.</Trans>}
        value={draft.name}
        onChange={(event) => change({ name: event.target.value })}
        error={fieldError(create.error, "/name")}
        maxLength={100}
        autoComplete="off"
        required
      />
      <SelectField label={<Trans>Use</Trans>} value={draft.scope} onChange={(event) => change({ scope: event.target.value })} error={fieldError(create.error, "/scope")}
        help={me.federation_admin ? undefined : <Trans>Tokens for metrics are created by administrators of the federation: metrics name the parties of all projects.</Trans>}>
        <option value="api">{t`API`}</option>
        <option value="metrics" disabled={!me.federation_admin}>{t`Metrics page only`}</option>
      </SelectField>
      {draft.scope === "api" && (
        <>
          <SelectField
            label={<Trans>Project</Trans>}
            value={draft.project}
            onChange={(event) => change({ project: event.target.value })}
            error={fieldError(create.error, "/project")}
            help={<Trans>The account needs a role of its own in the project.</Trans>}
          >
            <option value="">{t`All projects of the account`}</option>
            {me.projects.map(({ project }) => (
              <option key={project}>{project}</option>
            ))}
          </SelectField>
          <SelectField label={<Trans>Highest role</Trans>} value={draft.role} onChange={(event) => change({ role: event.target.value })} error={fieldError(create.error, "/role")} help={<Trans>A token that is limited by project or role cannot create tokens and does not administer the federation.</Trans>}>
            <option value="">{t`The role of the account`}</option>
            {ROLES.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </SelectField>
        </>
      )}
      <SelectField label={<Trans>Expires</Trans>} value={draft.days} onChange={(event) => change({ days: event.target.value })} error={fieldError(create.error, "/expires_in_days")}>
        {days.map((each) => (
          <option key={each} value={each}>
            {each === "0" ? t`Never` : t`In ${each} days`}
          </option>
        ))}
      </SelectField>
      <Problem error={create.error} shown={["/name", "/scope", "/project", "/role", "/expires_in_days"]} />
      <div className={css.actions}>
        <Button onClick={onCancel}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={create.isPending}>
          <Trans>Create the token</Trans>
        </Button>
      </div>
    </form>
  );
}
