//! What is to be said to the hub, in which order: the full set, then members whose report changed, then progress.
//! Everything is kept as the newest state, never as a queue of changes, so that a slow hub costs no memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flow_domain::id::{Digest, RunId};
use flow_domain::progress::Progress;
use flow_domain::time::Timestamp;
use flow_proto::v1::agent_message::Body;
use flow_proto::v1::{AgentMessage, Inventory, MemberReport, MemberReports, ProgressBatch, SnapshotBegin, SnapshotEnd};
use tokio::sync::mpsc;

use crate::convert;
use crate::reconcile::Party;
use crate::runtime::WorkKey;

/// Largest chunk of the full set, in bytes.
const CHUNK: usize = 1024 * 1024;
/// Shortest time between two batches of progress, in seconds.
const PROGRESS_EVERY_S: u64 = 2;

/// What is to be said.
#[derive(Debug, Default)]
pub struct Outbox {
    out: Option<mpsc::Sender<AgentMessage>>,
    first: VecDeque<Body>,
    reports: BTreeSet<RunId>,
    progress: BTreeMap<WorkKey, Progress>,
    progress_at: Option<Timestamp>,
}

impl Outbox {
    /// A session is open: say the full set.
    pub fn open(&mut self, out: mpsc::Sender<AgentMessage>, epoch: u64, set: Vec<MemberReport>) {
        self.out = Some(out);
        self.reports.clear();
        self.first.clear();
        self.first.push_back(Body::SnapshotBegin(SnapshotBegin { epoch, ..SnapshotBegin::default() }));
        let mut chunk = MemberReports::default();
        let mut size = 0;
        for report in set {
            let more = prost::Message::encoded_len(&report) + 8;
            if size + more > CHUNK && !chunk.members.is_empty() {
                self.first.push_back(Body::Members(std::mem::take(&mut chunk)));
                size = 0;
            }
            size += more;
            chunk.members.push(report);
        }
        if !chunk.members.is_empty() {
            self.first.push_back(Body::Members(chunk));
        }
        self.first.push_back(Body::SnapshotEnd(SnapshotEnd { epoch }));
    }

    /// The session is over. What is newest is said in the next one's full set.
    pub fn close(&mut self) {
        self.out = None;
        self.first.clear();
        self.reports.clear();
    }

    /// The way out, for side tasks.
    pub fn sender(&self) -> Option<mpsc::Sender<AgentMessage>> {
        self.out.clone()
    }

    /// Say what the party offers.
    pub fn inventory(&mut self, (digest, json): (Digest, Vec<u8>)) {
        if self.out.is_some() {
            self.first.push_back(Body::Inventory(Inventory { digest: digest.to_string(), json }));
        }
    }

    /// These members' reports have changed.
    pub fn report(&mut self, mut runs: BTreeSet<RunId>) {
        if self.out.is_some() {
            self.reports.append(&mut runs);
        }
    }

    /// A workload has moved on.
    pub fn progress(&mut self, key: WorkKey, progress: Progress, now: Timestamp) {
        convert::coalesce(&mut self.progress, key, progress);
        self.progress_at.get_or_insert(now);
    }

    /// When progress may be sent.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.progress_at.filter(|_| self.out.is_some() && !self.progress.is_empty())
    }

    fn is_empty(&self, now: Timestamp) -> bool {
        self.first.is_empty() && self.reports.is_empty() && self.next_due().is_none_or(|at| now < at)
    }

    /// Sends as much as the hub takes at once.
    pub fn send_ready(&mut self, party: &Party, now: Timestamp) {
        while !self.is_empty(now) {
            let Some(Ok(permit)) = self.out.clone().map(mpsc::Sender::try_reserve_owned) else { return };
            if let Some(body) = self.next(party, now) {
                permit.send(AgentMessage { body: Some(body) });
            }
        }
    }

    /// Sends one message, as soon as there is one and the hub takes it.
    pub async fn send_next(&mut self, party: &Party, now: Timestamp) {
        let Some(out) = self.out.as_ref().filter(|_| !self.is_empty(now)) else {
            return std::future::pending().await;
        };
        let Ok(permit) = out.clone().reserve_owned().await else {
            // The session's reader says so too; until then there is nothing to say it to.
            self.close();
            return;
        };
        if let Some(body) = self.next(party, now) {
            permit.send(AgentMessage { body: Some(body) });
        }
    }

    fn next(&mut self, party: &Party, now: Timestamp) -> Option<Body> {
        if let Some(body) = self.first.pop_front() {
            return Some(body);
        }
        let Some(member) = self.reports.first().and_then(|run| party.member(run)) else {
            return match self.reports.pop_first() {
                // It settled meanwhile.
                Some(_) => None,
                None => self.all_progress(party, now),
            };
        };
        // The last progress of a member goes before its end, after which the hub would not take it.
        if member.phase.is_terminal()
            && let Some(progress) = self.progress.remove(&member.key())
        {
            return Some(Body::Progress(ProgressBatch { members: vec![convert::progress(&member.key(), progress)] }));
        }
        self.reports.pop_first();
        Some(Body::Report(convert::report(member)))
    }

    fn all_progress(&mut self, party: &Party, now: Timestamp) -> Option<Body> {
        self.progress_at = Some(now.plus_secs(PROGRESS_EVERY_S));
        let members: Vec<_> = std::mem::take(&mut self.progress)
            .into_iter()
            .filter(|(key, _)| party.member(&key.run).is_some_and(|m| m.attempt == key.attempt))
            .map(|(key, progress)| convert::progress(&key, progress))
            .collect();
        (!members.is_empty()).then_some(Body::Progress(ProgressBatch { members }))
    }
}
