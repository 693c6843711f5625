//! Manifests that are printed from code and checked in.

use std::path::Path;
use std::process::Command;

use flow_domain::time::Timestamp;
use flow_operator::{cli, rbac};
use flow_testkit::repository;
use k8s_openapi::ByteString;

fn up_to_date(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is out of date: run `make generate`", path.display());
}

#[test]
fn crd_manifest_is_up_to_date() {
    up_to_date("deploy/kustomize/crd/iflearnerjobs.yaml", &cli::crd_manifest());
}

#[test]
fn rbac_manifest_is_up_to_date() {
    up_to_date("deploy/kustomize/rbac/operator.yaml", &rbac::manifests("flow-system", &[]));
}

#[test]
fn definition_is_small_enough_for_client_side_apply() {
    let size = serde_json::to_vec(&flow_crd::definition()).unwrap().len();
    assert!(size < 262_144 / 3, "{size} bytes");
}

/// Returns the traces of a private key in a file: as PEM text, and encoded in the manifest of a
/// Secret. The traces are assembled here, so that the test does not find this file.
fn traces_of_keys() -> Vec<String> {
    let encoded = |kind: &str| {
        let begin = ByteString(format!("-----BEGIN {kind}PRIVATE KEY").into_bytes());
        let text = serde_json::to_value(begin).unwrap().as_str().unwrap().to_owned();
        // The last characters depend on the text that follows.
        text[..text.len() - 4].to_owned()
    };
    let secrets = ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "].map(encoded);
    secrets.into_iter().chain(["PRIVATE KEY".to_owned() + "-----"]).collect()
}

#[test]
fn i18_no_private_key_is_in_the_repository() {
    let traces = traces_of_keys();
    let secret =
        flow_operator::setup::Authority::new(Timestamp(1_800_000_000_000_000), 1).pair().key;
    let manifest = serde_json::to_string(&ByteString(secret.clone().into_bytes())).unwrap();
    for key in [&secret, &manifest] {
        assert!(traces.iter().any(|trace| key.contains(trace.as_str())), "a key leaves a trace");
    }
    let listed =
        Command::new("git").args(["ls-files", "-z"]).current_dir(repository()).output().unwrap();
    assert!(
        listed.status.success(),
        "this looks at a clone: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files: Vec<_> = listed
        .split_terminator('\0')
        .map(|name| repository().join(name))
        .filter(|path| path.is_file())
        .collect();
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!traces.iter().any(|trace| text.contains(trace.as_str())), "{}", path.display());
    }
    assert!(files.len() > 300, "there are {} files to look at", files.len());
}
