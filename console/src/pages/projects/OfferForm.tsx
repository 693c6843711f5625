import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api, bodyOf, fieldError, type Schemas } from "../../api/client";
import { keys, partiesQuery } from "../../api/queries";
import { Button } from "../../ui/Button";
import dialog from "../../ui/dialog.module.css";
import { SelectField, TextField } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { toast } from "../../ui/Toast";

type Props = { project: string; offer: Schemas["OfferedParty"] | undefined; onClose: () => void; onDone: () => void };

export function OfferForm({ project, offer, onClose, onDone }: Props) {
  const { t } = useLingui();
  const list = useId();
  const [party, setParty] = useState(offer?.party ?? "");
  const [scope, setScope] = useState(offer?.datasets ? "some" : "all");
  const [names, setNames] = useState(offer?.datasets?.join(", ") ?? "");
  const parties = useQuery({ ...partiesQuery, enabled: offer === undefined });
  const isKnown = offer !== undefined || (parties.data?.items.some((each) => each.name === party) ?? false);
  const known = useQuery({
    queryKey: [...keys.parties, "offer", party],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/parties/{party}", { params: { path: { party } }, signal })),
    enabled: isKnown && scope === "some",
    retry: false,
  });
  const offered = datasetsOf(known.data?.inventory);
  const datasets = names.split(/[\s,]+/).filter((name) => name !== "");
  const save = useMutation({
    mutationFn: () => api.PUT("/api/v2/projects/{project}/parties/{party}", { params: { path: { project, party: party.trim() } }, body: scope === "all" ? {} : { datasets } }),
    onSuccess: () => {
      onDone();
      toast(
        <Trans>
          {party} is offered to {project}
        </Trans>,
      );
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
      {offer === undefined && (
        <>
          <TextField label={<Trans>Party</Trans>} value={party} onChange={(event) => setParty(event.target.value)} list={list} autoComplete="off" autoCapitalize="none" maxLength={63} required />
          <datalist id={list}>
            {parties.data?.items.map(({ name }) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </>
      )}
      <SelectField label={<Trans>Datasets</Trans>} value={scope} onChange={(event) => setScope(event.target.value)}>
        <option value="all">{t`All of the party`}</option>
        <option value="some">{t`Only those named here`}</option>
      </SelectField>
      {scope === "some" && (
        <TextField
          label={<Trans>Names of datasets</Trans>}
          help={offered.length > 0 ? <Trans>Separated by commas. The party has: {offered.join(", ")}</Trans> : <Trans>Separated by commas. Empty: none.</Trans>}
          value={names}
          onChange={(event) => setNames(event.target.value)}
          error={fieldError(save.error, "/datasets")}
          autoComplete="off"
        />
      )}
      <Problem error={save.error} shown={["/datasets"]} />
      <div className={dialog.actions}>
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
        <Button kind="primary" type="submit" pending={save.isPending}>
          {offer === undefined ? <Trans>Offer the party</Trans> : <Trans>Save</Trans>}
        </Button>
      </div>
    </form>
  );
}

/** Names of the datasets in an inventory, which an agent of any version sends. */
function datasetsOf(inventory: unknown): string[] {
  const datasets: unknown = (inventory as { datasets?: unknown } | null | undefined)?.datasets;
  if (Array.isArray(datasets)) return datasets.map((each: unknown) => (typeof each === "string" ? each : String((each as { name?: unknown } | null)?.name ?? ""))).filter(Boolean);
  return datasets && typeof datasets === "object" ? Object.keys(datasets) : [];
}
