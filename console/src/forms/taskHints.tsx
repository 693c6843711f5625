// Order and special fields of a task. Fields that are not named here follow in the order of the schema.
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, bodyOf } from "../api/client";
import { keys, partiesQuery } from "../api/queries";
import { PhaseBadge } from "../ui/Phase";
import { Suggest } from "../ui/Suggest";
import { RowsField } from "./Collections";
import { Labelled, TextField, textOf } from "./Fields";
import { useForm, useText, type FieldProps, type Widgets } from "./form";
import { ParametersField } from "./Parameters";
import { inOrder, isObject, valueAt, type Json, type JsonObject } from "./schema";
import { schemas } from "./schemas";
import { TemplateField } from "./TemplateField";
import { useTaskTemplate } from "./template";

const ORDER = ["name", "template", "revision", "epochs", "remark", "parameters", "members", "members/*/party", "members/*/role", "members/*/dataset", "rules", "labels"];
const FORM_ORDER = ["template", ...ORDER.filter((name) => name !== "template")];

/** The fields of the form, and those of the YAML. Both name the template; the request has its id. */
export const taskSchema = inOrder({ ...schemas.TaskInput, properties: { ...schemas.TaskInput.properties, template: schemas.TaskDocument.properties?.["template"] ?? {} } }, FORM_ORDER);
export const taskDocumentSchema = inOrder(schemas.TaskDocument, ORDER);

export const taskWidgets: Widgets = {
  template: TemplateField,
  // A part of the field of the template.
  revision: () => null,
  parameters: ParametersField,
  members: MembersField,
  "members/*/party": PartyField,
  "members/*/dataset": DatasetField,
  remark: TextField,
};

const hasRole = (rows: Json[], role: string) => rows.some((row) => isObject(row) && row["role"] === role);

/** Members of the task. A new one gets the role that is missing. */
function MembersField(props: FieldProps) {
  const { value } = useForm();
  const { content } = useTaskTemplate(value);
  const needsAggregator = content?.requires_aggregator === true || content?.framework === "iflearner";
  const first = (rows: Json[]): JsonObject => ({ role: needsAggregator && !hasRole(rows, "aggregator") ? "aggregator" : "trainer" });
  const rows = Array.isArray(props.value) ? props.value : [];
  const note = needsAggregator && !hasRole(rows, "aggregator") ? <Trans>The template needs a member with the role aggregator.</Trans> : undefined;
  return <RowsField {...props} first={first} note={note} />;
}

function PartyField({ path, value, required, label }: FieldProps) {
  const form = useForm();
  const { t } = useLingui();
  const [isWanted, setWanted] = useState(false);
  const parties = useQuery({ ...partiesQuery, enabled: isWanted });
  const members = form.value["members"];
  const taken = Array.isArray(members) ? members.map((member) => textOf(valueAt(member, ["party"]))) : [];
  const options = (parties.data?.items ?? [])
    .filter((party) => !taken.includes(party.name) || party.name === value)
    .map((party) => ({ value: party.name, note: party.disabled_at ? <PhaseBadge phase="disabled" /> : <PhaseBadge phase={party.contact.state} /> }));
  return (
    <Labelled path={path} label={label} required={required}>
      {(control) => (
        <Suggest
          {...control}
          value={textOf(value)}
          onChange={(name) => form.set(path, name === "" ? undefined : name)}
          options={options}
          onOpen={() => setWanted(true)}
          empty={parties.isPending ? t`Loading…` : parties.error ? parties.error.message : t`No other party has this name.`}
        />
      )}
    </Labelled>
  );
}

function DatasetField({ path, schema, value, label }: FieldProps) {
  const form = useForm();
  const { t } = useLingui();
  const text = useText();
  const [isWanted, setWanted] = useState(false);
  const member = valueAt(form.value, path.slice(0, -1));
  const party = textOf(valueAt(member, ["party"]));
  const { content } = useTaskTemplate(form.value);
  const required = (content?.requires_dataset ?? []).some((role) => role === valueAt(member, ["role"]));
  const inventory = useQuery({
    queryKey: [...keys.parties, party],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/parties/{party}", { params: { path: { party } }, signal })),
    enabled: isWanted && party !== "",
    retry: false,
    staleTime: 10_000,
  });
  const offered = (inventory.data?.inventory as { datasets?: unknown } | null | undefined)?.datasets;
  const datasets = Array.isArray(offered) ? offered.map(String) : [];
  const empty =
    party === "" ? t`Choose the party first.` : inventory.isPending ? t`Loading…` : inventory.error ? inventory.error.message : datasets.length === 0 ? t`${party} offers no dataset.` : t`${party} offers: ${datasets.join(", ")}`;
  return (
    <Labelled path={path} label={label} required={required}>
      {(control) => (
        <Suggest
          {...control}
          title={text(schema.description)}
          placeholder={required ? "" : t`none`}
          value={textOf(value)}
          onChange={(name) => form.set(path, name === "" ? undefined : name)}
          options={datasets.map((name) => ({ value: name }))}
          onOpen={() => setWanted(true)}
          empty={empty}
        />
      )}
    </Labelled>
  );
}
