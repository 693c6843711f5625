//! The parts of the schema that no derive can write: validation rules with a message, and the Pod
//! template.
//!
//! The descriptions of the Pod template are removed: they alone would exceed the size of the
//! annotation that client-side `kubectl apply` writes. The module knows no type of the custom
//! resource.

use k8s_openapi::api::core::v1::{EnvVar, PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Largest number of containers and of init containers in a template. The bound keeps the cost of
/// the validation rules within the budget of the API server.
const CONTAINERS_MAX: u32 = 32;
/// Largest number of environment variables of the sidecar.
const ENV_MAX: u32 = 64;

/// Description of the conditions; kube does not take it from the field when the schema is written
/// by hand.
const CONDITIONS: &str = "conditions are the conditions of the IflearnerJob: Progressing, Ready, Exposed, CertificatesReady, Complete and Failed. A condition that does not apply is absent. Set by the operator.";

/// Pattern of an object's name. The operator would request an invalid name for ever, or request
/// another path of the API.
pub const SUBDOMAIN_PATTERN: &str =
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Pattern of a namespace's name.
pub const LABEL_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Pattern of a key in a ConfigMap or Secret.
pub const KEY_PATTERN: &str = "^[-._a-zA-Z0-9]+$";

/// Returns the rule for an optional field of the spec that cannot be changed, added or removed.
pub fn immutable_field(field: &str) -> Rule {
    // `self.?field == oldSelf.?field` is rejected: the API server cannot bound the cost of an
    // optional value.
    let rule = format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    );
    Rule::new(rule).message(immutable_message(field).as_str()).field_path(format!(".{field}"))
}

/// Returns the rule for a required value that cannot be changed.
pub fn immutable_value(field: &str) -> Rule {
    Rule::new("self == oldSelf").message(immutable_message(field).as_str())
}

fn immutable_message(field: &str) -> String {
    format!("{field} is immutable: delete the object and create it again with the new value")
}

/// Returns the rule for a host: a lower-case DNS name.
pub fn host() -> Rule {
    Rule::new(r"self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$') && !self.matches('^[0-9.]+$')")
        .message("host must be a lower-case DNS name, e.g. job1.server.example.org, and not an address, a URL or a wildcard")
}

/// Returns the schema of a Pod template: with labels and annotations, with at least one container,
/// without descriptions.
pub fn pod_template(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = without_descriptions(generator.subschema_for::<PodTemplateSpec>());
    let strings =
        || json_schema!({ "type": "object", "additionalProperties": { "type": "string" } });
    let root = schema.ensure_object();
    root.insert("required".to_owned(), serde_json::json!(["spec"]));
    let metadata = json_schema!({
        "type": "object",
        "properties": {
            "labels": strings(),
            "annotations": strings(),
            // Programs that generate manifests write null here.
            "creationTimestamp": { "type": "string", "format": "date-time", "nullable": true },
        },
    });
    *schema.pointer_mut("/properties/metadata").expect("a Pod template has metadata") =
        metadata.into();
    let containers =
        schema.pointer_mut("/properties/spec/properties/containers").expect("a Pod has containers");
    containers["minItems"] = 1.into();
    containers["maxItems"] = CONTAINERS_MAX.into();
    let init = schema
        .pointer_mut("/properties/spec/properties/initContainers")
        .expect("a Pod has init containers");
    init["maxItems"] = CONTAINERS_MAX.into();
    schema
}

/// Returns the schema of a container's environment.
pub fn environment(generator: &mut SchemaGenerator) -> Schema {
    let item = without_descriptions(generator.subschema_for::<EnvVar>());
    json_schema!({ "type": "array", "maxItems": ENV_MAX, "items": item })
}

/// Returns the schema of a container's resources.
pub fn resources(generator: &mut SchemaGenerator) -> Schema {
    without_descriptions(generator.subschema_for::<ResourceRequirements>())
}

/// Returns the schema of the conditions: a list keyed by type, so that server-side apply merges
/// conditions by type.
pub fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let item = without_descriptions(generator.subschema_for::<Condition>());
    json_schema!({
        "type": "array",
        "description": CONDITIONS,
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}

/// Reads `null` as an empty list: the original operator may have stored `conditions: null`.
pub fn null_as_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Condition>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Removes all descriptions from a schema.
fn without_descriptions(mut schema: Schema) -> Schema {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                // A description is a text; a property that is named `description` is an object.
                if map.get("description").is_some_and(Value::is_string) {
                    map.remove("description");
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    schema.ensure_object().values_mut().for_each(strip);
    schema.remove("description");
    schema
}
