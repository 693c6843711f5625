//! Writes of sessions: which agent holds a party's session (the newest, by compare-and-swap on the
//! epoch), the end of a session, the party's inventory. `contacts` keeps the newest openings and ends.
//!
//! All queued writes share one transaction. Otherwise ten thousand agents that reconnect at once
//! would cause ten thousand commits, and the engine's commits would wait behind them.

use std::sync::Arc;
use std::time::Duration;

use flow_domain::id::{Digest, InstanceId, PartyId};
use flow_domain::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::contacts::{self, ContactChange, ContactFeed};
use super::db::{Db, Tx, execute};
use super::error::StoreError;
use super::metrics::StoreMetrics;
use super::parties::read;
use super::types::{SessionDecision, SessionGrant};
use super::{Store, signed};

/// Lost races for a session after which the caller gets an error.
const OPEN_RETRIES_MAX: u32 = 5;
/// Writes per transaction.
const BATCH_WRITES_MAX: usize = 256;
/// Delay before a write of unknown outcome is repeated.
const RETRY_DELAY: Duration = Duration::from_millis(100);

#[derive(Debug)]
enum SessionWrite {
    Open {
        party: PartyId,
        instance: InstanceId,
        agent_version: String,
        now: Timestamp,
        away_after_s: u64,
    },
    Close {
        party: PartyId,
        epoch: u64,
        now: Timestamp,
        reason: &'static str,
    },
    Inventory {
        party: PartyId,
        digest: Digest,
        json: String,
    },
}

#[derive(Debug)]
enum SessionWriteResult {
    Opened(SessionDecision),
    /// A session on another replica was opened first.
    Lost,
    /// `true` if a row was changed.
    Matched(bool),
}

#[derive(Debug)]
pub(super) struct WriteRequest {
    entry: SessionWrite,
    reply: oneshot::Sender<Result<SessionWriteResult, StoreError>>,
}

/// Starts the writer; it ends when the last sender is dropped.
pub(super) fn start(
    db: Arc<Db>,
    metrics: StoreMetrics,
    contacts: ContactFeed,
) -> mpsc::Sender<WriteRequest> {
    let (posts, waiting) = mpsc::channel::<WriteRequest>(BATCH_WRITES_MAX);
    tokio::spawn(run(waiting, async move |entries: &[SessionWrite]| {
        let written = write(&db, &metrics, entries).await?;
        contacts.send(changes(entries, &written));
        Ok(written)
    }));
    posts
}

/// Returns the openings and ends among these writes.
fn changes<'e>(
    entries: &'e [SessionWrite],
    written: &'e [SessionWriteResult],
) -> impl Iterator<Item = ContactChange> + 'e {
    entries.iter().zip(written).filter_map(|(entry, result)| match (entry, result) {
        (
            SessionWrite::Open { party, agent_version, now, .. },
            SessionWriteResult::Opened(SessionDecision::Granted(grant)),
        ) => Some(ContactChange::opened(party, grant.epoch, *now, agent_version)),
        (SessionWrite::Close { party, epoch, now, reason }, SessionWriteResult::Matched(true)) => {
            Some(ContactChange::ended(party, *epoch, *now, reason))
        }
        _ => None,
    })
}

async fn run(
    mut waiting: mpsc::Receiver<WriteRequest>,
    mut write: impl AsyncFnMut(&[SessionWrite]) -> Result<Vec<SessionWriteResult>, StoreError>,
) {
    let mut batch = Vec::with_capacity(BATCH_WRITES_MAX);
    while waiting.recv_many(&mut batch, BATCH_WRITES_MAX).await > 0 {
        let (entries, replies): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|post| (post.entry, post.reply)).unzip();
        let mut written = write(&entries).await;
        if let Err(StoreError::Unknown(_)) = written {
            written = write_until_known(&entries, &mut waiting, &mut write).await;
        }
        let answers: Vec<_> = match written {
            Ok(written) => written.into_iter().map(Ok).collect(),
            // A write that cannot be stored must not prevent the others.
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Broken(_)))
                if entries.len() > 1 =>
            {
                tracing::warn!(%error, "cannot write sessions together; writing them one by one");
                let mut answers = Vec::with_capacity(entries.len());
                for entry in &entries {
                    let alone = std::slice::from_ref(entry);
                    let mut written = write(alone).await;
                    if let Err(StoreError::Unknown(_)) = written {
                        written = write_until_known(alone, &mut waiting, &mut write).await;
                    }
                    answers.push(
                        written
                            .map(|mut written| written.pop().unwrap_or(SessionWriteResult::Lost)),
                    );
                }
                answers
            }
            Err(error) => entries.iter().map(|_| Err(error.clone())).collect(),
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            // The session may have ended.
            let _ = reply.send(answer);
        }
    }
}

/// Repeats writes until their outcome is known. A commit whose answer was lost may have opened
/// sessions that no task would close, and that would exclude other agents of their parties for
/// ever. A session that is opened twice becomes the agent's next session. Requests that arrive
/// meanwhile fail as unavailable.
async fn write_until_known(
    entries: &[SessionWrite],
    waiting: &mut mpsc::Receiver<WriteRequest>,
    write: &mut impl AsyncFnMut(&[SessionWrite]) -> Result<Vec<SessionWriteResult>, StoreError>,
) -> Result<Vec<SessionWriteResult>, StoreError> {
    tracing::warn!("the outcome of a commit of sessions is unknown; writing them again");
    loop {
        match write(entries).await {
            // A closed pool means shutdown; the next hub starts without sessions.
            Err(StoreError::Unavailable(cause)) if matches!(*cause, sqlx::Error::PoolClosed) => {
                return Err(StoreError::Unavailable(cause));
            }
            Err(StoreError::Unknown(_) | StoreError::Unavailable(_)) => {}
            known => return known,
        }
        let pause = flow_common::clock::sleep(RETRY_DELAY);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                Some(WriteRequest { reply, .. }) = waiting.recv() => {
                    let _ = reply.send(Err(StoreError::Unavailable(Arc::new(sqlx::Error::PoolTimedOut))));
                }
            }
        }
    }
}

async fn write(
    db: &Db,
    metrics: &StoreMetrics,
    entries: &[SessionWrite],
) -> Result<Vec<SessionWriteResult>, StoreError> {
    let mut tx = db.write("write_sessions", metrics).await?;
    let mut written = Vec::with_capacity(entries.len());
    for entry in entries {
        match write_one(&mut tx, entry).await {
            Ok(done) => written.push(done),
            Err(error) => {
                tx.rollback().await;
                return Err(error);
            }
        }
    }
    let changes: Vec<_> = changes(entries, &written).collect();
    if let Err(error) = contacts::write(&mut tx, &changes).await {
        tx.rollback().await;
        return Err(error);
    }
    tx.commit().await?;
    Ok(written)
}

async fn write_one(tx: &mut Tx, entry: &SessionWrite) -> Result<SessionWriteResult, StoreError> {
    match entry {
        SessionWrite::Open { party, instance, agent_version, now, away_after_s } => {
            let Some(found) = read(tx, party).await? else {
                return Ok(SessionWriteResult::Opened(SessionDecision::UnknownParty));
            };
            let replaced = found.instance.filter(|known| known != instance);
            if replaced.is_some()
                && (found.connected || *now < found.since.plus_secs(*away_after_s))
            {
                return Ok(SessionWriteResult::Opened(SessionDecision::InUse {
                    since: found.since,
                }));
            }
            let epoch = found.epoch + 1;
            let won = execute!(
                &mut *tx,
                "UPDATE parties SET epoch = ?, instance = ?, connected = 1, since = ?, agent_version = ? WHERE id = ? AND epoch = ?",
                signed(epoch),
                instance.as_str(),
                now.0,
                agent_version.as_str(),
                party.as_str(),
                signed(found.epoch),
            )?;
            Ok(if won == 0 {
                SessionWriteResult::Lost
            } else {
                SessionWriteResult::Opened(SessionDecision::Granted(SessionGrant {
                    epoch,
                    replaced,
                }))
            })
        }
        SessionWrite::Close { party, epoch, now, reason: _ } => {
            let closed = execute!(
                &mut *tx,
                "UPDATE parties SET connected = 0, since = ? WHERE id = ? AND epoch = ? AND connected = 1",
                now.0,
                party.as_str(),
                signed(*epoch),
            )?;
            Ok(SessionWriteResult::Matched(closed > 0))
        }
        SessionWrite::Inventory { party, digest, json } => {
            let set = execute!(
                &mut *tx,
                "UPDATE parties SET inventory_digest = ?, inventory = ? WHERE id = ?",
                digest.as_str(),
                json.as_str(),
                party.as_str()
            )?;
            Ok(SessionWriteResult::Matched(set > 0))
        }
    }
}

fn closed<E>(_: E) -> StoreError {
    StoreError::Unavailable(Arc::new(sqlx::Error::PoolClosed))
}

impl Store {
    async fn session_entry(&self, entry: SessionWrite) -> Result<SessionWriteResult, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.sessions.send(WriteRequest { entry, reply }).await.map_err(closed)?;
        answer.await.map_err(closed)?
    }

    /// Opens a session for this agent. The same journal supersedes its older session at once;
    /// another journal has to wait until the first agent has been away for `away_after_s`.
    pub async fn open_session(
        &self,
        party: &PartyId,
        instance: &InstanceId,
        agent_version: &str,
        now: Timestamp,
        away_after_s: u64,
    ) -> Result<SessionDecision, StoreError> {
        for _ in 0..OPEN_RETRIES_MAX {
            let (party, instance, agent_version) =
                (party.clone(), instance.clone(), agent_version.to_owned());
            if let SessionWriteResult::Opened(answer) = self
                .session_entry(SessionWrite::Open {
                    party,
                    instance,
                    agent_version,
                    now,
                    away_after_s,
                })
                .await?
            {
                return Ok(answer);
            }
        }
        Err(StoreError::Unavailable(Arc::new(sqlx::Error::PoolTimedOut)))
    }

    /// Closes the session for this reason; `false` if a newer session has superseded it.
    pub async fn close_session(
        &self,
        party: &PartyId,
        epoch: u64,
        now: Timestamp,
        reason: &'static str,
    ) -> Result<bool, StoreError> {
        let party = party.clone();
        let closed = self.session_entry(SessionWrite::Close { party, epoch, now, reason }).await?;
        Ok(matches!(closed, SessionWriteResult::Matched(true)))
    }

    /// Stores the party's inventory, as JSON of its agent.
    pub async fn set_inventory(
        &self,
        party: &PartyId,
        digest: &Digest,
        json: &str,
    ) -> Result<(), StoreError> {
        self.session_entry(SessionWrite::Inventory {
            party: party.clone(),
            digest: digest.clone(),
            json: json.to_owned(),
        })
        .await
        .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use flow_domain::time::Timestamp;

    use super::*;
    use crate::store::{PartyRow, StoreOptions};

    /// A database with parties `a` and `b`.
    struct Fixture {
        store: Store,
        _folder: tempfile::TempDir,
    }

    impl Fixture {
        async fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite:{}", folder.path().join("hub.db").display());
            let store = Store::open(&url, StoreOptions::default()).await.expect("it opens");
            store.migrate().await.expect("it migrates");
            for name in ["a", "b"] {
                let row = PartyRow {
                    id: party(name),
                    secret_digest: Digest::of(name.as_bytes()),
                    created_at: at(0),
                    remark: String::new(),
                };
                store.create_party(&row).await.expect("it is new");
            }
            Self { store, _folder: folder }
        }

        async fn write(&self, entries: &[SessionWrite]) -> Vec<SessionWriteResult> {
            write(&self.store.db, &self.store.metrics, entries).await.expect("the database writes")
        }

        /// Returns the epoch, and whether the party is connected.
        async fn state(&self, name: &str) -> (u64, bool) {
            let party = self
                .store
                .party(&party(name))
                .await
                .expect("the store answers")
                .expect("it is there");
            (party.epoch, party.connected)
        }
    }

    fn party(name: &str) -> PartyId {
        name.parse().expect("a name")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn open(name: &str, instance: u32) -> SessionWrite {
        SessionWrite::Open {
            party: party(name),
            instance: format!("{instance:032x}").parse().expect("an instance"),
            agent_version: "test".to_owned(),
            now: at(1),
            away_after_s: 30,
        }
    }

    fn close(name: &str, epoch: u64) -> SessionWrite {
        SessionWrite::Close { party: party(name), epoch, now: at(2), reason: "disconnected" }
    }

    fn inventory(name: &str) -> SessionWrite {
        SessionWrite::Inventory {
            party: party(name),
            digest: Digest::of(b"{}"),
            json: "{}".to_owned(),
        }
    }

    /// Describes the result of each write in a word or two.
    fn describe(written: &[SessionWriteResult]) -> Vec<String> {
        let word = |written: &SessionWriteResult| match written {
            SessionWriteResult::Opened(SessionDecision::Granted(grant)) => {
                format!("epoch {}", grant.epoch)
            }
            SessionWriteResult::Opened(SessionDecision::InUse { .. }) => "in use".to_owned(),
            SessionWriteResult::Opened(SessionDecision::UnknownParty) => "unknown".to_owned(),
            SessionWriteResult::Lost => "lost".to_owned(),
            SessionWriteResult::Matched(matched) => matched.to_string(),
        };
        written.iter().map(word).collect()
    }

    #[tokio::test]
    async fn session_writes_of_all_kinds_share_one_transaction_in_order() {
        let fx = Fixture::new().await;
        let batch = [
            open("a", 1),
            open("unknown", 1),
            // Another agent of the party, in the same batch.
            open("a", 2),
            open("a", 1),
            close("a", 1),
            inventory("a"),
            open("b", 3),
            close("b", 1),
            inventory("unknown"),
        ];
        let written = fx.write(&batch).await;
        assert_eq!(
            describe(&written),
            [
                "epoch 1", "unknown", "in use", "epoch 2", "false", "true", "epoch 1", "true",
                "false"
            ]
        );
        assert_eq!((fx.state("a").await, fx.state("b").await), ((2, true), (1, false)));
    }

    #[tokio::test]
    async fn failed_session_write_does_not_prevent_others() {
        let fx = Fixture::new().await;
        let (posts, waiting) = mpsc::channel(8);
        let mut answers = Vec::new();
        for entry in [open("a", 1), open("b", 1), inventory("a")] {
            let (reply, answer) = oneshot::channel();
            posts.send(WriteRequest { entry, reply }).await.expect("there is room");
            answers.push(answer);
        }
        drop(posts);
        let (db, metrics) = (Arc::clone(&fx.store.db), fx.store.metrics.clone());
        run(waiting, async move |entries: &[SessionWrite]| {
            // As if the row of `b` could not be read.
            let broken =
                |entry: &SessionWrite| matches!(entry, SessionWrite::Open { party, .. } if party.as_str() == "b");
            match entries.iter().any(broken) {
                true => Err(StoreError::corrupt("parties", "instance", "b", "nonsense")),
                false => write(&db, &metrics, entries).await,
            }
        })
        .await;
        let mut results = Vec::new();
        for answer in answers {
            results.push(answer.await.expect("an answer").map_err(|error| error.to_string()));
        }
        assert!(
            matches!(
                &results[..],
                [
                    Ok(SessionWriteResult::Opened(SessionDecision::Granted(_))),
                    Err(_),
                    Ok(SessionWriteResult::Matched(true))
                ]
            ),
            "{results:?}"
        );
        assert_eq!((fx.state("a").await, fx.state("b").await), ((1, true), (0, false)));
    }

    /// A database that loses the answers to its first commits, after or before they are stored.
    async fn with_lost_answers(
        fx: &Fixture,
        stored: bool,
        lost: usize,
        entries: Vec<SessionWrite>,
    ) -> Vec<Result<SessionWriteResult, StoreError>> {
        let (posts, waiting) = mpsc::channel(8);
        let mut answers = Vec::new();
        for entry in entries {
            let (reply, answer) = oneshot::channel();
            posts.send(WriteRequest { entry, reply }).await.expect("there is room");
            answers.push(answer);
        }
        drop(posts);
        let (db, metrics) = (Arc::clone(&fx.store.db), fx.store.metrics.clone());
        let left = Mutex::new(lost);
        run(waiting, async move |entries: &[SessionWrite]| {
            let lose = {
                let mut left = left.lock().expect("no holder panics");
                let lose = *left > 0;
                *left = left.saturating_sub(1);
                lose
            };
            match (lose, stored) {
                (false, _) => write(&db, &metrics, entries).await,
                (true, true) => {
                    write(&db, &metrics, entries).await.and(Err(StoreError::timed_out()))
                }
                (true, false) => Err(StoreError::timed_out()),
            }
        })
        .await;
        let mut results = Vec::new();
        for answer in answers {
            results.push(answer.await.expect("an answer"));
        }
        results
    }

    #[tokio::test]
    async fn session_with_an_unknown_commit_belongs_to_its_agent() {
        for (stored, epoch) in [(true, 3), (false, 1)] {
            let fx = Fixture::new().await;
            let results = with_lost_answers(
                &fx,
                stored,
                2,
                vec![open("a", 1), inventory("a"), close("b", 7)],
            )
            .await;
            let [
                Ok(SessionWriteResult::Opened(SessionDecision::Granted(grant))),
                Ok(SessionWriteResult::Matched(true)),
                Ok(SessionWriteResult::Matched(false)),
            ] = &results[..]
            else {
                panic!("{results:?}");
            };
            assert_eq!(grant.epoch, epoch, "stored: {stored}");
            assert_eq!(fx.state("a").await, (epoch, true));
            // The agent's session can close the stored session, and another agent is accepted.
            assert_eq!(state_after_close(&fx, "a", epoch).await, (epoch, false));
        }
    }

    async fn state_after_close(fx: &Fixture, name: &str, epoch: u64) -> (u64, bool) {
        fx.write(&[close(name, epoch)]).await;
        fx.state(name).await
    }
}
