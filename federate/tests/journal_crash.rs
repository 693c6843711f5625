//! The journal after crashes: every write that it acknowledged is there after `kill -9`, and a
//! partial or damaged write is not used.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flow_domain::id::{Digest, PartyId, RunId};
use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_domain::time::Timestamp;
use flow_federate::journal::{Journal, JournalError, SETTLED_MEMBERS_MAX, SeenHub};
use flow_federate::member::{DesiredMember, Member, WorkStage};

const DIR: &str = "FLOW_TEST_JOURNAL_DIR";

fn party() -> PartyId {
    "a".parse().unwrap()
}

fn run(n: u64) -> RunId {
    format!("{n:032x}").parse().unwrap()
}

fn member(n: u64) -> Member {
    Member::new(&DesiredMember {
        run: run(n),
        task: format!("{n:032x}").parse().unwrap(),
        attempt: 1,
        generation: 2,
        phase: DesiredPhase::Reserved,
        digest: Some(Digest::of(b"spec")),
        bindings: Default::default(),
        orphan: false,
        released: false,
        task_name: String::new(),
        run_number: 0,
    })
}

fn settled(n: u64, at: i64) -> Member {
    Member {
        settled: true,
        phase: MemberPhase::Succeeded,
        finished_at: Some(Timestamp(at)),
        ..member(n)
    }
}

/// The journal of an agent whose data directory is below `dir`.
async fn open(dir: &Path) -> Result<Journal, JournalError> {
    Journal::open(&dir.join("data"), &party()).await
}

/// Not a test: the process that the next test kills. Prints the number of each durable write, one a
/// line.
#[tokio::test]
#[ignore = "started by the test below"]
async fn writes_until_killed() {
    let dir = PathBuf::from(std::env::var(DIR).expect("started by the test below"));
    let mut journal = open(&dir).await.unwrap();
    for n in 0.. {
        let digest = Digest::of(b"spec");
        let spec = [(&digest, b"spec".as_slice())];
        journal
            .write(
                &[&member(2 * n), &member(2 * n + 1)],
                &spec,
                n,
                SeenHub { incarnation: 1, revision: n },
            )
            .await
            .unwrap();
        println!("durable {n}");
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_9_and_transactions_are_atomic() {
    let dir = tempfile::tempdir().unwrap();
    let mut instance = None;
    let mut next_sequence = 0;
    for _ in 0..3 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "writes_until_killed", "--ignored", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped());
        let mut writer = flow_testkit::spawn_tied(command).unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut durable = None;
        while durable < Some(20) {
            let line = lines.next().expect("it writes").unwrap();
            // The test harness prints its own text at the beginning of the first line.
            if let Some((_, n)) = line.rsplit_once("durable ") {
                durable = Some(n.parse::<u64>().unwrap());
            }
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            durable = line.strip_prefix("durable ").and_then(|n| n.parse().ok()).or(durable);
        }
        let durable = durable.unwrap();

        let mut journal = open(dir.path()).await.unwrap();
        let found = journal.unsettled().await.unwrap();
        assert!(
            found.len() as u64 >= 2 * (durable + 1),
            "{} members of {durable} durable pairs",
            found.len()
        );
        assert_eq!(found.len() % 2, 0, "a transaction is atomic");
        assert!(journal.seen().revision >= durable);
        assert_eq!(journal.spec(&Digest::of(b"spec")).await.unwrap().unwrap(), b"spec");
        assert!(journal.first_sequence() > durable.max(next_sequence), "no sequence is used twice");
        next_sequence = journal.first_sequence();
        let born = journal.instance().clone();
        assert_eq!(
            *instance.get_or_insert_with(|| born.clone()),
            born,
            "the same journal has the same instance"
        );
    }
}

#[tokio::test]
async fn journal_has_one_agent_and_its_lock_ends_with_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let error = open(dir.path()).await.unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("data_dir"), "the error names the remedy: {error}");
    drop(first);
    open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn b2_probe_needs_the_space_of_a_member_and_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    let (sequence, seen) = (journal.first_sequence(), journal.seen());
    journal.write(&[], &[], sequence, seen).await.unwrap();
    let probe = dir.path().join("data/space.tmp");
    assert!(!probe.exists());
    // The journal itself takes a small change; the test file is impossible.
    std::fs::create_dir(&probe).unwrap();
    let refused = journal.write(&[], &[], sequence, seen).await.unwrap_err();
    assert!(matches!(refused, JournalError::Space(_)), "{refused}");
    std::fs::remove_dir(&probe).unwrap();
    journal.write(&[], &[], sequence, seen).await.unwrap();
}

#[tokio::test]
async fn journal_of_another_party_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.unwrap().close().await.unwrap();
    let error = Journal::open(&dir.path().join("data"), &"b".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, JournalError::OtherParty { .. }), "{error}");
}

#[tokio::test]
async fn lost_journal_gives_a_new_instance() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap().instance().clone();
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    assert_ne!(*open(dir.path()).await.unwrap().instance(), first);
}

#[tokio::test]
async fn settled_members_are_listed_by_page_and_deleted_after_their_retention_with_their_specs() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    let members: Vec<Member> =
        (0..10).map(|n| settled(n, 1000 + n as i64)).chain([member(99)]).collect();
    let (ours, unused) = (Digest::of(b"spec"), Digest::of(b"unused"));
    let specs = [(&ours, b"spec".as_slice()), (&unused, b"unused".as_slice())];
    journal
        .write(&members.iter().collect::<Vec<_>>(), &specs, 1, SeenHub::default())
        .await
        .unwrap();

    let page = journal.settled(Timestamp(1003), "", 4).await.unwrap();
    assert_eq!(
        page.iter().map(|m| m.run.clone()).collect::<Vec<_>>(),
        [run(4), run(5), run(6), run(7)]
    );
    assert_eq!(journal.settled(Timestamp(1003), run(7).as_str(), 4).await.unwrap().len(), 2);
    assert_eq!(journal.member(&run(4)).await.unwrap().unwrap(), members[4]);

    assert_eq!(journal.purge(Timestamp(1007)).await.unwrap(), 8);
    assert!(journal.member(&run(4)).await.unwrap().is_none());
    assert_eq!(
        journal.unsettled().await.unwrap(),
        [member(99)],
        "an unsettled member is kept at any age"
    );
    assert!(journal.spec(&Digest::of(b"unused")).await.unwrap().is_none());
    assert!(journal.spec(&Digest::of(b"spec")).await.unwrap().is_some());
}

#[tokio::test]
async fn a8_newest_settled_members_are_kept_up_to_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    let count = u64::from(SETTLED_MEMBERS_MAX) + 3;
    let members: Vec<Member> =
        (0..count).map(|n| settled(n, n as i64)).chain([member(count)]).collect();
    journal.write(&members.iter().collect::<Vec<_>>(), &[], 1, SeenHub::default()).await.unwrap();
    assert!(journal.member(&run(2)).await.unwrap().is_none());
    assert!(journal.member(&run(3)).await.unwrap().is_some());
    journal.write(&[&settled(count + 1, count as i64)], &[], 2, SeenHub::default()).await.unwrap();
    assert!(journal.member(&run(3)).await.unwrap().is_none());
    assert_eq!(journal.unsettled().await.unwrap(), [member(count)], "an unsettled member is kept");
}

#[tokio::test]
async fn broken_row_affects_one_member_and_is_kept() {
    use sqlx::Connection as _;
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    journal
        .write(&[&member(1), &member(2), &member(3), &settled(4, 7)], &[], 1, SeenHub::default())
        .await
        .unwrap();
    journal.close().await.unwrap();
    let path = dir.path().join("data/journal.db");
    let mut db = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query("UPDATE members SET state = '{}' WHERE run <> ?")
        .bind(run(2).as_str())
        .execute(&mut db)
        .await
        .unwrap();
    sqlx::query("UPDATE members SET run = 'rot' WHERE run = ?")
        .bind(run(3).as_str())
        .execute(&mut db)
        .await
        .unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    let lost = Member::unreadable(run(1), member(1).task, 1, None);
    assert_eq!(
        (lost.work, lost.is_dead()),
        (WorkStage::Stopping, false),
        "it may have been started"
    );
    assert_eq!(journal.unsettled().await.unwrap(), [lost, member(2)]);
    let history = journal.settled(Timestamp(0), "", 10).await.unwrap().remove(0);
    assert_eq!(
        (history.phase, history.finished_at, history.is_dead()),
        (MemberPhase::Failed, Some(Timestamp(7)), true)
    );
    assert_eq!(journal.member(&run(4)).await.unwrap(), Some(history));
    journal.close().await.unwrap();
    let kept: Vec<String> = sqlx::query_scalar("SELECT run FROM damaged ORDER BY run")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(kept, [run(1).as_str(), run(4).as_str(), "rot"]);
}

/// A row as every released agent writes it. A renamed field or variant must keep its old name in
/// the journal.
#[tokio::test]
async fn journal_entry_format_is_unchanged() {
    use sqlx::Connection as _;
    let entry = serde_json::json!({
        "run": run(1), "task": run(2), "attempt": 2, "generation": 3, "incarnation": 1,
        "desired": "stopped", "digest": Digest::of(b"spec"), "bindings": {"peer": "a:1"},
        "needs": {
            "ports": ["grpc"], "resources": {"cpu_millis": 5, "memory_mib": 6}, "grace_s": 7,
            "resolution": Digest::of(b"meaning"),
        },
        "work": "stopping", "started": true, "strays": [1],
        "doom": ["stopped", {"code": "stop_requested", "message": "stop"}],
        "phase": "running", "reason": {"code": "runtime_error", "message": "reason"},
        "delay": {"code": "runtime_error", "message": "delay"},
        "exit": {
            "code": 0, "signal": 9, "reason": {"code": "stop_requested", "message": "exit"},
            "started_at": 8, "finished_at": 9,
        },
        "ports": {"grpc": 4000}, "endpoints": {"grpc": "127.0.0.1:4000"}, "complete": true,
        "sequence": 10, "settled": false, "finished_at": 11,
    });
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    journal.write(&[&member(1)], &[], 1, SeenHub::default()).await.unwrap();
    journal.close().await.unwrap();
    let path = dir.path().join("data/journal.db");
    let mut db = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query("UPDATE members SET state = ?")
        .bind(entry.to_string())
        .execute(&mut db)
        .await
        .unwrap();
    db.close().await.unwrap();

    let mut journal = open(dir.path()).await.unwrap();
    let read = journal.unsettled().await.unwrap().remove(0);
    assert_eq!(read.work, WorkStage::Stopping);
    assert_eq!(read.stale_attempts, [1].into());
    assert_eq!(read.pending_outcome.as_ref().map(|(phase, _)| *phase), Some(MemberPhase::Stopped));
    assert_eq!(serde_json::to_value(&read).unwrap(), entry);
    for (stage, name) in [
        (WorkStage::None, "none"),
        (WorkStage::Holding, "holding"),
        (WorkStage::Held, "held"),
        (WorkStage::Started, "started"),
        (WorkStage::Stopping, "stopping"),
        (WorkStage::Dead, "dead"),
    ] {
        assert_eq!(serde_json::to_value(stage).unwrap(), name);
    }
}

#[tokio::test]
async fn spec_is_kept_while_a_member_may_start_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    let digest = Digest::of(b"spec");
    let specs = [(&digest, b"spec".as_slice())];
    journal.write(&[&member(1), &member(2)], &specs, 1, SeenHub::default()).await.unwrap();
    // A third member of the same spec arrives when the first settles: the hub need not resend the
    // spec.
    journal.write(&[&settled(1, 10), &member(3)], &[], 2, SeenHub::default()).await.unwrap();
    journal.write(&[&settled(2, 11)], &[], 3, SeenHub::default()).await.unwrap();
    assert_eq!(journal.spec(&digest).await.unwrap().unwrap(), b"spec");
    journal.write(&[&settled(3, 12)], &[], 4, SeenHub::default()).await.unwrap();
    assert!(journal.spec(&digest).await.unwrap().is_none());
    assert_eq!(
        journal.settled(Timestamp(0), "", 10).await.unwrap().len(),
        3,
        "their end is recorded"
    );
}

#[tokio::test]
async fn refused_member_leaves_nothing_after_it_settled() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).await.unwrap();
    let refused =
        Member { phase: MemberPhase::Refused, finished_at: Some(Timestamp(10)), ..member(1) };
    let after_a_hold =
        Member { work: WorkStage::Dead, ..Member { run: run(2), ..refused.clone() } };
    journal.write(&[&refused, &after_a_hold], &[], 1, SeenHub::default()).await.unwrap();
    assert_eq!(
        journal.unsettled().await.unwrap().len(),
        2,
        "reported again until the hub has stored it"
    );
    let (refused, after_a_hold) =
        (Member { settled: true, ..refused }, Member { settled: true, ..after_a_hold });
    journal.write(&[&refused, &after_a_hold], &[], 2, SeenHub::default()).await.unwrap();
    let kept = journal.settled(Timestamp(0), "", 10).await.unwrap();
    assert_eq!(kept, [after_a_hold], "its key was used, and the journal must keep that");
}

#[tokio::test]
async fn directory_open_to_other_users_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = Journal::open(dir.path(), &party()).await.unwrap_err().to_string();
    assert!(error.contains("`chmod 700 "), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file was created");
}
