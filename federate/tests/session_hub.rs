//! The agent with a hub that sends the messages of the test, over the real HTTP/2 stack.

#[path = "session_hub/admin.rs"]
mod admin;
#[path = "session_hub/clock.rs"]
mod clock;
mod fake_hub;
#[path = "session_hub/limits.rs"]
mod limits;
#[path = "session_hub/party.rs"]
mod party;
#[path = "session_hub/recorded.rs"]
mod recorded;
#[path = "session_hub/rest.rs"]
mod rest;
#[path = "session_hub/tls.rs"]
mod tls;

use fake_hub::{FakeHub, TestAgent, desired_member, key, run_id, sealed};
use flow_domain::member::{DesiredPhase, MemberPhase, Reason, ReasonCode};
use flow_domain::progress::Progress;
use flow_federate::agent::LogPolicy;
use flow_federate::health::{self, HealthPages};
use flow_federate::metrics::AgentMetrics;
use flow_federate::runtime::WorkState;
use flow_federate::runtime::fake::{FakeError, Mode};
use flow_proto::v1::agent_message::Body as FromAgent;
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{LogOpen, Refused, SpecCheck};

#[tokio::test]
async fn member_passes_every_phase_over_a_session() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.accept().await;
    assert_eq!(session.metadata.get("flow-party").unwrap(), "a");
    let hello = session.hello().await;
    assert_eq!((hello.protocol, hello.seen_revision), (1, 0));
    session.welcome(1, true).await;
    session.set(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;

    let FromAgent::Inventory(inventory) =
        session.until(|b| matches!(b, FromAgent::Inventory(_))).await
    else {
        unreachable!()
    };
    let text = String::from_utf8(inventory.json).unwrap();
    assert!(text.contains("demo:1") && !text.contains('/'), "names, never a path: {text}");
    assert_eq!(inventory.digest, hello.inventory_digest);

    let reserved = session.report(&run, MemberPhase::Reserved).await;
    assert_eq!((reserved.attempt, reserved.observed_generation), (1, 2));
    assert!(reserved.endpoints["grpc"].starts_with("127.0.0.1:"), "{:?}", reserved.endpoints);
    assert_eq!(reserved.spec_digest, sealed("a").digest.to_string());
    assert_eq!(agent.runtime.starts(), []);

    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    session.report(&run, MemberPhase::Starting).await;
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    let launch = agent.runtime.starts().remove(0);
    let port = reserved.endpoints["grpc"].rsplit(':').next().unwrap();
    assert_eq!(launch.env["FED_LISTEN_ADDR"], format!("127.0.0.1:{port}"));
    assert_eq!(
        (launch.env["FED_RUN_ID"].as_str(), launch.env["FED_TRAINERS"].as_str()),
        (run.as_str(), "1")
    );

    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    agent.runtime.exit(&key(&run, 1), 0);
    let done = session.report(&run, MemberPhase::Succeeded).await;
    assert_eq!(done.exit.as_ref().unwrap().code, Some(0));
    assert!(done.sequence > reserved.sequence);
    session.settle(&done).await;
    agent
        .wait_for("the runtime to forget the workload", || {
            agent.runtime.is_forgotten(&key(&run, 1))
        })
        .await;
    agent.stop().await;

    // The agent keeps settled members for a hub that was restored from a backup.
    agent.start(hub.connector());
    let session = hub.open(Vec::new()).await;
    assert_eq!(
        session.members().iter().map(|r| r.phase.as_str()).collect::<Vec<_>>(),
        ["succeeded"]
    );
    assert_eq!(agent.runtime.starts().len(), 1);
}

#[tokio::test]
async fn delayed_request_reports_its_reason_and_a_stop_is_retried_after_each_refusal() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    let why = |text: &str| Reason::new(ReasonCode::RuntimeError, text);
    let reports = |body: &FromAgent, phase: MemberPhase, words: &str| {
        let FromAgent::Report(report) = body else { return false };
        report.phase == phase.as_str()
            && report.reason.as_ref().map_or("", |reason| &reason.message) == words
    };
    agent.runtime.fail(Some(FakeError::Transient(why("no answer"))));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.until(|body| reports(body, MemberPhase::Pending, "no answer")).await;
    agent.runtime.fail(None);
    agent.pass_time_until(1, session.until(|body| reports(body, MemberPhase::Reserved, ""))).await;

    agent.runtime.fail(Some(FakeError::Transient(why("no answer"))));
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    session.until(|body| reports(body, MemberPhase::Starting, "no answer")).await;
    agent.runtime.fail(None);
    agent.pass_time_until(1, session.until(|body| reports(body, MemberPhase::Starting, ""))).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.until(|body| reports(body, MemberPhase::Running, "")).await;

    agent.runtime.fail(Some(FakeError::Permanent(why("no right"))));
    session.assign(desired_member(1, 1, 4, DesiredPhase::Stopped)).await;
    session.until(|body| reports(body, MemberPhase::Running, "no right")).await;
    agent.runtime.fail(Some(FakeError::Transient(why("no answer"))));
    agent
        .pass_time_until(1, session.until(|body| reports(body, MemberPhase::Running, "no answer")))
        .await;
    assert_eq!(agent.runtime.stops(), []);
    agent.runtime.fail(None);
    agent.pass_time_until(1, session.until(|body| reports(body, MemberPhase::Running, ""))).await;
    assert_eq!(agent.runtime.stops(), [key(&run, 1)]);
    agent.runtime.exit(&key(&run, 1), 143);
    session.report(&run, MemberPhase::Stopped).await;
}

#[tokio::test]
async fn spec_that_the_policy_denies_never_runs() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.change_offer(|offer| {
        offer.images.get_mut(fake_hub::IMAGE).unwrap().allow = flow_domain::policy::Allow::No
    });
    agent.start(hub.connector());
    let mut tampered = desired_member(2, 1, 2, DesiredPhase::Reserved);
    tampered.spec.push(b' ');
    let mut foreign = desired_member(3, 1, 2, DesiredPhase::Reserved);
    (foreign.spec, foreign.spec_digest) = (sealed("b").bytes, sealed("b").digest.to_string());
    let mut session =
        hub.open(vec![tampered, foreign, desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    for (n, code) in [(1, "policy_denied"), (2, "spec_invalid"), (3, "spec_invalid")] {
        let refused = match session
            .members()
            .iter()
            .find(|r| r.run_id == run_id(n).as_str() && r.phase == "refused")
        {
            Some(report) => (*report).clone(),
            None => session.report(&run_id(n), MemberPhase::Refused).await,
        };
        let reason = refused.reason.unwrap();
        assert_eq!(reason.code, code);
        assert!(
            !reason.message.contains(agent.dir.path().to_str().unwrap()),
            "no path leaves the party: {}",
            reason.message
        );
    }
    assert_eq!(agent.runtime.starts(), []);
}

#[tokio::test]
async fn agent_killed_after_a_start_adopts_the_workload_and_starts_it_once() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    session.report(&run, MemberPhase::Starting).await;
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    agent.kill().await;
    // The workload starts and exits while no agent runs.
    agent.runtime.exit(&key(&run, 1), 3);
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 3, DesiredPhase::Running)]).await;
    let failed = match session.members().iter().find(|r| r.phase == "failed") {
        Some(report) => (*report).clone(),
        None => session.report(&run, MemberPhase::Failed).await,
    };
    assert_eq!(failed.reason.unwrap().code, "exit_nonzero");
    assert_eq!(agent.runtime.starts().len(), 1);
}

#[tokio::test]
async fn agent_without_its_journal_stops_workloads_and_starts_none_again() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.accept().await;
    let first = session.hello().await.instance;
    session.welcome(1, false).await;
    session.set(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    agent.kill().await;
    agent.lose_journal().await;

    agent.start(hub.connector());
    agent
        .wait_for("the stop of the unknown workload", || {
            agent.runtime.stops().contains(&key(&run, 1))
        })
        .await;
    assert!(!hub.is_called(), "the agent connects only after every unknown workload has ended");
    agent.runtime.set_state(&key(&run, 1), WorkState::Absent);
    let mut session = hub.accept().await;
    assert_ne!(session.hello().await.instance, first, "a new journal has a new instance");
    session.welcome(1, false).await;
    session
        .set(vec![
            desired_member(1, 1, 3, DesiredPhase::Running),
            desired_member(2, 1, 3, DesiredPhase::Stopped),
        ])
        .await;
    for n in [1, 2] {
        let failed = session.report(&run_id(n), MemberPhase::Failed).await;
        assert_eq!(failed.reason.unwrap().code, "agent_state_lost");
    }
    assert_eq!(agent.runtime.starts().len(), 1);
}

#[tokio::test]
async fn stop_is_confirmed_only_after_the_workload_ended() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    session.assign(desired_member(1, 1, 4, DesiredPhase::Stopped)).await;
    agent.wait_for("the stop", || agent.runtime.stops().contains(&key(&run, 1))).await;
    let stopped = session.report(&run, MemberPhase::Stopped);
    tokio::pin!(stopped);
    assert!(futures::poll!(stopped.as_mut()).is_pending());
    agent.runtime.set_state(&key(&run, 1), WorkState::Absent);
    assert_eq!(stopped.await.reason.unwrap().code, "stop_requested");
}

#[tokio::test]
async fn hold_expires_after_ten_minutes_without_the_hub_and_is_never_started() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    drop(session);
    // The agent reconnects, and the hub sends no Welcome.
    let waiting = agent.pass_time_until(5, hub.accept()).await;
    assert!(
        matches!(agent.runtime.state(&key(&run, 1)), WorkState::Held { .. }),
        "a short absence has no effect"
    );
    agent
        .pass_time_until(
            30,
            agent.wait_for("the hold to be released", || {
                agent.runtime.state(&key(&run, 1)) == WorkState::Absent
            }),
        )
        .await;
    drop(waiting);
    // The agent has given up its earlier connections.
    let mut session = loop {
        let mut session = agent.pass_time_until(1, hub.accept()).await;
        if session.is_greeted(1).await {
            break session;
        }
    };
    session.set(vec![desired_member(1, 1, 3, DesiredPhase::Running)]).await;
    let failed = session.report(&run, MemberPhase::Failed).await;
    assert_eq!(failed.reason.unwrap().code, "hold_expired");
    assert_eq!(agent.runtime.starts(), []);
}

#[tokio::test]
async fn u16_refusal_names_what_the_party_has() {
    for disclose_names in [true, false] {
        let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
        agent.change_offer(|offer| {
            let image = offer.images.remove(fake_hub::IMAGE).unwrap();
            offer.images.insert("digits".to_owned(), image);
            offer.disclose_names = disclose_names;
        });
        agent.start(hub.connector());
        let mut session = hub.open(Vec::new()).await;
        session.assign(desired_member(1, 1, 2, DesiredPhase::Reserved)).await;
        let refused = session.report(&run, MemberPhase::Refused).await.reason.unwrap();
        assert_eq!(refused.code, "image_unknown");
        assert!(refused.message.contains("maps no image \"demo:1\""), "{refused:?}");
        assert_eq!(refused.message.ends_with("(it has digits)"), disclose_names, "{refused:?}");
    }
}

#[tokio::test]
async fn changed_policy_approves_a_waiting_member() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.change_offer(|offer| {
        offer.images.get_mut(fake_hub::IMAGE).unwrap().allow = flow_domain::policy::Allow::Ask
    });
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    session.assign(desired_member(1, 1, 2, DesiredPhase::Reserved)).await;
    let asks = session.report(&run, MemberPhase::WaitingApproval).await;
    assert_eq!(asks.reason.unwrap().code, "approval_required");
    agent.change_offer(|offer| {
        offer.images.get_mut(fake_hub::IMAGE).unwrap().allow = flow_domain::policy::Allow::Yes
    });
    session.report(&run, MemberPhase::Reserved).await;
}

#[tokio::test]
async fn newest_progress_is_sent_every_two_seconds_and_before_the_end() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    let at = |epoch| Progress { epoch: Some(epoch), ..Progress::default() };
    agent.runtime.progress(&key(&run, 1), at(1));
    let epochs = |body: &FromAgent| match body {
        FromAgent::Progress(batch) => batch.members.iter().map(|m| m.epoch).collect(),
        _ => Vec::new(),
    };
    let first = session.until(|b| matches!(b, FromAgent::Progress(_))).await;
    assert_eq!(epochs(&first), [Some(1)]);
    agent.runtime.progress(&key(&run, 1), at(2));
    agent.runtime.progress(&key(&run, 1), Progress { complete: true, ..at(3) });
    // The agent reports `complete` at once; progress values wait for their interval.
    let report = session.report(&run, MemberPhase::Running).await;
    assert!(report.complete);
    agent.runtime.exit(&key(&run, 1), 0);
    let batch = session.until(|b| matches!(b, FromAgent::Progress(_))).await;
    assert_eq!(epochs(&batch), [Some(3)]);
    session.report(&run, MemberPhase::Succeeded).await;
}

#[tokio::test]
async fn log_is_sent_on_request_and_a_missing_log_is_refused() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.runtime.set_log(&key(&run, 1), "line one\nline two\n");
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    let open = |stream_id, n| LogOpen {
        stream_id,
        run_id: run_id(n).to_string(),
        attempt: 1,
        tail_lines: None,
        follow: false,
    };
    session.send(ToAgent::LogOpen(open(5, 1))).await;
    assert_eq!(hub.log().await, (5, b"line one\nline two\n".to_vec()));
    session.send(ToAgent::LogOpen(open(6, 2))).await;
    let FromAgent::LogRefused(refused) =
        session.until(|b| matches!(b, FromAgent::LogRefused(_))).await
    else {
        unreachable!()
    };
    assert_eq!(refused.stream_id, 6);
}

#[tokio::test]
async fn log_policy_refuses_logs_or_limits_their_length() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.runtime.set_log(&key(&run, 1), "line one\nline two\n");
    let open = LogOpen {
        stream_id: 5,
        run_id: run.to_string(),
        attempt: 1,
        tail_lines: None,
        follow: false,
    };
    agent.logs = LogPolicy { disclose: false, limit_bytes_per_stream: None };
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    session.send(ToAgent::LogOpen(open.clone())).await;
    let FromAgent::LogRefused(refused) =
        session.until(|b| matches!(b, FromAgent::LogRefused(_))).await
    else {
        unreachable!()
    };
    let reason = refused.reason.unwrap();
    assert_eq!(
        (reason.code.as_str(), reason.message.as_str()),
        ("policy_denied", "this party's policy discloses no logs")
    );
    agent.stop().await;

    agent.logs = LogPolicy { disclose: true, limit_bytes_per_stream: Some(8) };
    agent.start(hub.connector());
    let session = hub.open(Vec::new()).await;
    session.send(ToAgent::LogOpen(open)).await;
    let (_, log) = hub.log().await;
    let end = "[this party discloses 8 bytes of a log at a time: the rest is left out]";
    assert_eq!(String::from_utf8(log).unwrap(), format!("line one\n{end}\n"));
}

/// Requests a page of the health listener. Returns status and body.
async fn page(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (
        status.unwrap_or_else(|| panic!("{answer}")),
        answer.split_once("\r\n\r\n").unwrap().1.to_owned(),
    )
}

#[tokio::test]
async fn agent_is_live_from_its_start_and_ready_during_a_session() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(health::serve(
        listener,
        HealthPages {
            status_requests: agent.status_requests.clone(),
            metrics: AgentMetrics::default(),
            data_dir: agent.data_dir(),
            ca_file: None,
        },
    ));
    assert_eq!(page(address, "/livez").await, (200, "ok\n".to_owned()));
    let mut unready = hub.accept().await;
    assert_eq!(page(address, "/readyz").await.0, 503, "no hub has welcomed it");
    unready.hello().await;
    unready.welcome(1, false).await;
    unready.set(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    unready.report(&run, MemberPhase::Reserved).await;
    assert_eq!(page(address, "/readyz").await, (200, "ok\n".to_owned()));
    let metrics = page(address, "/metrics").await.1;
    for line in [
        "flow_agent_connected 1",
        "flow_agent_sessions_total 1",
        "flow_agent_members{phase=\"reserved\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    let bytes =
        metrics.lines().find_map(|line| line.strip_prefix("flow_agent_journal_bytes ")).unwrap();
    assert!(bytes.parse::<u64>().unwrap() > 4096, "{bytes}");
    drop(unready);
    flow_testkit::wait_for(
        "the end of the session to be reported",
        fake_hub::PATIENCE,
        async || page(address, "/readyz").await.0 == 503,
    )
    .await;
    assert!(page(address, "/metrics").await.1.contains("flow_agent_connected 0\n"));
    assert_eq!(page(address, "/").await.0, 404);
    agent.kill().await;
    assert_eq!((page(address, "/livez").await.0, page(address, "/readyz").await.0), (200, 503));
}

#[tokio::test]
async fn refused_agent_waits_for_the_requested_time_within_a_limit() {
    for (retry_after_s, at_least) in [(200, 200), (u32::MAX, 300)] {
        let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
        agent.start(hub.connector());
        let mut session = hub.accept().await;
        session.hello().await;
        let refused = Refused {
            code: "party_in_use".to_owned(),
            message: "another agent".to_owned(),
            retry_after_s,
        };
        session.send(ToAgent::Refused(refused)).await;
        drop(session);
        let began = agent.now();
        agent.pass_time_until(50, hub.accept()).await;
        let waited = agent.now().secs_since(began);
        assert!((at_least..10_000).contains(&waited), "{retry_after_s}: {waited}");
    }
}

#[tokio::test]
async fn failing_journal_rejects_new_members_and_permits_stops() {
    use sqlx::Connection as _;
    let (mut hub, mut agent, run) =
        (FakeHub::new(), TestAgent::new(Mode::Auto { run_s: 1000 }), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    session.report(&run, MemberPhase::Running).await;
    // An open write transaction has the same effect as a full disk.
    let path = agent.data_dir().join("journal.db");
    let mut other = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    session.assign(desired_member(2, 1, 2, DesiredPhase::Reserved)).await;
    let waits = session.report(&run_id(2), MemberPhase::Admitted).await;
    assert_eq!(waits.reason.unwrap().code, "agent_disk_full");
    session.assign(desired_member(1, 1, 4, DesiredPhase::Stopped)).await;
    session.report(&run, MemberPhase::Stopped).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    agent.pass_time_until(1, session.report(&run_id(2), MemberPhase::Reserved)).await;
}

#[tokio::test]
async fn unreadable_journal_entry_affects_one_member_and_causes_no_second_start() {
    use sqlx::Connection as _;
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub
        .open(vec![
            desired_member(1, 1, 2, DesiredPhase::Reserved),
            desired_member(2, 1, 2, DesiredPhase::Reserved),
        ])
        .await;
    session.report(&run_id(2), MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    agent.stop().await;
    let path = agent.data_dir().join("journal.db");
    let mut journal = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let damage = "UPDATE members SET state = '{\"of\": \"a later release\"}' WHERE run = ?";
    assert_eq!(
        sqlx::query(damage).bind(run.as_str()).execute(&mut journal).await.unwrap().rows_affected(),
        1
    );

    agent.start(hub.connector());
    let mut session = hub
        .open(vec![
            desired_member(1, 1, 3, DesiredPhase::Running),
            desired_member(2, 1, 2, DesiredPhase::Reserved),
        ])
        .await;
    assert!(
        session.members().iter().any(|r| r.run_id == run_id(2).as_str() && r.phase == "reserved"),
        "the other member continues"
    );
    agent
        .wait_for("the possibly started workload to be stopped", || {
            agent.runtime.stops().contains(&key(&run, 1))
        })
        .await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Absent);
    let failed = session.report(&run, MemberPhase::Failed).await;
    assert_eq!(failed.reason.as_ref().unwrap().code, "agent_state_lost");
    session.settle(&failed).await;
    session.assign(desired_member(1, 1, 4, DesiredPhase::Running)).await;
    session.assign(desired_member(2, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the start of the other member", || agent.runtime.starts().len() == 2).await;
    assert_eq!(
        agent.runtime.starts().iter().map(|l| l.key.clone()).collect::<Vec<_>>(),
        [key(&run, 1), key(&run_id(2), 1)]
    );
    let kept: Vec<(String, String)> =
        sqlx::query_as("SELECT run, state FROM damaged").fetch_all(&mut journal).await.unwrap();
    assert_eq!(kept, [(run.to_string(), "{\"of\": \"a later release\"}".to_owned())]);
}

#[tokio::test]
async fn hold_lost_in_a_reboot_is_not_taken_again_without_the_hub() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    agent.stop().await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Absent);
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 3, DesiredPhase::Running)]).await;
    assert_eq!(
        session.members().iter().map(|r| r.phase.as_str()).collect::<Vec<_>>(),
        ["admitted"]
    );
    let failed = session.report(&run, MemberPhase::Failed).await;
    assert_eq!(failed.reason.unwrap().code, "hold_expired");
    assert_eq!(agent.runtime.starts(), []);
}

#[tokio::test]
async fn check_of_a_spec_is_answered_by_the_policy_and_reserves_nothing() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let mut session = hub.open(Vec::new()).await;
    let ask = |check_id, party: &str, digest: Option<&str>| {
        let sealed = sealed(party);
        let spec_digest = digest.map_or_else(|| sealed.digest.to_string(), ToOwned::to_owned);
        ToAgent::SpecCheck(SpecCheck { check_id, spec_digest, spec: sealed.bytes })
    };
    let answer = async |session: &mut fake_hub::Session| {
        let FromAgent::SpecChecked(checked) =
            session.until(|body| matches!(body, FromAgent::SpecChecked(_))).await
        else {
            unreachable!()
        };
        let reason = checked.reason.map(|reason| reason.code).unwrap_or_default();
        (checked.check_id, checked.answer, reason)
    };
    let expected = |id, answer: &str, reason: &str| (id, answer.to_owned(), reason.to_owned());
    session.send(ask(7, "a", None)).await;
    assert_eq!(answer(&mut session).await, expected(7, "accept", ""));
    session.send(ask(8, "b", None)).await;
    assert_eq!(answer(&mut session).await, expected(8, "refuse", "spec_invalid"));
    session.send(ask(9, "a", Some(&"0".repeat(64)))).await;
    assert_eq!(answer(&mut session).await, expected(9, "refuse", "spec_invalid"));
    agent.change_offer(|policy| policy.resources.cpu_millis = 1);
    session.until(|body| matches!(body, FromAgent::Inventory(_))).await;
    session.send(ask(10, "a", None)).await;
    assert_eq!(answer(&mut session).await, expected(10, "refuse", "resources_exhausted"));
    agent.change_offer(|policy| {
        policy.resources.cpu_millis = 0;
        policy.images.values_mut().for_each(|image| image.allow = flow_domain::policy::Allow::Ask);
    });
    session.until(|body| matches!(body, FromAgent::Inventory(_))).await;
    session.send(ask(11, "a", None)).await;
    assert_eq!(answer(&mut session).await, expected(11, "ask", "approval_required"));
    agent.change_offer(|policy| policy.images.clear());
    session.until(|body| matches!(body, FromAgent::Inventory(_))).await;
    session.send(ask(12, "a", None)).await;
    assert_eq!(answer(&mut session).await, expected(12, "refuse", "image_unknown"));
    agent.stop().await;
    agent.start(hub.connector());
    let session = hub.open(Vec::new()).await;
    assert!(session.members().is_empty(), "a check leaves no member");
}
