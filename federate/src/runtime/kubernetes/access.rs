//! The permissions of the agent in its namespace: one list, from which the Role is generated and
//! against which a cluster is checked.

use std::fmt::Write as _;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::cluster::{ApiFailure, with_timeout};

/// The allowed verbs of one resource.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// API group; empty = core.
    pub group: &'static str,
    /// Plural name, with the subresource if there is one.
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    pub purpose: &'static str,
}

/// All required permissions and no other.
pub const RULES: &[Rule] = &[
    Rule {
        group: "git.iflytek.com",
        resource: "iflearnerjobs",
        verbs: &["create", "delete", "get", "list", "patch", "watch"],
        purpose: "start members, stop them and read their status",
    },
    Rule {
        group: "",
        resource: "pods",
        verbs: &["list", "watch"],
        purpose: "see how members end, and that no Pod of them is alive",
    },
    Rule {
        group: "",
        resource: "pods/log",
        verbs: &["get"],
        purpose: "keep their logs and follow their progress",
    },
    Rule {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["create", "get", "update"],
        purpose: "be the only agent of the namespace",
    },
];

/// The Role as a manifest; without a namespace, the user gives one at `kubectl apply`.
#[must_use]
pub fn role(namespace: Option<&str>) -> String {
    let namespace = namespace.map(|name| format!("  namespace: {name}\n")).unwrap_or_default();
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: flow-federate\n{namespace}rules:\n"
    );
    for Rule { group, resource, verbs, purpose } in RULES {
        let verbs = verbs.join(", ");
        // A write to a String cannot fail.
        let _ = write!(
            text,
            "  # To {purpose}.\n  - apiGroups: [\"{group}\"]\n    resources: [\"{resource}\"]\n    verbs: [{verbs}]\n"
        );
    }
    text
}

/// Checks each rule against the cluster. Returns a description of each rule and an error text if
/// the cluster does not allow it.
pub async fn review(client: &Client, namespace: &str) -> Vec<(String, Result<(), String>)> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut found = Vec::new();
    for rule in RULES {
        let mut missing = Vec::new();
        for verb in rule.verbs {
            let (resource, subresource) = rule
                .resource
                .split_once('/')
                .map_or((rule.resource, None), |(of, sub)| (of, Some(sub)));
            let attributes = ResourceAttributes {
                group: Some(rule.group.to_owned()),
                namespace: Some(namespace.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: subresource.map(ToOwned::to_owned),
                verb: Some((*verb).to_owned()),
                ..ResourceAttributes::default()
            };
            let spec = SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            };
            let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
            match with_timeout(reviews.create(&PostParams::default(), &review)).await {
                Ok(answer) if answer.status.as_ref().is_some_and(|status| status.allowed) => {}
                Ok(_) => missing.push((*verb).to_owned()),
                Err(ApiFailure::Unavailable(error)) => {
                    missing.push(format!("{verb} (unknown: {error})"));
                }
                Err(failure) => missing.push(format!("{verb} (unknown: {failure:?})")),
            }
        }
        let description = format!(
            "may {} {} in {namespace}, to {}",
            rule.verbs.join(", "),
            rule.resource,
            rule.purpose
        );
        let result = if missing.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "not allowed: {}; apply the role that `flow-federate kubernetes rbac` prints",
                missing.join(", ")
            ))
        };
        found.push((description, result));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_contains_every_rule_and_no_wildcard() {
        let text = role(Some("party-a"));
        for rule in RULES {
            assert!(text.contains(&format!("[\"{}\"]", rule.resource)), "{text}");
        }
        assert!(text.contains("namespace: party-a") && !text.contains('*'));
    }
}
