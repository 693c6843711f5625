//! `GRPCRoute` of the Gateway API with the fields that the operator sets or reads, and the check of
//! a Gateway's TLS.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use kube::core::{ApiResource, GroupVersionKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The spec of a GRPCRoute.
#[derive(CustomResource, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "GRPCRoute",
    root = "GrpcRoute",
    plural = "grpcroutes",
    namespaced,
    schema = "disabled",
    status = "GrpcRouteStatus",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteSpec {
    #[serde(default)]
    pub parent_refs: Vec<ParentRef>,
    #[serde(default)]
    pub hostnames: Vec<String>,
    #[serde(default)]
    pub rules: Vec<RouteRule>,
}

/// A reference to a Gateway or to one of its listeners.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Default: `gateway.networking.k8s.io`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Default: `Gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    pub name: String,
    /// Default: the namespace of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The operator never sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The listener. Default: all listeners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// A rule of a route. The operator writes one that matches every call.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    #[serde(default)]
    pub backend_refs: Vec<BackendRef>,
    /// The matching calls; empty stands for all. Empty lists are written too: drift detection
    /// compares only fields that are set.
    #[serde(default)]
    pub matches: Vec<Value>,
    #[serde(default)]
    pub filters: Vec<Value>,
}

/// A reference to a port of a Service.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendRef {
    pub name: String,
    /// Default: the namespace of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Share of the calls. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

/// The status of a GRPCRoute.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
pub struct GrpcRouteStatus {
    /// One entry for each Gateway.
    #[serde(default)]
    pub parents: Vec<ParentStatus>,
}

/// The status that one gateway controller reports.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ParentStatus {
    pub parent_ref: ParentRef,
    /// For example `Accepted` and `ResolvedRefs`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// Returns the resource of Gateways, which are read as plain JSON: the fields differ between
/// versions of the API.
#[must_use]
pub fn gateway_resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway"),
        "gateways",
    )
}

/// Returns the first listener of a Gateway (the one named `section`, or any) that accepts clients
/// without a verified certificate; `None` if every listener verifies.
#[must_use]
pub fn unauthenticated_listener(gateway: &Value, section: Option<&str>) -> Option<String> {
    let listeners: Vec<&Value> = gateway["spec"]["listeners"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|listener| section.is_none_or(|section| listener["name"] == section))
        .collect();
    if listeners.is_empty() {
        return Some(section.unwrap_or("(missing)").to_owned());
    }
    let frontend = &gateway["spec"]["tls"]["frontend"];
    let verifies = |validation: &Value| {
        validation["caCertificateRefs"]
            .as_array()
            .is_some_and(|authorities| !authorities.is_empty())
            && validation["mode"] != "AllowInsecureFallback"
    };
    let open = listeners.into_iter().find(|listener| {
        let of_port = frontend["perPort"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|entry| entry["port"] == listener["port"]);
        let validation =
            of_port.map_or(&frontend["default"]["validation"], |entry| &entry["tls"]["validation"]);
        listener["protocol"] != "HTTPS" || !verifies(validation)
    });
    open.map(|listener| listener["name"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i20_gateway_verifies_clients_only_if_every_listener_does() {
        let open = |tls: &str, section: Option<&str>| {
            let text = format!(
                "{{spec: {{listeners: [{{name: grpc, port: 443, protocol: HTTPS}}, {{name: other, port: 444, protocol: HTTPS}}, \
                 {{name: plain, port: 80, protocol: HTTP}}], tls: {tls}}}}}"
            );
            unauthenticated_listener(&serde_yaml_ng::from_str(&text).unwrap(), section)
        };
        let authority = "caCertificateRefs: [{name: flow-authority}]";
        let all = format!("{{frontend: {{default: {{validation: {{{authority}}}}}}}}}");
        assert_eq!(open("null", Some("grpc")).as_deref(), Some("grpc"));
        assert_eq!(open(&all, Some("grpc")), None);
        assert_eq!(
            open(&all, Some("plain")).as_deref(),
            Some("plain"),
            "a listener without TLS verifies no client"
        );
        assert_eq!(
            open(&all, None).as_deref(),
            Some("plain"),
            "the route attaches to every listener"
        );
        assert_eq!(open(&all, Some("gone")).as_deref(), Some("gone"));
        let lax = format!(
            "{{frontend: {{default: {{validation: {{{authority}, mode: AllowInsecureFallback}}}}}}}}"
        );
        assert_eq!(open(&lax, Some("grpc")).as_deref(), Some("grpc"));
        let one = format!(
            "{{frontend: {{default: {{}}, perPort: [{{port: 443, tls: {{validation: {{{authority}}}}}}}]}}}}"
        );
        assert_eq!(open(&one, Some("grpc")), None);
        assert_eq!(open(&one, Some("other")).as_deref(), Some("other"));
        let but = format!(
            "{{frontend: {{default: {{validation: {{{authority}}}}}, perPort: [{{port: 443, tls: {{}}}}]}}}}"
        );
        assert_eq!(
            open(&but, Some("grpc")).as_deref(),
            Some("grpc"),
            "the setting of a port replaces the default"
        );
    }
}
