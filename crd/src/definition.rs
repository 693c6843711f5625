//! The CustomResourceDefinition as it is installed in a cluster.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt as _;

use crate::IflearnerJob;

/// Returns the CustomResourceDefinition of [`IflearnerJob`].
///
/// The schema rejects `null` for a field of the spec, so that no validation rule has to handle it:
/// an absent field is left out.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    let mut definition = IflearnerJob::crd();
    let schemas = definition
        .spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    schemas.filter_map(|schema| schema.properties.as_mut()?.get_mut("spec")).for_each(reject_null);
    definition
}

fn reject_null(schema: &mut JSONSchemaProps) {
    schema.nullable = schema.nullable.filter(|_| schema.format.as_deref() == Some("date-time"));
    schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
        .for_each(reject_null);
}
