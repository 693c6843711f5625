//! The agent's health listener under attack.

use std::time::Duration;

use flow_federate::health::{self, HealthPages};
use flow_federate::metrics::AgentMetrics;
use flow_testkit::{Holders, answer_time, sized};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Twice the default timeout of a kubelet's probe, because other tests run at the same time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a14_idle_connections_do_not_delay_a_probe() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (status_requests, _unanswered) = mpsc::channel(1);
    tokio::spawn(health::serve(
        listener,
        HealthPages {
            status_requests,
            metrics: AgentMetrics::default(),
            data_dir: folder.path().to_owned(),
            ca_file: None,
        },
    ));
    let _holders = Holders::start(address, sized(300, 1000), b"GET /livez HTTP/1.1\r\nX");
    for _ in 0..10 {
        answer_time(address, "/livez", PROBE_TIMEOUT).await;
    }
}
