//! Progress of a workload while it runs, and the part of it that persists.

use crate::support::{Agent, LONG, Place};
use flow_domain::progress::Progress;
use flow_federate::runtime::{ProgressSource, Runtime as _, WorkState};

/// A page server in the workload: answers every request with the file `page` in its directory.
const SERVER: &str = r#"
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open(sys.argv[2], "rb").read() if self.path == "/v1/status" else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"#;

fn line(party: &str, complete: bool, current: u32, total: u32) -> String {
    format!(
        r#""{party}": {{"ready": true, "complete": {complete}, "current_epoch": {current}, "total_epoch": {total}}}"#
    )
}

async fn progress(agent: &mut Agent, wanted: impl Fn(&Progress) -> bool) -> Progress {
    flow_common::clock::timeout(LONG, async {
        loop {
            if let Some(progress) = agent.next().await.progress.filter(|progress| wanted(progress))
            {
                return progress;
            }
        }
    })
    .await
    .expect("such a progress in time")
}

#[tokio::test]
async fn status_page_is_followed_to_completion_and_another_runs_page_is_rejected() {
    let place = Place::new();
    let mut agent = place.agent();
    let ports = agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held").ports;
    let page = place.root.path().join("page");
    let write = |text: String| {
        std::fs::write(page.with_extension("new"), text).expect("written");
        std::fs::rename(page.with_extension("new"), &page).expect("in place");
    };
    // L12: complete, but of other parties.
    write(format!("{{{}, {}}}", line("party-x", true, 3, 3), line("party-y", true, 3, 3)));
    let mut launch = place.launch("");
    let python = std::env::split_paths(&std::env::var("PATH").expect("a PATH"))
        .map(|dir| dir.join("python3"))
        .find(|path| path.exists());
    let python = python.expect("python3 on the PATH").display().to_string();
    launch.argv = vec![
        python,
        "-c".to_owned(),
        SERVER.to_owned(),
        ports["http"].to_string(),
        page.display().to_string(),
    ];
    launch.env.insert("PATH".to_owned(), std::env::var("PATH").expect("a PATH"));
    launch.progress = ProgressSource::IflearnerStatus {
        port: "http".to_owned(),
        parties: ["party-a", "party-b"].map(|name| name.parse().expect("a name")).to_vec(),
        final_epoch: 3,
        total_epoch: 3,
        trainers: 2,
    };
    agent.runtime.ensure(launch).await.expect("started");
    agent.until(|state| *state == WorkState::Running).await;
    // The page has been read when its next change is reported: that change must be the first
    // observation.
    let url = format!("127.0.0.1:{}", ports["http"]);
    flow_testkit::wait_for("the page", LONG, async || std::net::TcpStream::connect(&url).is_ok())
        .await;
    let early =
        flow_common::clock::timeout(std::time::Duration::from_millis(2200), agent.next()).await;
    assert!(early.is_err_and(|_| true), "a page of strangers was believed");
    write(format!("{{{}, {}}}", line("party-a", false, 2, 3), line("party-b", true, 3, 3)));
    let seen = progress(&mut agent, |_| true).await;
    assert_eq!((seen.epoch, seen.epochs, seen.complete), (Some(2), Some(3), false));
    assert!(seen.parties["party-b"].complete);
    write(format!("{{{}, {}}}", line("party-a", true, 3, 3), line("party-b", true, 3, 3)));
    assert!(progress(&mut agent, |seen| seen.complete).await.complete);
    // Completion persists: a new agent gets it, and the end contains it.
    drop(agent);
    let mut agent = place.agent();
    assert!(progress(&mut agent, |seen| seen.complete).await.complete);
    agent.runtime.stop(place.key.clone(), 5).await.expect("placed");
    agent.exit().await;
    drop(agent);
    let mut agent = place.agent();
    let last = agent.next().await;
    assert!(
        matches!(last.state, WorkState::Exited(_))
            && last.progress.is_some_and(|seen| seen.complete)
    );
}

#[tokio::test]
async fn metrics_of_a_workload_become_points_including_the_last_ones() {
    let place = Place::new();
    let mut agent = place.agent();
    let script = r#"
        m="$FED_OUTPUT_DIR/metrics.jsonl"
        echo '{"event": "local", "epoch": 1, "epochs": 2, "acc": 0.5, "time": 1.5}' >> "$m"
        echo 'rubbish' >> "$m"
        sleep 1.5
        echo '{"event": "local", "epoch": 2, "epochs": 2, "acc": 0.75}' >> "$m"
    "#;
    agent.start(&place, place.launch(script)).await;
    let mut points = Vec::new();
    let last = loop {
        let seen = agent.next().await;
        points.extend(seen.progress.iter().flat_map(|progress| progress.points.clone()));
        if matches!(seen.state, WorkState::Exited(_)) {
            break seen.progress.expect("sent with the end");
        }
    };
    assert_eq!((last.epoch, last.epochs), (Some(2), Some(2)));
    assert_eq!(last.metrics["local/acc"], "0.75");
    let sent: Vec<_> = points
        .iter()
        .map(|point| (point.series.as_str(), point.step, point.value.as_str()))
        .collect();
    assert_eq!(sent, [("local/acc", 1, "0.5"), ("local/acc", 2, "0.75")]);
}

#[tokio::test]
async fn points_written_without_an_agent_arrive_with_the_end() {
    let place = Place::new();
    let mut agent = place.agent();
    let script = r#"
        until [ -e "$FED_OUTPUT_DIR/go" ]; do sleep 0.05; done
        echo '{"epoch": 1, "acc": 0.5}' >> "$FED_OUTPUT_DIR/metrics.jsonl"
    "#;
    agent.start(&place, place.launch(script)).await;
    agent.until(|state| *state == WorkState::Running).await;
    drop(agent);
    std::fs::write(place.dir().join("output").join("go"), "").expect("written");
    flow_testkit::wait_for("the end", LONG, async || place.dir().has("exit")).await;
    let last = place.agent().next().await;
    assert!(matches!(last.state, WorkState::Exited(_)), "{last:?}");
    let points: Vec<_> = last
        .progress
        .into_iter()
        .flat_map(|progress| progress.points)
        .map(|point| (point.step, point.value))
        .collect();
    assert_eq!(points, [(1, "0.5".to_owned())]);
}
