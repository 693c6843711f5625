//! The objects that an IflearnerJob consists of. Pure: values in, objects out.

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
use crate::MANAGER;
use crate::config::Config;
use crate::gateway_api::GrpcRoute;

/// Everything but the Job: what is kept as it is here while the object lives. `None` = must not be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Who may connect.
    pub network_policy: Option<NetworkPolicy>,
    /// Name inside the cluster.
    pub service: k8s_openapi::api::core::v1::Service,
    /// Route by Gateway API.
    pub grpc_route: Option<GrpcRoute>,
    /// Route by Ingress.
    pub ingress: Option<Ingress>,
}

/// The children of a plan.
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
        Exposure::Unwanted
        | Exposure::Unconfigured
        | Exposure::NotInstalled { .. }
        | Exposure::Unauthenticated { .. } => {}
    }
    let network_policy = config.network_policy.enabled.then(|| self::network_policy(plan, config));
    Desired { network_policy, service: self::service(plan, config), grpc_route, ingress }
}

/// Labels of everything that belongs to the object. They win over those of a template.
fn labels(plan: &Plan) -> BTreeMap<String, String> {
    [
        (UID_LABEL, plan.uid.as_str()),
        ("app", &plan.names.app),
        ("app.kubernetes.io/name", "iflearner"),
        ("app.kubernetes.io/instance", &plan.names.app),
        ("app.kubernetes.io/component", plan.role.as_str()),
        ("app.kubernetes.io/managed-by", MANAGER),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// What selects the object's Pods: nothing that a template can set.
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
