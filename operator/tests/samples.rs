//! A real API server accepts every sample and every manifest unchanged.

use std::path::{Path, PathBuf};

use flow_crd::IflearnerJob;
use flow_operator::config;
use flow_testkit::kube::{Cluster, shared};
use flow_testkit::repository;
use serde::Deserialize as _;
use serde_json::Value;

fn deploy(path: &str) -> PathBuf {
    repository().join("deploy").join(path)
}

/// Returns the files below `folder` with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// Returns the shared cluster with the APIs that the manifests need.
async fn cluster() -> &'static Cluster {
    let cluster = shared().await;
    cluster.install_gateway_api().await;
    cluster
        .kubectl_ok(&["apply", "--server-side", "-k", deploy("kustomize/crd").to_str().unwrap()])
        .await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
    cluster
}

#[tokio::test]
async fn every_sample_is_accepted_unchanged() {
    let cluster = cluster().await;
    let samples = files(&deploy("samples"), ".yaml");
    assert!(samples.len() > 10, "{samples:?}");
    let index = std::fs::read_to_string(deploy("samples/README.md")).unwrap();
    for sample in samples {
        let name = sample.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("`{name}`")), "{name} is not in the samples' README");
        let documents = documents(&sample);
        for document in &documents {
            if document["kind"] == "IflearnerJob" {
                let job: IflearnerJob = serde_json::from_value(document.clone())
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(job.spec.template.spec.is_some(), "{name}");
            }
        }
        // The command of a user; unknown fields are rejected.
        let (path, namespace) = (sample.to_str().unwrap(), cluster.create_namespace().await);
        let output =
            cluster.kubectl_ok(&["apply", "--validate=strict", "-n", &namespace, "-f", path]).await;
        assert_eq!(
            output.lines().filter(|line| line.ends_with(" created")).count(),
            documents.len(),
            "{name}: {output}"
        );
    }
}

#[tokio::test]
async fn every_kustomization_is_accepted_by_the_api_server() {
    let cluster = cluster().await;
    // A dry run creates no namespace for the objects after it.
    for namespace in ["party", "hub", "hospital-a", "flow-system"] {
        cluster.kubectl(&["create", "namespace", namespace]).await;
    }
    let all = files(&deploy("kustomize"), "kustomization.yaml");
    assert!(all.len() > 8, "{all:?}");
    for kustomization in all {
        let folder = kustomization.parent().unwrap().to_str().unwrap().to_owned();
        cluster.kubectl_ok(&["apply", "--server-side", "--dry-run=server", "-k", &folder]).await;
        let built = cluster.kubectl_ok(&["kustomize", &folder]).await;
        for document in serde_yaml_ng::Deserializer::from_str(&built) {
            let object = Value::deserialize(document).unwrap();
            assert_ne!(object["kind"], "Secret", "{folder}: no manifest contains a secret");
            if folder.ends_with("kustomize/rbac") {
                continue;
            }
            assert_eq!(
                object["metadata"]["labels"]["app.kubernetes.io/part-of"], "flow",
                "{folder}: `setup remove` finds objects by this label: {object}"
            );
        }
    }
}

#[test]
fn every_configuration_of_the_operator_is_valid() {
    let all = files(&deploy("kustomize"), "operator.toml");
    assert!(all.len() > 3, "{all:?}");
    for file in all {
        config::load(Some(file.clone()), vec![])
            .unwrap()
            .value
            .check()
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

#[test]
fn example_of_permissions_for_a_list_of_namespaces_is_up_to_date() {
    let path = deploy("kustomize/overlays/operator-namespaced/rbac.yaml");
    let manifests = flow_operator::rbac::manifests("flow-system", &["hospital-a".to_owned()]);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &manifests).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == manifests, "{} is out of date: run `make manifests`", path.display());
}
