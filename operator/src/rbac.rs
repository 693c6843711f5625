//! The permissions of the operator: one list, from which the manifests are printed. A test runs the
//! operator with exactly these permissions.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Serialize;

use crate::FIELD_MANAGER;

/// A permission of the operator: verbs on resources of one API group.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    /// Empty stands for the core group.
    pub group: &'static str,
    /// Plural names, with the subresource if there is one.
    pub resources: &'static [&'static str],
    pub verbs: &'static [&'static str],
    /// Completes "To … ." in the manifest.
    pub purpose: &'static str,
}

/// The permissions in a served namespace.
pub const SERVED_NAMESPACE: &[Permission] = &[
    Permission {
        group: "git.iflytek.com",
        resources: &["iflearnerjobs"],
        verbs: &["get", "list", "watch"],
        purpose: "read IflearnerJobs",
    },
    Permission {
        group: "git.iflytek.com",
        resources: &["iflearnerjobs/status"],
        verbs: &["patch"],
        purpose: "write their status",
    },
    Permission {
        group: "git.iflytek.com",
        resources: &["iflearnerjobs/finalizers"],
        verbs: &["update"],
        purpose: "set blockOwnerDeletion in clusters that check owner references",
    },
    Permission {
        group: "batch",
        resources: &["jobs"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        purpose: "create and delete Jobs, and change their suspension, deadline and retention",
    },
    Permission {
        group: "",
        resources: &["pods"],
        verbs: &["get", "list", "watch"],
        purpose: "read the state of Pods",
    },
    Permission {
        group: "",
        resources: &["services"],
        verbs: &["get", "list", "watch", "create", "patch"],
        purpose: "create and repair the Services of jobs",
    },
    Permission {
        group: "networking.k8s.io",
        resources: &["networkpolicies", "ingresses"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        purpose: "create and repair the NetworkPolicies and Ingresses of jobs",
    },
    Permission {
        group: "gateway.networking.k8s.io",
        resources: &["grpcroutes"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        purpose: "create and repair the GRPCRoutes of jobs",
    },
    Permission {
        group: "gateway.networking.k8s.io",
        resources: &["gateways"],
        verbs: &["get"],
        purpose: "check that a Gateway requests client certificates",
    },
    Permission {
        group: "",
        resources: &["configmaps"],
        verbs: &["get"],
        purpose: "check that the certificates of a job exist",
    },
    Permission {
        group: "",
        resources: &["namespaces"],
        verbs: &["get"],
        purpose: "read the permissions that an administrator grants to Pods",
    },
    Permission {
        group: "",
        resources: &["events"],
        verbs: &["list"],
        purpose: "read the reason for which a Job has no Pod",
    },
    Permission {
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create"],
        purpose: "publish events about IflearnerJobs",
    },
];

/// The permissions in the operator's own namespace.
pub const OWN_NAMESPACE: &[Permission] = &[Permission {
    group: "coordination.k8s.io",
    resources: &["leases"],
    verbs: &["get", "create", "update"],
    purpose: "elect the leader",
}];

/// Returns the manifests for an operator in `namespace` that serves the namespaces `served`, or
/// every namespace if `served` is empty.
#[must_use]
pub fn manifests(namespace: &str, served: &[String]) -> String {
    let account = ServiceAccount {
        metadata: named(FIELD_MANAGER, Some(namespace)),
        ..ServiceAccount::default()
    };
    let mut documents = vec![document(&account, &[])];
    documents.extend(role("flow-operator-leader", namespace, namespace, OWN_NAMESPACE));
    if served.is_empty() {
        let role = ClusterRole {
            metadata: named(FIELD_MANAGER, None),
            rules: Some(rules(SERVED_NAMESPACE)),
            ..ClusterRole::default()
        };
        let role_ref = reference::<ClusterRole>(FIELD_MANAGER);
        let binding = ClusterRoleBinding {
            metadata: named(FIELD_MANAGER, None),
            role_ref,
            subjects: Some(vec![subject(namespace)]),
        };
        documents.extend([document(&role, SERVED_NAMESPACE), document(&binding, &[])]);
    }
    documents.extend(
        served.iter().flat_map(|served| role(FIELD_MANAGER, served, namespace, SERVED_NAMESPACE)),
    );
    documents.join("---\n")
}

fn role(name: &str, namespace: &str, operator: &str, permissions: &[Permission]) -> [String; 2] {
    let role = Role { metadata: named(name, Some(namespace)), rules: Some(rules(permissions)) };
    let binding = RoleBinding {
        metadata: named(name, Some(namespace)),
        role_ref: reference::<Role>(name),
        subjects: Some(vec![subject(operator)]),
    };
    [document(&role, permissions), document(&binding, &[])]
}

fn rules(permissions: &[Permission]) -> Vec<PolicyRule> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rule = |Permission { group, resources, verbs, .. }: &Permission| PolicyRule {
        api_groups: Some(vec![(*group).to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    };
    permissions.iter().map(rule).collect()
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
        name: FIELD_MANAGER.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    }
}

/// Returns the YAML of an object, with the purpose of each rule in a comment above it.
fn document<K: Serialize>(object: &K, permissions: &[Permission]) -> String {
    let yaml = serde_yaml_ng::to_string(object).expect("the object can be serialized as YAML");
    let mut purposes = permissions.iter().map(|permission| permission.purpose);
    let mut text = String::new();
    for line in yaml.lines() {
        if let Some(purpose) = line.starts_with("- apiGroups:").then(|| purposes.next()).flatten() {
            text += &format!("# To {purpose}.\n");
        }
        text += &format!("{line}\n");
    }
    text
}
