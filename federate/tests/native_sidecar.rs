//! The sidecar as a container beside a workload: it only writes progress to its standard output.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use flow_domain::progress::Progress;
use flow_federate::runtime::ProgressSource;
use flow_federate::sidecar::native::ProgressTask;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn spawn(task: &ProgressTask) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-federate"));
    command
        .args(task.args())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    flow_testkit::spawn_tied(command).expect("a sidecar")
}

fn terminate(child: &Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("sent");
}

fn next(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Progress {
    serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("progress")
}

#[test]
fn metrics_are_written_line_by_line_including_the_last() {
    let outputs = tempfile::tempdir().expect("a directory");
    let task = ProgressTask {
        outputs: outputs.path().to_owned(),
        progress: ProgressSource::MetricsFile,
        port: None,
    };
    let mut sidecar = spawn(&task);
    let mut lines = BufReader::new(sidecar.stdout.take().expect("a pipe")).lines();
    let metrics = outputs.path().join("metrics.jsonl");
    std::fs::write(&metrics, "{\"epoch\": 1, \"loss\": 0.5}\n").expect("written");
    let first = next(&mut lines);
    assert_eq!((first.epoch, first.points.len()), (Some(1), 1));
    terminate(&sidecar);
    let more = "{\"epoch\": 2, \"loss\": 0.25}\n";
    // The line is read by the last poll or not at all; no point is written twice.
    std::fs::OpenOptions::new()
        .append(true)
        .open(&metrics)
        .expect("opened")
        .write_all(more.as_bytes())
        .expect("written");
    let rest: Vec<Progress> =
        lines.map(|line| serde_json::from_str(&line.expect("text")).expect("progress")).collect();
    let points: Vec<u64> =
        rest.iter().flat_map(|progress| &progress.points).map(|point| point.step).collect();
    assert!(points.is_empty() || points == [2], "{points:?}");
    assert!(sidecar.wait().expect("it ended").success());
}

#[test]
fn status_page_on_the_pods_loopback_reports_completion() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a caller");
            let _ = stream.read(&mut [0; 1024]);
            let page =
                r#"{"a": {"ready": true, "complete": true, "current_epoch": 3, "total_epoch": 3}}"#;
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
        }
    });
    let outputs = tempfile::tempdir().expect("a directory");
    let progress = ProgressSource::IflearnerStatus {
        port: "http".to_owned(),
        parties: vec!["a".parse().expect("a party")],
        final_epoch: 3,
        total_epoch: 3,
        trainers: 1,
    };
    let mut sidecar =
        spawn(&ProgressTask { outputs: outputs.path().to_owned(), progress, port: Some(port) });
    let mut lines = BufReader::new(sidecar.stdout.take().expect("a pipe")).lines();
    let progress = next(&mut lines);
    assert!(progress.complete && progress.epoch == Some(3), "{progress:?}");
    terminate(&sidecar);
    assert!(sidecar.wait().expect("it ended").success());
}

#[test]
fn invalid_task_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_flow-federate"))
        .args(["sidecar", "--progress", "{}"])
        .output()
        .expect("run");
    assert!(!output.status.success() && !output.stderr.is_empty());
}

#[test]
fn a1_sidecar_with_a_closed_output_fails_so_that_the_kubelet_restarts_it() {
    let outputs = tempfile::tempdir().expect("a directory");
    let task = ProgressTask {
        outputs: outputs.path().to_owned(),
        progress: ProgressSource::MetricsFile,
        port: None,
    };
    let mut sidecar = spawn(&task);
    drop(sidecar.stdout.take());
    let mut metrics =
        File::create(outputs.path().join("metrics.jsonl")).expect("the directory is writable");
    let mut epoch = 0;
    let ended =
        flow_testkit::wait_for_blocking("its end", std::time::Duration::from_secs(30), || {
            // Several lines: a child of another test has a copy of the pipe until its `exec`.
            epoch += 1;
            writeln!(metrics, "{{\"epoch\": {epoch}}}").expect("written");
            sidecar.try_wait().expect("the sidecar is a child process")
        });
    assert!(!ended.success());
}
