import { Trans } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, fieldError, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import css from "../../ui/dialog.module.css";
import { CheckField, TextArea } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";
import { useDraft } from "../../ui/useDraft";

type Props = { project: Schemas["Project"]; open: boolean; onClose: () => void };

export function EditProject({ project, open, onClose }: Props) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>Edit {project.name}</Trans>}>
      {open && <Form project={project} onClose={onClose} />}
    </Dialog>
  );
}

function Form({ project, onClose }: Omit<Props, "open">) {
  const client = useQueryClient();
  const [draft, change, clear] = useDraft(`project.${project.name}`, { remark: project.remark, allParties: project.all_parties });
  const close = () => {
    clear();
    onClose();
  };
  const edit = useMutation({
    // Only what was changed: another administrator may have changed the rest.
    mutationFn: () =>
      api.PUT("/api/v2/projects/{project}", {
        params: { path: { project: project.name } },
        body: {
          ...(draft.remark === project.remark ? {} : { remark: draft.remark }),
          ...(draft.allParties === project.all_parties ? {} : { all_parties: draft.allParties }),
        },
      }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.projects });
      toast(<Trans>Project {project.name} changed</Trans>);
      close();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        edit.mutate();
      }}
    >
      <TextArea label={<Trans>Remark</Trans>} value={draft.remark} onChange={(event) => change({ remark: event.target.value })} error={fieldError(edit.error, "/remark")} maxLength={500} />
      <CheckField
        label={<Trans>Offer all parties of the federation</Trans>}
        help={<Trans>Tasks that use a party which is not offered any more cannot be started; running ones continue.</Trans>}
        checked={draft.allParties}
        onChange={(event) => change({ allParties: event.target.checked })}
      />
      <Problem error={edit.error} shown={["/remark"]} />
      <div className={css.actions}>
        <Button onClick={close}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={edit.isPending}>
          <Trans>Save</Trans>
        </Button>
      </div>
    </form>
  );
}
