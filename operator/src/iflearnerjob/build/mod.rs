//! Builds the children of an IflearnerJob. Pure: values in, objects out.

mod job;
mod pod;
mod service;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use flow_crd::{JOB_ANNOTATION, UID_LABEL};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub use job::job;
pub use service::{grpc_route, ingress, network_policy, service};

use super::validate::{Exposure, Plan};
use crate::FIELD_MANAGER;
use crate::config::Config;
use crate::gateway_api::GrpcRoute;

/// The desired children except the Job, as long as the object exists. A child that is `None` is
/// deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    pub network_policy: Option<NetworkPolicy>,
    pub service: k8s_openapi::api::core::v1::Service,
    pub grpc_route: Option<GrpcRoute>,
    pub ingress: Option<Ingress>,
}

/// Returns the desired children of a plan.
#[must_use]
pub fn desired(plan: &Plan, config: &Config) -> Desired {
    let (mut grpc_route, mut ingress) = (None, None);
    match &plan.exposure {
        Exposure::Gateway { host, gateway } => {
            grpc_route = Some(self::grpc_route(plan, host, gateway, config))
        }
        Exposure::Ingress { host, class, tls_secret } => {
            ingress =
                Some(self::ingress(plan, host, class.as_deref(), tls_secret.as_deref(), config));
        }
        Exposure::NotRequested
        | Exposure::NotConfigured
        | Exposure::NotInstalled { .. }
        | Exposure::Unauthenticated { .. } => {}
    }
    let network_policy = config.network_policy.enabled.then(|| self::network_policy(plan, config));
    Desired { network_policy, service: self::service(plan, config), grpc_route, ingress }
}

/// Returns the labels of all children. They override those of a template.
fn labels(plan: &Plan) -> BTreeMap<String, String> {
    [
        (UID_LABEL, plan.uid.as_str()),
        ("app", &plan.names.app),
        ("app.kubernetes.io/name", "iflearner"),
        ("app.kubernetes.io/instance", &plan.names.app),
        ("app.kubernetes.io/component", plan.role.as_str()),
        ("app.kubernetes.io/managed-by", FIELD_MANAGER),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Returns the labels that select the Pods of the object. A template cannot set them.
fn selector(plan: &Plan) -> BTreeMap<String, String> {
    BTreeMap::from([(UID_LABEL.to_owned(), plan.uid.clone())])
}

fn metadata(plan: &Plan, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(plan.namespace.clone()),
        labels: Some(labels(plan)),
        annotations: Some(BTreeMap::from([(JOB_ANNOTATION.to_owned(), plan.name.clone())])),
        owner_references: Some(vec![plan.owner.clone()]),
        ..ObjectMeta::default()
    }
}
