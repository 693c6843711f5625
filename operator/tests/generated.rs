//! Manifests that are printed from code and checked in.

use std::path::Path;

use flow_operator::{cli, iflearnerjob, rbac};

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
fn the_definition_is_far_from_the_limit_of_client_side_apply() {
    let size = serde_json::to_vec(&iflearnerjob::crd()).unwrap().len();
    assert!(size < 262_144 / 3, "{size} bytes");
}

#[test]
fn i18_no_private_key_is_in_what_is_installed() {
    fn look(folder: &Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, seen);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                *seen += 1;
                assert!(!text.contains("PRIVATE KEY-----"), "{}", path.display());
            }
        }
    }
    let mut seen = 0;
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy"), &mut seen);
    assert!(seen > 1, "there are manifests to look at");
}
