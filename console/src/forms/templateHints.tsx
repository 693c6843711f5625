// Order and special fields of a template. Fields that are not named here follow in the order of the schema.
import { MapField } from "./Collections";
import { TextField } from "./Fields";
import type { FieldProps, Widgets } from "./form";
import { inOrder, onlyKnown, withoutDefaults, type JsonObject } from "./schema";
import { schemas } from "./schemas";

const PARAMETER = ["type", "default", "minimum", "maximum", "description", "enum"].map((name) => `parameters/*/${name}`);
const ORDER = ["name", "framework", "image", "workdir", "remark", "command", "aggregator_command", "parameters", ...PARAMETER, "requires_aggregator", "requires_dataset", "max_runtime_s", "stop_grace_s", "resources", "env"];

export const templateSchema = inOrder(schemas.TemplateInput, ORDER);

export const templateWidgets: Widgets = {
  remark: TextField,
  parameters: (props: FieldProps) => <MapField {...props} empty={{ type: "number" }} />,
};

/** The document of a template or of one of its revisions. */
export function templateDocument(content: object): JsonObject {
  return withoutDefaults(onlyKnown(content as JsonObject, templateSchema), templateSchema) as JsonObject;
}
