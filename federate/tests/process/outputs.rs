//! The outputs of a workload as files that may leave the party.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;

use crate::support::Place;
use flow_domain::id::Digest;
use flow_domain::member::ReasonCode;
use flow_domain::output::{FILES_MAX, OutputPath};
use flow_federate::outputs::OutputDir;
use flow_federate::runtime::process::ProcessConfig;
use flow_federate::runtime::{Origin, Runtime as _, RuntimeError};

/// Runs a script to its end and returns its outputs.
async fn outputs_of(place: &Place, script: &str) -> OutputDir {
    let mut agent = place.agent();
    let origin = Origin {
        image: "x:1".to_owned(),
        dataset: Some("digits".parse().expect("a name")),
        run_name: "digits/3".to_owned(),
    };
    let mut launch = place.launch(script);
    launch.origin = Some(origin.clone());
    agent.start(place, launch).await;
    assert_eq!(agent.exit().await.code, Some(0));
    agent.runtime.forget(place.key.clone()).await.expect("forgotten");
    let outputs = agent.runtime.outputs(place.key.clone()).await.expect("outputs");
    assert_eq!(outputs.origin, Some(origin), "the names of the spec outlive the member");
    outputs
}

fn path(text: &str) -> OutputPath {
    text.parse().expect("a path")
}

fn listed(outputs: &OutputDir) -> Vec<String> {
    outputs.list().expect("a list").files.into_iter().map(|file| file.path.to_string()).collect()
}

#[tokio::test]
async fn u6_outputs_are_listed_by_path_size_and_digest() {
    let place = Place::new();
    let script = "cd \"$FED_OUTPUT_DIR\"; mkdir -p a/b; printf model > model.npz; printf x > a/b/c; : > empty";
    let outputs = outputs_of(&place, script).await;
    let mut listing = outputs.list().expect("a list");
    let found: Vec<_> = listing.files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    assert_eq!(found, [("a/b/c", 1), ("empty", 0), ("model.npz", 5)]);
    assert!(listing.files.iter().all(|file| file.sha256.is_none()) && listing.left_out == 0);
    outputs.complete(&mut listing, || false);
    let digests: Vec<_> = listing.files.iter().map(|file| file.sha256.clone()).collect();
    assert_eq!(digests, [b"x".as_slice(), b"", b"model"].map(|bytes| Some(Digest::of(bytes))));
    assert_eq!(outputs.list().expect("a list"), listing, "digests are kept");

    // A write, even with the old size and time, makes a digest invalid.
    let file = place.dir().join("output/model.npz");
    let before = file.metadata().expect("a file").modified().expect("a time");
    fs::write(&file, "MODEL").expect("written");
    let times = fs::File::options().write(true).open(&file).expect("opened");
    times.set_modified(before).expect("set");
    let open = outputs.open(&path("model.npz")).expect("opened");
    assert_eq!(open.output.sha256, None);
    fs::write(&file, "other").expect("written");
    assert_eq!(
        outputs.hash(&open, || false).expect("read"),
        None,
        "it changed since it was opened"
    );

    // A damaged file of digests costs only their computation.
    fs::write(place.dir().join("digests.json"), "{").expect("written");
    assert!(outputs.list().expect("a list").files.iter().all(|file| file.sha256.is_none()));
}

#[tokio::test]
async fn u6_links_pipes_and_unprintable_names_do_not_leave_the_output_directory() {
    let place = Place::new();
    let secret = place.root.path().join("secret");
    fs::write(&secret, "secret").expect("written");
    let script = format!(
        "cd \"$FED_OUTPUT_DIR\"; printf good > good; ln -s {0} link; ln -s {1} dir; mkfifo pipe; ln -s / root; \
         : > \"$(printf 'bell\\a')\"; mkdir sub; ln -s ../.. sub/up; ln -s good inside",
        secret.display(),
        place.root.path().display()
    );
    let outputs = outputs_of(&place, &script).await;
    let listing = outputs.list().expect("a list");
    assert_eq!(listed(&outputs), ["good"]);
    assert_eq!(listing.left_out, 7);
    for name in [
        "link",
        "dir",
        "dir/secret",
        "pipe",
        "root/etc/passwd",
        "sub/up/hold.json",
        "sub",
        "inside",
        "good/x",
        "nothing",
    ] {
        let refused = outputs.open(&path(name)).expect_err(name);
        assert_eq!(refused.kind(), io::ErrorKind::NotFound, "{name}");
    }
    assert!(outputs.open(&path("good")).is_ok());

    // Also if the directory itself is replaced by a link.
    let folder = place.dir().join("output");
    fs::rename(&folder, place.dir().join("moved")).expect("renamed");
    symlink(place.root.path(), &folder).expect("linked");
    assert!(outputs.list().is_err() && outputs.open(&path("secret")).is_err());
}

#[tokio::test]
async fn u6_list_of_many_files_is_bounded() {
    let place = Place::new();
    let script = format!(
        "cd \"$FED_OUTPUT_DIR\"; for n in $(seq -w 0 {}); do : > f$n; done; \
         d=d; for n in $(seq 1 20); do mkdir $d; : > $d/f; d=$d/d; done",
        FILES_MAX + 49
    );
    let listing = outputs_of(&place, &script).await.list().expect("a list");
    assert_eq!(listing.files.len(), FILES_MAX);
    assert!(listing.left_out >= 50, "{}", listing.left_out);
    assert!(listing.files.is_sorted_by_key(|file| file.path.clone()));
    assert_eq!(listing.files[0].path.parts().count(), 16, "the deepest possible path");
}

#[tokio::test]
async fn u6_member_without_outputs_has_none_to_read() {
    let place = Place::new();
    let agent = place.agent();
    let refused = agent.runtime.outputs(place.key.clone()).await;
    assert!(matches!(refused, Err(RuntimeError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn u6_reservation_needs_free_space() {
    let mut place = Place::new();
    place.config = ProcessConfig { min_free_bytes: u64::MAX, ..place.config.clone() };
    let agent = place.agent();
    let Err(RuntimeError::Refused(reason)) = agent.runtime.hold(place.hold(&[])).await else {
        panic!("a reservation without free space")
    };
    assert_eq!(reason.code, ReasonCode::AgentDiskFull);
    assert!(
        reason.message.contains("MiB free, and a reservation needs 17592186044415 MiB")
            && !reason.message.contains(place.root.path().to_str().expect("text")),
        "{}",
        reason.message
    );
    assert!(!place.dir().path().exists(), "a refused reservation leaves no files");
}
