import { Trans } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { api, bodyOf, fieldError } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import css from "../../ui/dialog.module.css";
import { CheckField, TextArea, TextField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { useDraft } from "../../ui/useDraft";

export function NewProject({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>New project</Trans>}>
      {open && <ProjectForm onClose={onClose} />}
    </Dialog>
  );
}

function ProjectForm({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [draft, change, clear] = useDraft("project", { name: "", remark: "", allParties: false });
  const create = useMutation({
    mutationFn: () => bodyOf(api.POST("/api/v2/projects", { body: { name: draft.name.trim(), remark: draft.remark, all_parties: draft.allParties } })),
    onSuccess: (project) => {
      clear();
      void client.invalidateQueries({ queryKey: keys.projects });
      void client.invalidateQueries({ queryKey: keys.me });
      toast(<Trans>Project {project.name} created. Next: give it members and parties.</Trans>);
      void navigate({ to: "/projects/$name", params: { name: project.name } });
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <TextField
        label={<Trans>Name</Trans>}
        help={<Trans>Lower-case letters, digits and “-”. It cannot be changed, nor used again after a deletion.</Trans>}
        value={draft.name}
        onChange={(event) => change({ name: event.target.value })}
        error={fieldError(create.error, "/name")}
        autoComplete="off"
        autoCapitalize="none"
        maxLength={63}
        required
      />
      <TextArea label={<Trans>Remark</Trans>} value={draft.remark} onChange={(event) => change({ remark: event.target.value })} error={fieldError(create.error, "/remark")} maxLength={500} />
      <CheckField
        label={<Trans>Offer all parties of the federation</Trans>}
        help={<Trans>Without this, the project uses only the parties that you offer by name.</Trans>}
        checked={draft.allParties}
        onChange={(event) => change({ allParties: event.target.checked })}
      />
      <Problem error={create.error} shown={["/name", "/remark"]} />
      <div className={css.actions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={create.isPending}>
          <Trans>Create the project</Trans>
        </Button>
      </div>
    </form>
  );
}
