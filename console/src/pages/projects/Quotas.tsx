import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { useMe } from "../../app/session";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import dialog from "../../ui/dialog.module.css";
import { TextField } from "../../ui/Field";
import { Bar, Panel } from "../../ui/Panel";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import css from "./projects.module.css";

type Project = Schemas["Project"];
type Kind = keyof Schemas["ProjectQuotas"];
const KINDS: Kind[] = ["tasks", "runs", "templates"];
const LIMIT_MAX = 1_000_000_000;

function useLabels(): Record<Kind, string> {
  const { t } = useLingui();
  return { tasks: t`Tasks`, runs: t`Runs`, templates: t`Templates` };
}

/** Stored objects of a project beside their limits. */
export function Quotas({ project }: { project: Project }) {
  const { t, i18n } = useLingui();
  const me = useMe();
  const labels = useLabels();
  const [open, setOpen] = useState(false);
  const number = (value: number) => value.toLocaleString(i18n.locale);
  return (
    <Panel
      title={<Trans>Use and limits</Trans>}
      actions={
        <Button small onClick={() => setOpen(true)} disabledReason={me.federation_admin ? undefined : t`Only administrators of the federation change limits.`}>
          <Trans>Change the limits</Trans>
        </Button>
      }
    >
      <div className={css.quotas}>
        {KINDS.map((kind) => {
          const quota = project.quotas[kind];
          return (
            <div key={kind} className={css.quota}>
              <div className={css.quotaHead}>
                <span>{labels[kind]}</span>
                <span className={css.muted}>
                  <Trans>
                    {number(quota.used)} of {number(quota.limit)}
                  </Trans>
                </span>
              </div>
              <Bar value={quota.limit === 0 ? 1 : quota.used / quota.limit} label={labels[kind]} />
            </div>
          );
        })}
      </div>
      <Dialog open={open} onClose={() => setOpen(false)} title={<Trans>Limits of {project.name}</Trans>}>
        {open && <Limits project={project} onClose={() => setOpen(false)} />}
      </Dialog>
    </Panel>
  );
}

function Limits({ project, onClose }: { project: Project; onClose: () => void }) {
  const client = useQueryClient();
  const labels = useLabels();
  const current = Object.fromEntries(KINDS.map((kind) => [kind, String(project.quotas[kind].limit)])) as Record<Kind, string>;
  const [draft, setDraft] = useState(current);
  const save = useMutation({
    mutationFn: () => {
      const changed = KINDS.filter((kind) => draft[kind] !== current[kind]);
      const quotas = Object.fromEntries(changed.map((kind) => [kind, draft[kind].trim() === "" ? null : Number(draft[kind])]));
      return api.PUT("/api/v2/projects/{project}", { params: { path: { project: project.name } }, body: { quotas } });
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.projects });
      toast(<Trans>Limits changed</Trans>);
      onClose();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <p>
        <Trans>Beyond a limit no object of this kind can be created. Empty: the limit in the configuration of the hub.</Trans>
      </p>
      {KINDS.map((kind) => (
        <TextField
          key={kind}
          label={labels[kind]}
          type="number"
          inputMode="numeric"
          min={0}
          max={LIMIT_MAX}
          value={draft[kind]}
          onChange={(event) => setDraft({ ...draft, [kind]: event.target.value })}
          error={fieldError(save.error, `/quotas/${kind}`)}
        />
      ))}
      <Problem error={save.error} shown={KINDS.map((kind) => `/quotas/${kind}`)} />
      <div className={dialog.actions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={save.isPending}>
          <Trans>Save</Trans>
        </Button>
      </div>
    </form>
  );
}
