//! The environment of a workload: exactly that of its request, and nothing of the agent.

use std::collections::BTreeMap;

use crate::support::Place;
use flow_federate::runtime::{DataSource, ImageSource, Runtime as _};
use flow_federate::sidecar::container::Containment;
use flow_federate::sidecar::rundir::dir_name;

#[tokio::test]
async fn l14_environment_is_exactly_that_of_the_request_and_home_and_work_folder_are_writable() {
    let place = Place::new();
    let mut agent = place.agent();
    let script = "cat /proc/self/environ | tr '\\0' '\\n' > \"$FED_OUTPUT_DIR/env\"; pwd > \"$FED_OUTPUT_DIR/pwd\"; \
                  echo mine > \"$HOME/kept\"; echo mine > kept";
    let mut launch = place.launch(script);
    launch.env.insert("FED_ROLE".to_owned(), "trainer".to_owned());
    launch.data = Some(DataSource::Directory("/data/of/the/party".into()));
    agent.start(&place, launch).await;
    assert_eq!(agent.exit().await.code, Some(0));
    let text = place.text("output/env");
    let seen: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let dir = place.dir();
    let path = |name: &str| dir.join(name).display().to_string();
    let (output, work, home, member) =
        (path("output"), path("work"), path("home"), dir.marker(&place.key));
    let wanted = BTreeMap::from([
        ("FED_DATA_DIR", "/data/of/the/party"),
        ("FED_MEMBER", member.as_str()),
        ("FED_OUTPUT_DIR", output.as_str()),
        ("FED_ROLE", "trainer"),
        ("FED_WORK_DIR", work.as_str()),
        ("HOME", home.as_str()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        // Set by the shell itself.
        ("PWD", work.as_str()),
    ]);
    let mut seen = seen;
    seen.retain(|key, _| !["OLDPWD", "SHLVL", "_"].contains(key));
    assert_eq!(seen, wanted);
    assert_eq!(place.text("output/pwd").trim(), work);
    assert_eq!((place.text("home/kept").trim(), place.text("work/kept").trim()), ("mine", "mine"));
}

#[tokio::test]
async fn workload_has_a_session_of_its_own_no_inherited_files_and_no_core_limit() {
    for way in [Containment::Cgroup, Containment::PidNamespace, Containment::Session] {
        let mut place = Place::new();
        place.config.containment = Some(way);
        let mut agent = place.agent();
        let script = "ls /proc/self/fd | wc -l > $FED_OUTPUT_DIR/fds; ulimit -c > $FED_OUTPUT_DIR/core; \
                      cut -d' ' -f1,5,6 /proc/self/stat > $FED_OUTPUT_DIR/ids; cat /proc/self/cgroup > $FED_OUTPUT_DIR/cgroup; grep NSpid /proc/self/status > $FED_OUTPUT_DIR/pids; \
                      grep SigBlk /proc/self/status > $FED_OUTPUT_DIR/signals";
        agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held");
        agent.runtime.ensure(place.launch(script)).await.expect("started");
        assert_eq!(agent.exit().await.code, Some(0), "{way:?}");
        // Input, output, errors, and the folder that `ls` reads.
        assert_eq!(place.text("output/fds").trim(), "4", "{way:?}");
        assert_eq!(place.text("output/core").trim(), "0", "{way:?}");
        let ids = place.text("output/ids");
        let ids: Vec<&str> = ids.split_whitespace().collect();
        assert_eq!(ids[1], ids[2], "{way:?}: the group of the session's leader");
        let own_group =
            place.text("output/cgroup").contains(&format!("/flow-{}", dir_name(&place.key)));
        assert_eq!(
            own_group,
            way == Containment::Cgroup,
            "{way:?}: {}",
            place.text("output/cgroup")
        );
        let namespaces = place.text("output/pids").split_whitespace().count() - 1;
        assert_eq!(namespaces, if way == Containment::PidNamespace { 2 } else { 1 }, "{way:?}");
        assert!(
            place.text("output/signals").trim().ends_with("0000000000000000"),
            "{way:?}: blocked signals"
        );
    }
}

/// The image has `/bin/sh`: the machine's own does not count.
fn give_shell(image: &std::path::Path) {
    std::fs::create_dir(image.join("bin")).expect("a directory");
    std::os::unix::fs::symlink("/bin/sh", image.join("bin/sh")).expect("a link");
}

#[tokio::test]
async fn allowed_image_does_not_allow_the_programs_of_the_machine() {
    let image = tempfile::tempdir().expect("an image");
    let place = Place::new();
    let mut agent = place.agent();
    let mut launch = place.launch("echo out > $FED_OUTPUT_DIR/out");
    launch.image = Some(ImageSource::Root(image.path().to_owned()));
    agent.start(&place, launch).await;
    let reason = agent.exit().await.reason.expect("a reason");
    assert_eq!(reason.code, flow_domain::member::ReasonCode::SpawnFailed, "{reason}");
    assert_eq!(place.text("output/out"), "");
}

#[tokio::test]
async fn working_directory_outside_of_the_image_fails_the_start() {
    let image = tempfile::tempdir().expect("an image");
    std::fs::create_dir(image.path().join("app")).expect("a directory in it");
    give_shell(image.path());
    for (wanted, good) in [("app", true), ("/app", true), ("missing", false), ("../app", false)] {
        let place = Place::new();
        let mut agent = place.agent();
        let mut launch = place.launch("pwd > $FED_OUTPUT_DIR/pwd");
        launch.image = Some(ImageSource::Root(image.path().to_owned()));
        launch.workdir = wanted.to_owned();
        agent.start(&place, launch).await;
        assert_eq!(agent.exit().await.code, good.then_some(0), "{wanted}");
        assert_eq!(place.text("output/pwd").trim().ends_with("/app"), good, "{wanted}");
    }
}
