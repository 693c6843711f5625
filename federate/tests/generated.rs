//! The manifest of the agent's rights and the document of its API are printed from code and checked in.
#![cfg(feature = "kubernetes")]

use std::path::Path;

use flow_federate::runtime::kubernetes::access;

const ACCOUNT: &str = "\
# The agent may do what is listed here, and nothing outside of its namespace. Written by `make generate`.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: flow-federate
---
";

const BINDING: &str = "\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: flow-federate
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: flow-federate}
subjects:
  - {kind: ServiceAccount, name: flow-federate}
";

#[test]
fn agents_rbac_manifest_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kustomize/agent/rbac.yaml");
    let text = [ACCOUNT, &access::role(None), BINDING].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is out of date: run `make generate`", path.display());
}

#[test]
fn agents_openapi_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi-agent.json");
    let text = flow_federate::rest::openapi_json().to_owned() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is out of date: run `make generate`", path.display());
}
