//! Limits against a broken or hostile hub, and the agent's state and progress after the hub was
//! killed or restored.

use std::collections::BTreeSet;

use flow_common::clock::{Clock as _, SystemClock};
use flow_domain::id::RunId;
use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_domain::policy::Allow;
use flow_domain::progress::{Point, Progress};
use flow_federate::reconcile::MEMBERS_MAX;
use flow_federate::runtime::WorkState;
use flow_federate::runtime::fake::Mode;
use flow_proto::v1::agent_message::Body as FromAgent;
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{DesiredMember, LogOpen, LogRefused, SnapshotBegin, Welcome};
use sqlx::Connection as _;

use crate::fake_hub::{self, FakeHub, Session, TestAgent, desired_member, key, run_id};

/// Brings run `n` to `Running`.
async fn running(session: &mut Session, agent: &TestAgent, n: u8) -> RunId {
    let run = run_id(n);
    session.assign(desired_member(n, 1, 2, DesiredPhase::Reserved)).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(n, 1, 3, DesiredPhase::Running)).await;
    session.report(&run, MemberPhase::Starting).await;
    agent
        .wait_for("the launch", || {
            agent.runtime.starts().iter().any(|launch| launch.key.run == run)
        })
        .await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    run
}

/// Accepts the next session after a broken one. Time passes: the agent waits before it reconnects.
async fn next_session(hub: &mut FakeHub, agent: &TestAgent) -> Session {
    agent.pass_time_until(1, hub.accept()).await
}

async fn count(agent: &TestAgent, table: &str) -> i64 {
    let path = agent.data_dir().join("journal.db");
    let mut journal = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
        .fetch_one(&mut journal)
        .await
        .unwrap()
}

#[tokio::test]
async fn members_beyond_the_limit_of_an_agent_are_rejected_with_a_reason() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let id = |n: usize| format!("{n:032x}");
    let all = (0..MEMBERS_MAX + 44).map(|n| DesiredMember {
        run_id: id(n),
        task_id: id(n),
        ..desired_member(1, 1, 2, DesiredPhase::Reserved)
    });
    let mut session = hub.open(all.collect()).await;
    let (mut reserved, mut refused) = (0, Vec::new());
    while reserved + refused.len() < MEMBERS_MAX + 44 {
        let FromAgent::Report(report) = session.recv().await else { continue };
        match report.phase.as_str() {
            "reserved" => reserved += 1,
            "refused" => refused.push(report),
            _ => {}
        }
    }
    assert_eq!((reserved, refused.len()), (MEMBERS_MAX, 44));
    for report in &refused {
        let reason = report.reason.as_ref().unwrap();
        assert!(
            reason.code == "resources_exhausted" && reason.message.contains("256 members"),
            "{reason:?}"
        );
    }
    assert_eq!(count(&agent, "members").await, 256, "no refused member is stored");

    // When one member has settled, the agent accepts a member that it refused before.
    let stop = DesiredMember {
        generation: 3,
        desired: "stopped".to_owned(),
        ..desired_member(1, 1, 3, DesiredPhase::Stopped)
    };
    session.assign(stop).await;
    let stopped = session.report(&run_id(1), MemberPhase::Stopped).await;
    session.settle(&stopped).await;
    let again: RunId = refused[0].run_id.parse().unwrap();
    let next = DesiredMember {
        run_id: again.to_string(),
        task_id: again.to_string(),
        ..desired_member(1, 1, 2, DesiredPhase::Reserved)
    };
    session.assign(next).await;
    session.report(&again, MemberPhase::Reserved).await;
}

#[tokio::test]
async fn a8_revision_that_no_hub_reaches_is_ignored() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    // Revisions follow the hub's clock, in microseconds.
    let now = u64::try_from(SystemClock.now().0).unwrap();
    for revision in [now, u64::MAX] {
        let begin = SnapshotBegin { revision, ..SnapshotBegin::default() };
        session.send(ToAgent::SnapshotBegin(begin)).await;
    }
    let desired = desired_member(1, 1, 2, DesiredPhase::Reserved);
    session.assign(DesiredMember { revision: 1 << 60, ..desired }).await;
    session.report(&run_id(1), MemberPhase::Reserved).await;
    drop(session);
    let mut session = next_session(&mut hub, &agent).await;
    assert_eq!(session.hello().await.seen_revision, now);
}

#[tokio::test]
async fn a8_stops_of_unknown_runs_are_answered_and_leave_no_journal_entry() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    for (round, desired) in [DesiredPhase::Running, DesiredPhase::Stopped].into_iter().enumerate() {
        let ids: Vec<String> =
            (0..MEMBERS_MAX + 44).map(|n| format!("{:032x}", 1000 * (round + 1) + n)).collect();
        for id in &ids {
            session
                .assign(DesiredMember {
                    run_id: id.clone(),
                    task_id: id.clone(),
                    ..desired_member(1, 1, 3, desired)
                })
                .await;
        }
        let mut unanswered: BTreeSet<String> = ids.into_iter().collect();
        while !unanswered.is_empty() {
            let FromAgent::Report(report) = session.recv().await else { continue };
            assert_eq!(
                (report.phase.as_str(), report.reason.as_ref().unwrap().code.as_str()),
                ("failed", "agent_state_lost")
            );
            session.settle(&report).await;
            unanswered.remove(&report.run_id);
        }
    }
    // This report follows the last acknowledgement by one round trip.
    session.assign(desired_member(1, 1, 2, DesiredPhase::Reserved)).await;
    session.report(&run_id(1), MemberPhase::Reserved).await;
    assert_eq!(count(&agent, "members").await, 1, "only the member that is held");
    assert_eq!(agent.runtime.stops(), []);
    assert_eq!(agent.runtime.starts(), []);
}

#[tokio::test]
async fn a11_welcome_for_another_party_or_protocol_ends_the_session() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.accept().await;
    for (party, protocol) in [("b", 1), ("a", 99)] {
        session.hello().await;
        session
            .send(ToAgent::Welcome(Welcome {
                protocol,
                party: party.to_owned(),
                ..Welcome::default()
            }))
            .await;
        session = next_session(&mut hub, &agent).await;
    }
    session.hello().await;
    session.welcome(1, false).await;
    session.until(|body| matches!(body, FromAgent::SnapshotEnd(_))).await;
}

#[tokio::test]
async fn a5_spec_with_a_variable_that_the_party_does_not_list_is_refused_with_its_name() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let mut spec = fake_hub::sealed("a").spec;
    spec.env.insert("BROWSER".to_owned(), "/bin/sh -c id %s".to_owned());
    let spec = flow_domain::spec::seal(spec).unwrap();
    let with_env = |n| DesiredMember {
        spec: spec.bytes.clone(),
        spec_digest: spec.digest.to_string(),
        ..desired_member(n, 1, 2, DesiredPhase::Reserved)
    };
    agent.start(hub.connector());
    let mut session = hub.open(vec![with_env(1)]).await;
    let reason = session.report(&run_id(1), MemberPhase::Refused).await.reason.unwrap();
    assert!(reason.code == "policy_denied" && reason.message.contains("BROWSER"), "{reason:?}");
    agent.change_offer(|offer| {
        offer.images.get_mut(fake_hub::IMAGE).unwrap().env.insert("BROWSER".to_owned());
    });
    // The inventory does not contain the list; it shows that the agent has applied the new policy.
    session.until(|body| matches!(body, FromAgent::Inventory(_))).await;
    session.assign(with_env(2)).await;
    session.report(&run_id(2), MemberPhase::Reserved).await;
}

#[tokio::test]
async fn journal_stores_only_specs_that_may_be_started() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let allow = |allow| {
        move |offer: &mut flow_federate::admission::PartyPolicy| {
            offer.images.get_mut(fake_hub::IMAGE).unwrap().allow = allow
        }
    };
    agent.change_offer(allow(Allow::No));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    session.assign(desired_member(1, 1, 2, DesiredPhase::Reserved)).await;
    let refused = session.report(&run_id(1), MemberPhase::Refused).await;
    assert_eq!((count(&agent, "members").await, count(&agent, "specs").await), (1, 0));
    session.settle(&refused).await;

    agent.change_offer(allow(Allow::Yes));
    session.until(|body| matches!(body, FromAgent::Inventory(_))).await;
    session.assign(desired_member(2, 1, 2, DesiredPhase::Reserved)).await;
    session.report(&run_id(2), MemberPhase::Reserved).await;
    assert_eq!(
        (count(&agent, "members").await, count(&agent, "specs").await),
        (1, 1),
        "a refusal leaves nothing"
    );
    session.assign(desired_member(2, 1, 3, DesiredPhase::Stopped)).await;
    let stopped = session.report(&run_id(2), MemberPhase::Stopped).await;
    session.settle(&stopped).await;
    flow_testkit::wait_for("the spec to be deleted", fake_hub::PATIENCE, async || {
        count(&agent, "specs").await == 0
    })
    .await;
    // The hub sends the same spec again; the journal keeps it through a crash.
    session.assign(desired_member(3, 1, 2, DesiredPhase::Reserved)).await;
    session.report(&run_id(3), MemberPhase::Reserved).await;
    agent.kill().await;
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(3, 1, 3, DesiredPhase::Running)]).await;
    session.report(&run_id(3), MemberPhase::Starting).await;
    agent.wait_for("the launch", || agent.runtime.starts().len() == 1).await;
}

#[tokio::test]
async fn hub_restored_and_killed_before_it_stored_an_orphan_does_not_adopt_it() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    let run = running(&mut session, &agent, 1).await;
    drop(session);

    // A restored hub sends Welcome and disconnects before it has processed the agent's members.
    let mut session = next_session(&mut hub, &agent).await;
    assert_eq!(session.hello().await.seen_incarnation, 1);
    session.welcome(2, false).await;
    session.until(|body| matches!(body, FromAgent::SnapshotEnd(_))).await;
    drop(session);
    let mut session = next_session(&mut hub, &agent).await;
    assert_eq!(
        session.hello().await.seen_incarnation,
        1,
        "no hub of the new incarnation has sent the member"
    );

    // A new agent process on the same journal reports the same incarnation.
    session.welcome(2, false).await;
    session.until(|body| matches!(body, FromAgent::SnapshotEnd(_))).await;
    agent.stop().await;
    drop(session);
    agent.start(hub.connector());
    let mut session = hub.accept().await;
    assert_eq!(session.hello().await.seen_incarnation, 1);
    // The backup contains the run: the hub sends its desired member.
    session.welcome(2, false).await;
    session
        .set(vec![
            desired_member(1, 1, 3, DesiredPhase::Running),
            desired_member(2, 1, 2, DesiredPhase::Reserved),
        ])
        .await;
    session.report(&run_id(2), MemberPhase::Reserved).await;
    agent.kill().await;
    drop(session);
    agent.start(hub.connector());
    let mut session = hub.accept().await;
    assert_eq!(session.hello().await.seen_incarnation, 2);
    assert_eq!(agent.runtime.state(&key(&run, 1)), WorkState::Running);
    assert_eq!(agent.runtime.starts().len(), 1);
}

fn measured(steps: std::ops::RangeInclusive<u64>) -> Progress {
    let point = |step| Point { series: "loss".to_owned(), step, value: format!("{step}.5") };
    Progress {
        epoch: u32::try_from(*steps.end()).ok(),
        points: steps.map(point).collect(),
        ..Progress::default()
    }
}

/// Returns the progress received in this session: the last epoch, and the steps of all points in
/// order.
fn sent_points(session: &Session) -> (Option<u32>, Vec<u64>) {
    let batches = session.received.iter().filter_map(|body| match body {
        FromAgent::Progress(batch) => Some(batch),
        _ => None,
    });
    let members: Vec<_> = batches.flat_map(|batch| &batch.members).collect();
    (
        members.last().and_then(|m| m.epoch),
        members.iter().flat_map(|m| &m.points).map(|point| point.step).collect(),
    )
}

#[tokio::test]
async fn progress_that_a_killed_hub_may_have_lost_is_repeated_first() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    let run = running(&mut session, &agent, 1).await;
    agent.runtime.progress(&key(&run, 1), measured(1..=3));
    session.until(|body| matches!(body, FromAgent::Progress(_))).await;
    drop(session);
    agent.runtime.progress(&key(&run, 1), measured(4..=5));

    let end_of_set = |body: &FromAgent| matches!(body, FromAgent::SnapshotEnd(_));
    let mut session = next_session(&mut hub, &agent).await;
    session.hello().await;
    session.welcome(1, false).await;
    let first = session.recv().await;
    assert!(matches!(first, FromAgent::Progress(_)), "{first:?}");
    session.until(end_of_set).await;
    assert_eq!(sent_points(&session), (Some(5), vec![1, 2, 3, 4, 5]));
    drop(session);

    // The workload ends while no session is open. The agent sends its progress before its end,
    // because the hub accepts no progress of an ended member.
    agent.runtime.progress(&key(&run, 1), measured(6..=6));
    agent.runtime.exit(&key(&run, 1), 0);
    let mut session = next_session(&mut hub, &agent).await;
    session.hello().await;
    session.welcome(1, false).await;
    session.until(|body| matches!(body, FromAgent::Members(_))).await;
    assert_eq!(sent_points(&session), (Some(6), vec![1, 2, 3, 4, 5, 6]));
    let ended = session.members()[0].clone();
    assert_eq!(ended.phase, "succeeded");
    session.settle(&ended).await;
    agent
        .wait_for("the runtime to forget the workload", || {
            agent.runtime.is_forgotten(&key(&run, 1))
        })
        .await;
    drop(session);

    // The hub has settled the member: the agent sends no progress.
    let mut session = next_session(&mut hub, &agent).await;
    session.hello().await;
    session.welcome(1, false).await;
    session.until(end_of_set).await;
    assert_eq!(sent_points(&session), (None, vec![]));
}

#[tokio::test]
async fn repeated_progress_is_bounded() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    let run = running(&mut session, &agent, 1).await;
    agent.runtime.progress(&key(&run, 1), measured(1..=1000));
    session.until(|body| matches!(body, FromAgent::Progress(_))).await;
    assert_eq!(sent_points(&session).1.len(), 1000);
    drop(session);
    let mut session = next_session(&mut hub, &agent).await;
    session.hello().await;
    session.welcome(1, false).await;
    session.until(|body| matches!(body, FromAgent::SnapshotEnd(_))).await;
    assert_eq!(sent_points(&session).1, (745..=1000).collect::<Vec<_>>());
}

fn open_log(stream_id: u64, run: &RunId) -> ToAgent {
    ToAgent::LogOpen(LogOpen {
        stream_id,
        run_id: run.to_string(),
        attempt: 0,
        tail_lines: None,
        follow: false,
    })
}

/// Waits for a refused log. Returns stream, code and message.
async fn refusal(session: &mut Session) -> (u64, String, String) {
    let FromAgent::LogRefused(LogRefused { stream_id, reason }) =
        session.until(|body| matches!(body, FromAgent::LogRefused(_))).await
    else {
        unreachable!()
    };
    let reason = reason.unwrap();
    (stream_id, reason.code, reason.message)
}

#[tokio::test]
async fn log_is_sent_once_per_stream_and_concurrent_logs_are_limited() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    hub.reads_logs.send_replace(false);
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    let run = running(&mut session, &agent, 1).await;
    agent.runtime.set_log(&key(&run, 1), "a line\n");
    session.send(open_log(7, &run)).await;
    session.send(open_log(7, &run)).await;
    let (stream, code, message) = refusal(&mut session).await;
    assert_eq!((stream, code.as_str()), (7, "runtime_error"));
    assert!(message.contains("stream_id"), "{message}");
    for id in 100..132 {
        session.send(open_log(id, &run)).await;
    }
    let (stream, _, message) = refusal(&mut session).await;
    assert_eq!(stream, 131, "32 streams are open with the first");
    assert!(message.contains("32 logs"), "{message}");
    hub.reads_logs.send_replace(true);
    let mut streams = Vec::new();
    for _ in 0..32 {
        let (stream, log) = hub.log().await;
        assert_eq!(log, b"a line\n");
        streams.push(stream);
    }
    streams.sort_unstable();
    assert!(
        streams.into_iter().eq(std::iter::once(7).chain(100..131)),
        "the second request of a stream does not affect the first"
    );
}

#[tokio::test]
async fn missing_log_is_final_only_for_a_member_that_can_no_longer_start() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    let run = run_id(1);
    session.report(&run, MemberPhase::Reserved).await;
    session.send(open_log(1, &run)).await;
    let (_, code, message) = refusal(&mut session).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("runtime_error", "the member has not started yet")
    );
    session.assign(desired_member(1, 1, 3, DesiredPhase::Stopped)).await;
    let stopped = session.report(&run, MemberPhase::Stopped).await;
    let never = ("log_not_found".to_owned(), "the member never started and has no log".to_owned());
    session.send(open_log(2, &run)).await;
    assert_eq!(refusal(&mut session).await, (2, never.0.clone(), never.1.clone()));
    // The answer is the same when only the journal has the member.
    session.settle(&stopped).await;
    session.send(open_log(3, &run)).await;
    assert_eq!(refusal(&mut session).await, (3, never.0, never.1));
    session.send(open_log(4, &run_id(9))).await;
    assert_eq!(refusal(&mut session).await.1, "log_not_found");
}
