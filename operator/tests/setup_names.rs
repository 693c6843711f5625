//! Invalid names on the command line of `flow-operator setup`, which are rejected without a
//! cluster.

use std::process::{Command, Output};

fn certificates(out: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-operator"));
    command
        .args(["setup", "certificates", "--out"])
        .arg(out)
        .args(arguments)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap()
}

#[test]
fn b11_invalid_names_are_not_signed_and_no_file_is_written_outside_of_out() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b/c");
    for arguments in [
        &["--party", "../../../escaped=x.org"][..],
        &["--party", "Hospital_B=b.org"],
        &["--party", "authority=b.org"],
        &["--party", "a=10.0.0.1"],
        &["-n", "../hub", "--hub"],
        &["--hub", "--hub-name", "https://hub.example.org:1234"],
        &["--hub", "--hub-name", ""],
        &["--hub", "--hub-name", "[::1]"],
        &["--hub", "--hub-name", "300.1.1.1"],
    ] {
        let output = certificates(&out, arguments);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{arguments:?}: {output:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{arguments:?}");
    }
    let output = certificates(
        &out,
        &[
            "--party",
            "hospital-a=a.org",
            "--hub",
            "--hub-name",
            "hub.example.org",
            "--hub-name",
            "2001:db8:0::1",
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let mut files: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["authority.yaml", "hospital-a.yaml", "hub.yaml"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("2001:db8::1"));
}
