//! The agent's clocks: the wall clock is set, or the agent does not run for a while.

use flow_common::clock::Clock as _;
use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_federate::runtime::WorkState;
use flow_federate::runtime::fake::Mode;

use crate::fake_hub::{FakeHub, TestAgent, desired_member, key, run_id};

const HOUR_S: i64 = 3_600;

#[tokio::test]
async fn a7_clock_set_back_does_not_delay_retries() {
    for seconds in [-2 * HOUR_S, 2 * HOUR_S, -240 * HOUR_S, 240 * HOUR_S] {
        let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
        agent.start(hub.connector());
        drop(hub.accept().await);
        agent.clock.set_by(seconds);
        let began = agent.clock.monotonic();
        agent.pass_time_until(1, hub.accept()).await;
        let waited = agent.clock.monotonic().since(began).as_secs();
        assert!(waited < 1_000, "{seconds}: {waited} s");
    }
}

#[tokio::test]
async fn a7_reports_and_progress_continue_after_the_clock_was_set_back() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    agent.clock.set_by(-2 * HOUR_S);
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    session.report(&run, MemberPhase::Starting).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    for epoch in 1..=3 {
        let progress = flow_domain::progress::Progress { epoch: Some(epoch), ..Default::default() };
        agent.runtime.progress(&key(&run, 1), progress);
        let reported = session.until(|body| {
            matches!(body, flow_proto::v1::agent_message::Body::Progress(batch) if batch.members.iter().any(|m| m.epoch == Some(epoch)))
        });
        agent.pass_time_until(1, reported).await;
    }
    let passed = agent.clock.now().0 - flow_common::clock::MockClock::default().now().0;
    assert!(passed < 0, "the wall clock has not caught up by the end: {passed} µs");
    agent.stop().await;
}

#[tokio::test]
async fn b6_agent_paused_for_longer_than_its_holds_contacts_its_hub_before_they_expire() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    drop(session);
    let stale = agent.pass_time_until(1, hub.accept()).await;
    agent.clock.pause(100_000);
    drop(stale);
    let mut session = loop {
        let mut session = agent.pass_time_until(1, hub.accept()).await;
        if session.is_greeted(1).await {
            break session;
        }
    };
    session.set(vec![desired_member(1, 1, 3, DesiredPhase::Running)]).await;
    session.report(&run, MemberPhase::Starting).await;
    assert_eq!(agent.runtime.starts().len(), 1);
    agent.stop().await;
}
