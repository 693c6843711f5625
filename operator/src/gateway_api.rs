//! `GRPCRoute` of the Gateway API: only the fields that are set or read here. And what is asked of the Gateway itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use kube::core::{ApiResource, GroupVersionKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a route routes.
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
    /// Gateways it attaches to.
    #[serde(default)]
    pub parent_refs: Vec<ParentRef>,
    /// Host names it matches.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// Where calls go.
    #[serde(default)]
    pub rules: Vec<RouteRule>,
}

/// A Gateway, or a listener of it.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Its API group; `None` = the Gateway API's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its kind; `None` = Gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the Gateway.
    pub name: String,
    /// Its namespace; `None` = the route's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its port, which is never ours to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Its listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// One rule; ours matches every call.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// The Services.
    #[serde(default)]
    pub backend_refs: Vec<BackendRef>,
    /// Which calls; empty = all. Written even so, as is what follows: only what is written is missed when somebody edits it.
    #[serde(default)]
    pub matches: Vec<Value>,
    /// What is done to them.
    #[serde(default)]
    pub filters: Vec<Value>,
}

/// A port of a Service.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendRef {
    /// Name of the Service.
    pub name: String,
    /// Its namespace; `None` = the route's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Its share of the calls; 0 = none. `None` = 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

/// What the gateways say.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
pub struct GrpcRouteStatus {
    /// One entry for each.
    #[serde(default)]
    pub parents: Vec<ParentStatus>,
}

/// What one gateway says.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ParentStatus {
    /// Which.
    pub parent_ref: ParentRef,
    /// `Accepted`, `ResolvedRefs`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// Gateways, as plain JSON: what is read of them differs between versions of their API.
#[must_use]
pub fn gateways() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway"),
        "gateways",
    )
}

/// The first listener of a Gateway (the one of this name, or any) that lets in callers without a certificate that it has
/// checked; `None` if there is none.
#[must_use]
pub fn unauthenticated(gateway: &Value, section: Option<&str>) -> Option<String> {
    let listeners: Vec<&Value> = gateway["spec"]["listeners"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|listener| section.is_none_or(|section| listener["name"] == section))
        .collect();
    if listeners.is_empty() {
        return Some(section.unwrap_or("(there is none)").to_owned());
    }
    let frontend = &gateway["spec"]["tls"]["frontend"];
    let checks = |validation: &Value| {
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
        listener["protocol"] != "HTTPS" || !checks(validation)
    });
    open.map(|listener| listener["name"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i20_a_gateway_asks_for_certificates_only_where_no_listener_lets_one_in_without() {
        let open = |tls: &str, section: Option<&str>| {
            let text = format!(
                "{{spec: {{listeners: [{{name: grpc, port: 443, protocol: HTTPS}}, {{name: other, port: 444, protocol: HTTPS}}, \
                 {{name: plain, port: 80, protocol: HTTP}}], tls: {tls}}}}}"
            );
            unauthenticated(&serde_yaml_ng::from_str(&text).unwrap(), section)
        };
        let authority = "caCertificateRefs: [{name: flow-authority}]";
        let all = format!("{{frontend: {{default: {{validation: {{{authority}}}}}}}}}");
        assert_eq!(open("null", Some("grpc")).as_deref(), Some("grpc"));
        assert_eq!(open(&all, Some("grpc")), None);
        assert_eq!(
            open(&all, Some("plain")).as_deref(),
            Some("plain"),
            "nothing is asked without TLS"
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
            "a port's own word replaces the default"
        );
    }
}
