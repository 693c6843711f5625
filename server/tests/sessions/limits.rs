//! Limits of one agent's messages. A violation is refused with a message, and counted.

use flow_domain::id::{PartyId, RunId};
use flow_domain::member::MemberPhase;
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::{Hello, MemberProgress, MemberReport, MemberReports, ProgressBatch};
use flow_server::store::{Orphan, OrphanKey};
use http::StatusCode;

use crate::common::TestApp;
use crate::raw::{AgentListener, hello, orphan};

async fn counted(hub: &TestApp, limit: &str) -> bool {
    let text = hub.get("/metrics").await.expect(StatusCode::OK).text();
    text.contains(&format!("flow_session_limits_total{{limit=\"{limit}\"}} 1\n"))
}

#[tokio::test]
async fn unknown_live_members_are_limited_per_party() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let (party, run): (PartyId, RunId) =
        ("hospital-a".parse().expect("a name"), orphan("running").run_id.parse().expect("an id"));
    for attempt in 1..=1000 {
        let key = OrphanKey { party: party.clone(), run: run.clone(), attempt };
        let seen_at = hub.app.clock.now();
        let listed = Orphan {
            key,
            task: None,
            digest: None,
            phase: MemberPhase::Running,
            seen_at,
            decision: None,
        };
        assert!(hub.app.store.put_orphan(&listed, 1000).await.expect("the store writes"));
    }
    let mut agent = listener
        .dial("hospital-a", Hello { seen_incarnation: 77, seen_revision: 1, ..hello() })
        .await;
    agent.opened().await;
    // A listed orphan may be reported again.
    let members = [7, 1001].map(|attempt| MemberReport { attempt, ..orphan("running") }).to_vec();
    agent.send(ToHub::Members(MemberReports { members })).await;
    assert_eq!(agent.refused().await, "limit_exceeded");
    let page =
        hub.get("/api/v2/orphans?party=hospital-a&limit=200").await.expect(StatusCode::OK).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(200));
    assert!(counted(&hub, "orphans").await);
}

#[tokio::test]
async fn members_per_message_are_limited() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut agent = listener.open("hospital-a").await;
    agent
        .send(ToHub::Members(MemberReports { members: vec![MemberReport::default(); 10_001] }))
        .await;
    assert_eq!(agent.refused().await, "limit_exceeded");
    assert!(counted(&hub, "members").await);
    let mut agent = listener.open_as("hospital-a", &agent.instance).await;
    agent
        .send(ToHub::Progress(ProgressBatch { members: vec![MemberProgress::default(); 10_001] }))
        .await;
    assert_eq!(agent.refused().await, "limit_exceeded");
}

#[tokio::test]
async fn terminal_unknown_members_are_acknowledged_in_any_number() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut agent = listener.open("hospital-a").await;
    let members =
        (1..=2000).map(|sequence| MemberReport { sequence, ..orphan("succeeded") }).collect();
    agent.send(ToHub::Members(MemberReports { members })).await;
    assert!(agent.acked(2000).await.settled);
}
