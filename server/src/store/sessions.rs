//! What sessions of agents write: who speaks for a party (the newest wins, by compare-and-swap on its epoch), that a
//! session is over, what the party offers.
//!
//! Many at a time: everything that waits is written in one transaction. Ten thousand agents that come back at once would
//! otherwise make ten thousand commits, and the engine's would wait behind them.

use std::sync::Arc;

use flow_domain::id::{Digest, InstanceId, PartyId};
use flow_domain::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::db::{Db, Tx, execute};
use super::error::StoreError;
use super::parties::read;
use super::types::{SessionAnswer, SessionGrant};
use super::{Store, signed};

/// Lost races for a session after which the caller is told to try later.
const RACES: u32 = 5;
/// Most entries of one transaction.
const BATCH: usize = 256;

/// Something a session writes.
#[derive(Debug)]
enum Entry {
    Open { party: PartyId, instance: InstanceId, agent_version: String, now: Timestamp, away_after_s: u64 },
    Close { party: PartyId, epoch: u64, now: Timestamp },
    Inventory { party: PartyId, digest: Digest, json: String },
}

/// What became of it.
#[derive(Debug)]
enum Written {
    Opened(SessionAnswer),
    /// Somebody else, on another replica, was first.
    Lost,
    /// Whether there was something to write it into.
    Matched(bool),
}

/// An entry whose writer waits.
#[derive(Debug)]
pub(super) struct Post {
    entry: Entry,
    reply: oneshot::Sender<Result<Written, StoreError>>,
}

/// Starts writing; ends when the last sender is gone.
pub(super) fn start(db: Arc<Db>) -> mpsc::Sender<Post> {
    let (posts, mut waiting) = mpsc::channel::<Post>(BATCH);
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            let (entries, replies): (Vec<_>, Vec<_>) = batch.drain(..).map(|post| (post.entry, post.reply)).unzip();
            let answers: Vec<_> = match write(&db, &entries).await {
                Ok(written) => written.into_iter().map(Ok).collect(),
                // One that cannot be written must not keep the others from it.
                Err(error @ (StoreError::Corrupt { .. } | StoreError::Broken(_))) if entries.len() > 1 => {
                    tracing::warn!(%error, "sessions are written one by one");
                    let mut answers = Vec::with_capacity(entries.len());
                    for entry in &entries {
                        let alone = write(&db, std::slice::from_ref(entry)).await;
                        answers.push(alone.map(|mut written| written.pop().unwrap_or(Written::Lost)));
                    }
                    answers
                }
                Err(error) => entries.iter().map(|_| Err(error.clone())).collect(),
            };
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A session that has ended meanwhile does not wait for it.
                let _ = reply.send(answer);
            }
        }
    });
    posts
}

async fn write(db: &Db, entries: &[Entry]) -> Result<Vec<Written>, StoreError> {
    let mut tx = db.write().await?;
    let mut written = Vec::with_capacity(entries.len());
    for entry in entries {
        match one(&mut tx, entry).await {
            Ok(done) => written.push(done),
            Err(error) => {
                tx.rollback().await;
                return Err(error);
            }
        }
    }
    tx.commit().await?;
    Ok(written)
}

async fn one(tx: &mut Tx, entry: &Entry) -> Result<Written, StoreError> {
    match entry {
        Entry::Open { party, instance, agent_version, now, away_after_s } => {
            let Some(found) = read(tx, party).await? else { return Ok(Written::Opened(SessionAnswer::UnknownParty)) };
            let replaced = found.instance.filter(|known| known != instance);
            if replaced.is_some() && (found.connected || *now < found.since.plus_secs(*away_after_s)) {
                return Ok(Written::Opened(SessionAnswer::InUse { since: found.since }));
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
            Ok(if won == 0 { Written::Lost } else { Written::Opened(SessionAnswer::Granted(SessionGrant { epoch, replaced })) })
        }
        Entry::Close { party, epoch, now } => {
            let closed = execute!(
                &mut *tx,
                "UPDATE parties SET connected = 0, since = ? WHERE id = ? AND epoch = ? AND connected = 1",
                now.0,
                party.as_str(),
                signed(*epoch),
            )?;
            Ok(Written::Matched(closed > 0))
        }
        Entry::Inventory { party, digest, json } => {
            let set = execute!(
                &mut *tx,
                "UPDATE parties SET inventory_digest = ?, inventory = ? WHERE id = ?",
                digest.as_str(),
                json.as_str(),
                party.as_str()
            )?;
            Ok(Written::Matched(set > 0))
        }
    }
}

fn closed<E>(_: E) -> StoreError {
    StoreError::Unavailable(Arc::new(sqlx::Error::PoolClosed))
}

impl Store {
    async fn session_entry(&self, entry: Entry) -> Result<Written, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.sessions.send(Post { entry, reply }).await.map_err(closed)?;
        answer.await.map_err(closed)?
    }

    /// A session for this agent. The same journal supersedes its older session at once; another one has to wait until
    /// the first has been away for `away_after_s`.
    pub async fn open_session(
        &self,
        party: &PartyId,
        instance: &InstanceId,
        agent_version: &str,
        now: Timestamp,
        away_after_s: u64,
    ) -> Result<SessionAnswer, StoreError> {
        for _ in 0..RACES {
            let (party, instance, agent_version) = (party.clone(), instance.clone(), agent_version.to_owned());
            if let Written::Opened(answer) = self.session_entry(Entry::Open { party, instance, agent_version, now, away_after_s }).await? {
                return Ok(answer);
            }
        }
        Err(StoreError::Unavailable(Arc::new(sqlx::Error::PoolTimedOut)))
    }

    /// The session is over; `false` if a newer one had taken its place already.
    pub async fn close_session(&self, party: &PartyId, epoch: u64, now: Timestamp) -> Result<bool, StoreError> {
        let closed = self.session_entry(Entry::Close { party: party.clone(), epoch, now }).await?;
        Ok(matches!(closed, Written::Matched(true)))
    }

    /// What the party offers: JSON as its agent sent it.
    pub async fn set_inventory(&self, party: &PartyId, digest: &Digest, json: &str) -> Result<(), StoreError> {
        self.session_entry(Entry::Inventory { party: party.clone(), digest: digest.clone(), json: json.to_owned() }).await.map(|_| ())
    }
}
