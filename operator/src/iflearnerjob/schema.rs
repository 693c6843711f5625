//! The parts of the custom resource's schema that no derive can write: rules with a sentence, and the Pod template,
//! whose descriptions alone would fill the annotation that client-side `kubectl apply` writes.

use k8s_openapi::api::core::v1::{EnvVar, PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResourceExt as _;
use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Bounds that keep the cost of the rules within the API server's budget, and are beyond what a Pod needs.
const MAX_CONTAINERS: u32 = 32;

/// Names of objects. One that is none would be asked for in vain for ever, or be another path of the API.
pub const SUBDOMAIN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Names of namespaces.
pub const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Keys in a ConfigMap or Secret.
pub const KEY: &str = "^[-._a-zA-Z0-9]+$";

/// The definition, as it is installed. Absent is absent: a `null` in the spec is refused, so that no rule has to know it.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    fn without_null(schema: &mut JSONSchemaProps) {
        schema.nullable = schema.nullable.filter(|_| schema.format.as_deref() == Some("date-time"));
        schema
            .properties
            .iter_mut()
            .flat_map(|properties| properties.values_mut())
            .for_each(without_null);
    }
    let mut crd = super::IflearnerJob::crd();
    let root = crd
        .spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    let properties = root.flat_map(|schema| &mut schema.properties);
    properties.filter_map(|properties| properties.get_mut("spec")).for_each(without_null);
    crd
}

/// An optional field of `self` that can be neither changed, added nor removed.
pub fn immutable(field: &str) -> Rule {
    // Not `self.?field == oldSelf.?field`: the API server knows no bound for the cost of an optional.
    let rule = format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    );
    Rule::new(rule).message(sentence(field).as_str()).field_path(format!(".{field}"))
}

/// A required value that cannot be changed.
pub fn immutable_value(field: &str) -> Rule {
    Rule::new("self == oldSelf").message(sentence(field).as_str())
}

fn sentence(field: &str) -> String {
    format!("{field} cannot be changed once the object exists: delete it and create it anew")
}

/// A lower-case DNS name.
pub fn host() -> Rule {
    Rule::new(r"self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$') && !self.matches('^[0-9.]+$')")
        .message("host must be a lower-case DNS name, e.g. job1.server.example.org, not an address, a URL or a wildcard")
}

/// A Pod template: labels and annotations kept, at least one container, no descriptions.
pub fn pod_template(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = terse(generator.subschema_for::<PodTemplateSpec>());
    let strings =
        || json_schema!({ "type": "object", "additionalProperties": { "type": "string" } });
    let root = schema.ensure_object();
    root.insert("required".to_owned(), serde_json::json!(["spec"]));
    let metadata = json_schema!({
        "type": "object",
        "properties": {
            "labels": strings(),
            "annotations": strings(),
            // Printed as null by generators of manifests.
            "creationTimestamp": { "type": "string", "format": "date-time", "nullable": true },
        },
    });
    *schema.pointer_mut("/properties/metadata").expect("a Pod template has metadata") =
        metadata.into();
    let containers =
        schema.pointer_mut("/properties/spec/properties/containers").expect("a Pod has containers");
    containers["minItems"] = 1.into();
    containers["maxItems"] = MAX_CONTAINERS.into();
    let init = schema
        .pointer_mut("/properties/spec/properties/initContainers")
        .expect("a Pod has init containers");
    init["maxItems"] = MAX_CONTAINERS.into();
    schema
}

/// The environment of a container.
pub fn environment(generator: &mut SchemaGenerator) -> Schema {
    let item = terse(generator.subschema_for::<EnvVar>());
    json_schema!({ "type": "array", "maxItems": 64, "items": item })
}

/// The resources of a container.
pub fn resources(generator: &mut SchemaGenerator) -> Schema {
    terse(generator.subschema_for::<ResourceRequirements>())
}

/// Conditions, one of each type, so that server-side apply merges them by type.
pub fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let item = terse(generator.subschema_for::<Condition>());
    json_schema!({
        "type": "array",
        "description": "conditions are Progressing, Ready, Exposed, CertificatesReady, Complete and Failed; one that does not apply is absent.",
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}

/// The original may have stored `conditions: null`.
pub fn null_as_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Condition>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Without descriptions.
fn terse(mut schema: Schema) -> Schema {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                // A property may be called `description`; the word itself has text behind it.
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
