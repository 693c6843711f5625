//! What the operator is allowed: one list, from which the manifests are printed. A test runs the operator with exactly
//! these rights.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Serialize;

use crate::MANAGER;

/// Verbs on one kind of thing.
#[derive(Debug, Clone, Copy)]
pub struct Right {
    /// API group; empty = core.
    pub group: &'static str,
    /// Plurals, with the subresource if it is one.
    pub resources: &'static [&'static str],
    /// What is done with them.
    pub verbs: &'static [&'static str],
    /// What for.
    pub purpose: &'static str,
}

/// All that is needed in a namespace that is served, and nothing else.
pub const SERVED: &[Right] = &[
    Right {
        group: "git.iflytek.com",
        resources: &["iflearnerjobs"],
        verbs: &["get", "list", "watch"],
        purpose: "see what is asked for",
    },
    Right {
        group: "git.iflytek.com",
        resources: &["iflearnerjobs/status"],
        verbs: &["patch"],
        purpose: "say what became of it",
    },
    Right {
        group: "git.iflytek.com",
        resources: &["iflearnerjobs/finalizers"],
        verbs: &["update"],
        purpose: "hold up the deletion of what still runs, where clusters ask who may",
    },
    Right {
        group: "batch",
        resources: &["jobs"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        purpose: "run it",
    },
    Right {
        group: "",
        resources: &["pods"],
        verbs: &["get", "list", "watch"],
        purpose: "see how it runs",
    },
    Right {
        group: "",
        resources: &["services"],
        verbs: &["get", "list", "watch", "create", "patch"],
        purpose: "name it inside the cluster",
    },
    Right {
        group: "networking.k8s.io",
        resources: &["networkpolicies", "ingresses"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        purpose: "say who may connect, and route to it from outside",
    },
    Right {
        group: "gateway.networking.k8s.io",
        resources: &["grpcroutes"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        purpose: "route to it from outside",
    },
    Right {
        group: "gateway.networking.k8s.io",
        resources: &["gateways"],
        verbs: &["get"],
        purpose: "see whether callers are asked for a certificate",
    },
    Right {
        group: "",
        resources: &["configmaps"],
        verbs: &["get"],
        purpose: "see whether its certificates are there",
    },
    Right {
        group: "",
        resources: &["namespaces"],
        verbs: &["get"],
        purpose: "see what the namespace's administrator allows",
    },
    Right {
        group: "",
        resources: &["events"],
        verbs: &["list"],
        purpose: "see why a Job has no Pod",
    },
    Right {
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create"],
        purpose: "say what happened",
    },
];

/// All that is needed in the operator's own namespace.
pub const OWN: &[Right] = &[Right {
    group: "coordination.k8s.io",
    resources: &["leases"],
    verbs: &["get", "create", "update"],
    purpose: "be the only one that works",
}];

/// The manifests for an operator in `namespace` that serves `served`, or every namespace if that is empty.
#[must_use]
pub fn manifests(namespace: &str, served: &[String]) -> String {
    let account =
        ServiceAccount { metadata: named(MANAGER, Some(namespace)), ..ServiceAccount::default() };
    let mut documents = vec![document(&account, &[])];
    documents.extend(role("flow-operator-leader", namespace, namespace, OWN));
    if served.is_empty() {
        let role = ClusterRole {
            metadata: named(MANAGER, None),
            rules: Some(rules(SERVED)),
            ..ClusterRole::default()
        };
        let role_ref = reference::<ClusterRole>(MANAGER);
        let binding = ClusterRoleBinding {
            metadata: named(MANAGER, None),
            role_ref,
            subjects: Some(vec![subject(namespace)]),
        };
        documents.extend([document(&role, SERVED), document(&binding, &[])]);
    }
    documents.extend(served.iter().flat_map(|served| role(MANAGER, served, namespace, SERVED)));
    documents.join("---\n")
}

fn role(name: &str, namespace: &str, operator: &str, rights: &[Right]) -> [String; 2] {
    let role = Role { metadata: named(name, Some(namespace)), rules: Some(rules(rights)) };
    let binding = RoleBinding {
        metadata: named(name, Some(namespace)),
        role_ref: reference::<Role>(name),
        subjects: Some(vec![subject(operator)]),
    };
    [document(&role, rights), document(&binding, &[])]
}

fn rules(rights: &[Right]) -> Vec<PolicyRule> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let rule = |Right { group, resources, verbs, .. }: &Right| PolicyRule {
        api_groups: Some(vec![(*group).to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    };
    rights.iter().map(rule).collect()
}

fn named(name: &str, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    }
}

fn reference<K: Resource<DynamicType = ()>>(name: &str) -> RoleRef {
    RoleRef {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: K::kind(&()).into_owned(),
        name: name.to_owned(),
    }
}

fn subject(namespace: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: MANAGER.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    }
}

/// YAML, with each rule's purpose above it.
fn document<K: Serialize>(object: &K, rights: &[Right]) -> String {
    let yaml = serde_yaml_ng::to_string(object)
        .expect("objects are built from text and can be written as such");
    let mut purposes = rights.iter().map(|right| right.purpose);
    let mut text = String::new();
    for line in yaml.lines() {
        if let Some(purpose) = line.starts_with("- apiGroups:").then(|| purposes.next()).flatten() {
            text += &format!("# To {purpose}.\n");
        }
        text += &format!("{line}\n");
    }
    text
}
