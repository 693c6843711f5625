//! The Service, the route and the NetworkPolicy of a job.

use std::collections::BTreeMap;

use flow_crd::{GatewayRef, Role};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, NetworkPolicy, NetworkPolicyIngressRule,
    NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{metadata, selector};
use crate::config::Config;
use crate::gateway_api::{BackendRef, GrpcRoute, GrpcRouteSpec, ParentRef, RouteRule};
use crate::iflearnerjob::validate::Plan;

/// Names of the ports of the Service.
const GRPC: &str = "grpc";
const HTTP: &str = "http";

/// Returns name, port, target port and application protocol of each port of a role.
fn ports(role: Role, config: &Config) -> Vec<(&'static str, u16, u16, Option<&'static str>)> {
    let service = &config.service;
    let grpc = (GRPC, service.grpc_port, service.grpc_target, Some("kubernetes.io/h2c"));
    match role {
        Role::Server => vec![grpc, (HTTP, service.http_port, service.http_target, None)],
        Role::Client => vec![grpc],
    }
}

/// Returns the Service of the job.
#[must_use]
pub fn service(plan: &Plan, config: &Config) -> Service {
    let port = |(name, port, target, protocol): (&str, u16, u16, Option<&str>)| ServicePort {
        name: Some(name.to_owned()),
        port: port.into(),
        target_port: Some(IntOrString::Int(target.into())),
        protocol: Some("TCP".to_owned()),
        app_protocol: protocol.map(str::to_owned),
        ..ServicePort::default()
    };
    Service {
        metadata: metadata(plan, &plan.names.service),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector(plan)),
            ports: Some(ports(plan.role, config).into_iter().map(port).collect()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// Returns the policy that allows connections to the Pods of the job only at the ports of its
/// Service.
#[must_use]
pub fn network_policy(plan: &Plan, config: &Config) -> NetworkPolicy {
    let port = |(_, _, target, _): (&str, u16, u16, Option<&str>)| NetworkPolicyPort {
        port: Some(IntOrString::Int(target.into())),
        protocol: Some("TCP".to_owned()),
        end_port: None,
    };
    NetworkPolicy {
        metadata: metadata(plan, &plan.names.service),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(selector(plan)),
                match_expressions: None,
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                ports: Some(ports(plan.role, config).into_iter().map(port).collect()),
                from: peers(&config.network_policy.from_namespaces),
            }]),
            egress: None,
        }),
    }
}

/// Returns the Pods of the job's namespace and of `namespaces`; `None`, which allows every client,
/// if `namespaces` is empty.
fn peers(namespaces: &[String]) -> Option<Vec<NetworkPolicyPeer>> {
    if namespaces.is_empty() {
        return None;
    }
    let own = NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    };
    let named = LabelSelectorRequirement {
        key: "kubernetes.io/metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(namespaces.to_vec()),
    };
    let others = LabelSelector { match_labels: None, match_expressions: Some(vec![named]) };
    Some(vec![
        own,
        NetworkPolicyPeer { namespace_selector: Some(others), ..NetworkPolicyPeer::default() },
    ])
}

/// Returns the GRPCRoute of the job. The listener of the Gateway terminates TLS.
#[must_use]
pub fn grpc_route(plan: &Plan, host: &str, gateway: &GatewayRef, config: &Config) -> GrpcRoute {
    let GatewayRef { name, namespace, section_name } = gateway.clone();
    // All fields are set, including defaults: drift detection compares only fields that are set.
    let parent = ParentRef {
        group: Some("gateway.networking.k8s.io".to_owned()),
        kind: Some("Gateway".to_owned()),
        name,
        namespace: namespace.or_else(|| Some(plan.namespace.clone())),
        port: None,
        section_name,
    };
    GrpcRoute {
        metadata: metadata(plan, &plan.names.service),
        spec: GrpcRouteSpec {
            parent_refs: vec![parent],
            hostnames: vec![host.to_owned()],
            rules: vec![RouteRule {
                backend_refs: vec![BackendRef {
                    name: plan.names.service.clone(),
                    namespace: Some(plan.namespace.clone()),
                    port: Some(config.service.grpc_port.into()),
                    weight: Some(1),
                }],
                ..RouteRule::default()
            }],
        },
        status: None,
    }
}

/// Returns the Ingress of the job. Annotations for the ingress controller come from the
/// configuration.
#[must_use]
pub fn ingress(
    plan: &Plan,
    host: &str,
    class: Option<&str>,
    tls_secret: Option<&str>,
    config: &Config,
) -> Ingress {
    let mut metadata = metadata(plan, &plan.names.service);
    let annotations: &mut BTreeMap<_, _> = metadata.annotations.get_or_insert_default();
    annotations.extend(config.exposure.ingress.annotations.clone());
    if plan.authenticate_clients {
        let further = config.exposure.ingress.client_annotations.iter();
        annotations
            .extend(further.map(|(name, value)| {
                (name.clone(), value.replace("{namespace}", &plan.namespace))
            }));
    }
    let backend = IngressBackend {
        service: Some(IngressServiceBackend {
            name: plan.names.service.clone(),
            port: Some(ServiceBackendPort { name: Some(GRPC.to_owned()), number: None }),
        }),
        resource: None,
    };
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: class.map(str::to_owned),
            default_backend: None,
            rules: Some(vec![IngressRule {
                host: Some(host.to_owned()),
                http: Some(HTTPIngressRuleValue {
                    paths: vec![HTTPIngressPath {
                        backend,
                        path: Some("/".to_owned()),
                        path_type: "Prefix".to_owned(),
                    }],
                }),
            }]),
            tls: Some(vec![IngressTLS {
                hosts: Some(vec![host.to_owned()]),
                secret_name: tls_secret.map(str::to_owned),
            }]),
        }),
        status: None,
    }
}
