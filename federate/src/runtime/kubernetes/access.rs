//! What the agent has to be allowed in its namespace: one list, from which the Role is printed and by which a cluster is
//! checked.

use std::fmt::Write as _;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::cluster::{Trouble, within};

/// Verbs on one kind of thing.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// API group; empty = core.
    pub group: &'static str,
    /// Plural, with the subresource if it is one.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// What for.
    pub purpose: &'static str,
}

/// All that is needed, and nothing else.
pub const RULES: &[Rule] = &[
    Rule {
        group: "git.iflytek.com",
        resource: "iflearnerjobs",
        verbs: &["create", "delete", "get", "list", "patch", "watch"],
        purpose: "start members, stop them and see how they stand",
    },
    Rule {
        group: "",
        resource: "pods",
        verbs: &["list", "watch"],
        purpose: "see how members end, and that nothing of them is alive",
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

/// The Role, as a manifest; without a namespace, for whoever applies it to say.
#[must_use]
pub fn role(namespace: Option<&str>) -> String {
    let namespace = namespace.map(|name| format!("  namespace: {name}\n")).unwrap_or_default();
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: flow-federate\n{namespace}rules:\n"
    );
    for Rule { group, resource, verbs, purpose } in RULES {
        let verbs = verbs.join(", ");
        // Written to a String, which cannot fail.
        let _ = write!(
            text,
            "  # To {purpose}.\n  - apiGroups: [\"{group}\"]\n    resources: [\"{resource}\"]\n    verbs: [{verbs}]\n"
        );
    }
    text
}

/// Whether the cluster allows each rule here; a sentence for each that it does not.
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
            match within(reviews.create(&PostParams::default(), &review)).await {
                Ok(answer) if answer.status.as_ref().is_some_and(|status| status.allowed) => {}
                Ok(_) => missing.push((*verb).to_owned()),
                Err(Trouble::Away(error)) => missing.push(format!("{verb} (not known: {error})")),
                Err(trouble) => missing.push(format!("{verb} (not known: {trouble:?})")),
            }
        }
        let what = format!(
            "may {} {} in {namespace}, to {}",
            rule.verbs.join(", "),
            rule.resource,
            rule.purpose
        );
        let verdict = if missing.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "not allowed: {}; apply what `flow-federate kubernetes rbac` prints",
                missing.join(", ")
            ))
        };
        found.push((what, verdict));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_holds_every_rule_and_no_wildcard() {
        let text = role(Some("party-a"));
        for rule in RULES {
            assert!(text.contains(&format!("[\"{}\"]", rule.resource)), "{text}");
        }
        assert!(text.contains("namespace: party-a") && !text.contains('*'));
    }
}
