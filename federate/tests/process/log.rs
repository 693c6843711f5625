//! A workload's output: bounded on disk, readable while it is written, and never a reason to fail.

use std::path::Path;
use std::process::Command;

use crate::support::{Agent, LONG, Place, shell};
use bytes::Bytes;
use flow_federate::runtime::{LogRequest, Runtime as _, WorkState};
use flow_testkit::wait_for;
use futures::StreamExt as _;

async fn read(agent: &Agent, place: &Place, tail_lines: Option<u64>, follow: bool) -> String {
    let stream = agent
        .runtime
        .logs(place.key.clone(), LogRequest { tail_lines, follow })
        .await
        .expect("a log");
    let parts: Vec<Bytes> =
        flow_common::clock::timeout(LONG, stream.map(|part| part.expect("read")).collect())
            .await
            .expect("an end");
    assert!(parts.iter().all(|part| part.len() <= 64 << 10));
    String::from_utf8(parts.concat()).expect("text")
}

fn kept(place: &Place) -> u64 {
    let files = std::fs::read_dir(place.dir().join("log")).expect("a log folder").flatten();
    files.map(|file| file.metadata().expect("metadata").len()).sum()
}

#[tokio::test]
async fn log_contains_both_streams_in_order_and_can_be_read_from_its_end() {
    let place = Place::new();
    let mut agent = place.agent();
    agent.start(&place, place.launch("echo one; echo two >&2; echo three; printf 'no end'")).await;
    agent.exit().await;
    assert_eq!(read(&agent, &place, None, false).await, "one\ntwo\nthree\nno end");
    for (lines, text) in [
        (0, ""),
        (1, "no end"),
        (2, "three\nno end"),
        (4, "one\ntwo\nthree\nno end"),
        (99, "one\ntwo\nthree\nno end"),
    ] {
        assert_eq!(read(&agent, &place, Some(lines), true).await, text, "{lines} lines");
    }
}

#[tokio::test]
async fn followed_log_shows_new_output_and_ends_with_the_workload() {
    let place = Place::new();
    let mut agent = place.agent();
    let gate = place.root.path().join("gate");
    let script =
        format!("echo before; while [ ! -e {} ]; do sleep 0.02; done; echo after", gate.display());
    agent.runtime.hold(place.hold(&[])).await.expect("held");
    let request = LogRequest { tail_lines: None, follow: true };
    let mut stream = agent
        .runtime
        .logs(place.key.clone(), request)
        .await
        .expect("followed before there is anything");
    agent.runtime.ensure(place.launch(&script)).await.expect("started");
    let first = flow_common::clock::timeout(LONG, stream.next())
        .await
        .expect("in time")
        .expect("more")
        .expect("read");
    assert_eq!(&first[..], b"before\n");
    std::fs::write(&gate, "").expect("opened");
    let rest: Vec<Bytes> =
        flow_common::clock::timeout(LONG, stream.map(|part| part.expect("read")).collect())
            .await
            .expect("an end");
    assert_eq!(rest.concat(), b"after\n");
    agent.exit().await;
}

#[tokio::test]
async fn l16_gigabyte_of_output_neither_blocks_the_workload_nor_fills_the_disk() {
    let place = Place::new();
    let mut agent = place.agent();
    let mut launch = place.launch("yes 0123456789abcdef | head -c 1000000000; echo; echo last");
    launch.log_limit_bytes = 4 << 20;
    agent.start(&place, launch).await;
    assert_eq!(agent.exit().await.code, Some(0));
    let size = kept(&place);
    assert!((3 << 20..=4 << 20).contains(&size), "{size} bytes kept");
    assert_eq!(read(&agent, &place, Some(1), false).await, "last\n");
    // b15: a beginning that was cut is marked, also when fewer lines are kept than were asked for.
    for tail in [None, Some(1 << 40)] {
        let whole = read(&agent, &place, tail, false).await;
        let (first, rest) = whole.split_once('\n').expect("lines");
        assert_eq!(
            first,
            format!(
                "[{} bytes of log before this line were rotated away]",
                1_000_000_006 - rest.len()
            )
        );
    }
}

#[tokio::test]
async fn reader_overtaken_by_the_rotation_gets_the_number_of_missed_bytes() {
    let place = Place::new();
    let mut agent = place.agent();
    let gate = place.root.path().join("gate");
    let script = format!(
        "echo first; while [ ! -e {} ]; do sleep 0.02; done; yes | head -c 3000000",
        gate.display()
    );
    let mut launch = place.launch(&script);
    launch.log_limit_bytes = 64 << 10;
    agent.start(&place, launch).await;
    let mut stream = agent
        .runtime
        .logs(place.key.clone(), LogRequest { tail_lines: None, follow: true })
        .await
        .expect("a log");
    assert_eq!(&stream.next().await.expect("more").expect("read")[..], b"first\n");
    std::fs::write(&gate, "").expect("opened");
    agent.exit().await;
    let rest: Vec<Bytes> = stream.map(|part| part.expect("read")).collect().await;
    let rest = String::from_utf8(rest.concat()).expect("text");
    let note = rest
        .lines()
        .find_map(|line| line.strip_prefix('[')?.split(' ').next()?.parse::<usize>().ok())
        .expect("a note");
    let read: usize = rest.matches("y\n").count() * 2;
    assert!(
        note > 0 && (3_000_000 - 4..=3_000_000 + 4).contains(&(note + read)),
        "{note} missed, {read} read"
    );
}

/// A small file system of its own, unmounted at the end. Needs root: a test that cannot mount fails.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().to_str().expect("text").to_owned();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none", &path])
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "this test needs the right to mount a tmpfs: run it as root"
        );
        Self(folder)
    }

    fn fill(&self) {
        shell(
            "! cat /dev/zero > \"$1/filler\" 2>/dev/null",
            &[self.0.path().to_str().expect("text")],
        );
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy: a sidecar of a failed test may still stand in it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn full_disk_loses_output_but_neither_the_workload_nor_its_exit() {
    let disk = SmallDisk::new("2m");
    let mut place = Place::new();
    place.config.data_root = disk.path().to_owned();
    let gate = place.root.path().join("gate");
    let mut agent = place.agent();
    let script = format!(
        "echo before; while [ ! -e {} ]; do sleep 0.02; done; yes | head -c 5000000; exit 5",
        gate.display()
    );
    let mut launch = place.launch(&script);
    launch.log_limit_bytes = 64 << 20;
    agent.start(&place, launch).await;
    agent.until(|state| *state == WorkState::Running).await;
    let log = disk
        .path()
        .join("runs")
        .join(flow_federate::sidecar::rundir::dir_name(&place.key))
        .join("log");
    wait_for("the first output", LONG, async || log.exists()).await;
    disk.fill();
    std::fs::write(&gate, "").expect("opened");
    assert_eq!(agent.exit().await.code, Some(5));
    drop(agent);
    let mut next = place.agent();
    assert_eq!(next.exit().await.code, Some(5), "and the exit is durable");
}

#[tokio::test]
async fn full_disk_rejects_a_hold_with_the_reason() {
    let disk = SmallDisk::new("1m");
    let mut place = Place::new();
    place.config.data_root = disk.path().to_owned();
    let agent = place.agent();
    disk.fill();
    let refused = agent.runtime.hold(place.hold(&["grpc"])).await.expect_err("no space");
    assert!(refused.to_string().contains("agent_disk_full"), "{refused}");
    std::fs::remove_file(disk.path().join("filler")).expect("space again");
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
}

#[tokio::test]
async fn log_of_a_forgotten_member_is_readable_and_that_of_a_removed_one_is_not() {
    let place = Place::new();
    let mut agent = place.agent();
    agent.start(&place, place.launch("echo said")).await;
    agent.exit().await;
    agent.runtime.forget(place.key.clone()).await.expect("forgotten");
    assert_eq!(read(&agent, &place, None, true).await, "said\n");
    agent.runtime.remove(&place.key).await.expect("removed");
    let request = LogRequest { tail_lines: None, follow: false };
    assert!(agent.runtime.logs(place.key.clone(), request).await.is_err());
}

#[tokio::test]
async fn a13_log_file_named_with_a_huge_number_breaks_no_reader() {
    let place = Place::new();
    let mut agent = place.agent();
    let script = "echo first; cd \"$FED_OUTPUT_DIR/../log\"; for n in 18446744073709551614 18446744073709551615 99999999999999999999; do \
                  echo x > $n.log; done; truncate -s 8T 00000000000000000006.log; echo second";
    agent.start(&place, place.launch(script)).await;
    agent.exit().await;
    for tail in [None, Some(0), Some(1), Some(99)] {
        let request = LogRequest { tail_lines: tail, follow: false };
        let mut stream = agent.runtime.logs(place.key.clone(), request).await.expect("a log");
        // A hole of terabytes has no end that is worth waiting for.
        let first = flow_common::clock::timeout(LONG, stream.next()).await.expect("in time");
        assert!(first.is_none_or(|chunk| chunk.is_ok()), "{tail:?}");
    }
}
