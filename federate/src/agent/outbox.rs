//! Messages to the hub in their order: the full set, then changed reports, then progress.
//!
//! The outbox keeps the newest state and no queue of changes, so a slow hub costs no memory. A hub
//! that is killed loses the progress that it received in its last seconds and had not written: the
//! outbox keeps the newest sent points of each member and repeats them at the start of the next
//! session; the hub ignores points that it has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use flow_common::clock::Monotonic;
use flow_domain::id::{Digest, RunId};
use flow_domain::progress::Progress;
use flow_proto::v1::agent_message::Body;
use flow_proto::v1::{
    AgentMessage, Inventory, MemberProgress, MemberReport, MemberReports, ProgressBatch,
    SnapshotBegin, SnapshotEnd, SpecChecked,
};
use tokio::sync::mpsc;

use crate::admission::LogPolicy;
use crate::convert;
use crate::member::Member;
use crate::reconcile::MemberSet;
use crate::runtime::WorkKey;

/// Size of a chunk of the full set and of a batch of progress.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_secs(2);
/// Points kept of a member while they cannot be sent.
const UNSENT_POINTS_MAX: usize = 2_000;
/// Points kept of a member after they were sent: those of the seconds until the hub has written them.
const SENT_POINTS_MAX: usize = 256;
/// Reports of rejected members that wait for the hub to read. Further ones are dropped: the hub asks
/// again with its next set.
const REJECTIONS_MAX: usize = 4_096;
/// Queued messages beyond which answers to checks of specs are dropped.
const QUEUED_CHECKS_MAX: usize = 256;

#[derive(Debug, Default)]
pub struct Outbox {
    logs: LogPolicy,
    out: Option<mpsc::Sender<AgentMessage>>,
    /// Messages that precede all others.
    first: VecDeque<Body>,
    rejected: VecDeque<MemberReport>,
    reports: BTreeSet<RunId>,
    progress: BTreeMap<WorkKey, Progress>,
    /// The newest progress that was sent.
    sent: BTreeMap<WorkKey, Progress>,
    progress_at: Option<Monotonic>,
}

impl Outbox {
    /// An outbox whose reports contain of the workloads' output what this policy allows.
    pub fn new(logs: LogPolicy) -> Self {
        Self { logs, ..Self::default() }
    }

    /// Begins a session: queues the newest progress, then the full set, because the hub ignores
    /// progress of a member whose end it knows.
    pub fn open(
        &mut self,
        out: mpsc::Sender<AgentMessage>,
        epoch: u64,
        set: Vec<MemberReport>,
        members: &MemberSet,
    ) {
        self.close();
        self.out = Some(out);
        for (key, sent) in std::mem::take(&mut self.sent) {
            let newer = self.progress.remove(&key);
            self.progress.insert(key.clone(), sent);
            if let Some(newer) = newer {
                convert::coalesce(&mut self.progress, key, newer, UNSENT_POINTS_MAX);
            }
        }
        self.queue_progress(members);
        self.first
            .push_back(Body::SnapshotBegin(SnapshotBegin { epoch, ..SnapshotBegin::default() }));
        self.first.extend(chunks(set).map(|members| Body::Members(MemberReports { members })));
        self.first.push_back(Body::SnapshotEnd(SnapshotEnd { epoch }));
    }

    /// Ends the session. The next one sends the newest state.
    pub fn close(&mut self) {
        self.out = None;
        self.first.clear();
        self.rejected.clear();
        self.reports.clear();
    }

    /// Queues the inventory of the party.
    pub fn inventory(&mut self, (digest, json): (Digest, Vec<u8>)) {
        if self.out.is_some() {
            self.first.push_back(Body::Inventory(Inventory { digest: digest.to_string(), json }));
        }
    }

    /// Queues the answer to a check of a spec. One that finds too many messages queued is dropped: the
    /// hub, which does not read, gets no answer.
    pub fn checked(&mut self, checked: SpecChecked) {
        if self.out.is_some() && self.first.len() < QUEUED_CHECKS_MAX {
            self.first.push_back(Body::SpecChecked(checked));
        }
    }

    /// Queues the reports of these members.
    pub fn report(&mut self, mut runs: BTreeSet<RunId>) {
        if self.out.is_some() {
            self.reports.append(&mut runs);
        }
    }

    /// Queues the report of a rejected member, once.
    pub fn report_rejected(&mut self, member: &Member) {
        if self.out.is_some() && self.rejected.len() < REJECTIONS_MAX {
            self.rejected.push_back(convert::report(member, self.logs));
        }
    }

    /// Records new progress of a workload.
    pub fn progress(&mut self, key: WorkKey, progress: Progress, now: Monotonic) {
        convert::coalesce(&mut self.progress, key, progress, UNSENT_POINTS_MAX);
        self.progress_at.get_or_insert(now);
    }

    /// The latest progress of a workload, without its points.
    pub fn latest(&self, key: &WorkKey) -> Option<Progress> {
        let latest = self.progress.get(key).or_else(|| self.sent.get(key))?;
        let Progress { epoch, epochs, parties, metrics, points: _, complete } = latest;
        let (epoch, epochs, complete) = (*epoch, *epochs, *complete);
        let (parties, metrics) = (parties.clone(), metrics.clone());
        Some(Progress { epoch, epochs, parties, metrics, points: Vec::new(), complete })
    }

    /// Time at which progress may be sent.
    pub fn next_due(&self) -> Option<Monotonic> {
        self.progress_at.filter(|_| self.out.is_some() && !self.progress.is_empty())
    }

    fn is_empty(&self, now: Monotonic) -> bool {
        self.first.is_empty()
            && self.rejected.is_empty()
            && self.reports.is_empty()
            && self.next_due().is_none_or(|at| now < at)
    }

    /// Sends all messages for which the session has room.
    pub fn send_ready(&mut self, members: &MemberSet, now: Monotonic) {
        while !self.is_empty(now) {
            let Some(Ok(permit)) = self.out.clone().map(mpsc::Sender::try_reserve_owned) else {
                return;
            };
            if let Some(body) = self.next_message(members, now) {
                permit.send(AgentMessage { body: Some(body) });
            }
        }
    }

    /// Waits until there is a message and the session has room, and sends it.
    pub async fn send_next(&mut self, members: &MemberSet, now: Monotonic) {
        let Some(out) = self.out.as_ref().filter(|_| !self.is_empty(now)) else {
            return std::future::pending().await;
        };
        let Ok(permit) = out.clone().reserve_owned().await else {
            // The session task reports the end later.
            self.close();
            return;
        };
        if let Some(body) = self.next_message(members, now) {
            permit.send(AgentMessage { body: Some(body) });
        }
    }

    fn next_message(&mut self, members: &MemberSet, now: Monotonic) -> Option<Body> {
        if let Some(body) = self.first.pop_front() {
            return Some(body);
        }
        if let Some(report) = self.rejected.pop_front() {
            return Some(Body::Report(report));
        }
        let Some(member) = self.reports.first().and_then(|run| members.member(run)) else {
            if self.reports.pop_first().is_some() {
                // The member has settled.
                return None;
            }
            self.progress_at = Some(now + PROGRESS_INTERVAL_MIN);
            self.queue_progress(members);
            return self.first.pop_front();
        };
        // The last progress of a member precedes its end: the hub ignores later progress.
        if member.phase.is_terminal()
            && let Some(progress) = self.progress.remove(&member.key())
        {
            return Some(Body::Progress(ProgressBatch {
                members: vec![self.take_progress(member.key(), progress)],
            }));
        }
        self.reports.pop_first();
        Some(Body::Report(convert::report(member, self.logs)))
    }

    /// Queues all waiting progress, in as many messages as it needs.
    fn queue_progress(&mut self, members: &MemberSet) {
        let held =
            |key: &WorkKey| members.member(&key.run).is_some_and(|m| m.attempt == key.attempt);
        self.sent.retain(|key, _| held(key));
        let waiting: Vec<_> =
            std::mem::take(&mut self.progress).into_iter().filter(|(key, _)| held(key)).collect();
        let members: Vec<_> =
            waiting.into_iter().map(|(key, progress)| self.take_progress(key, progress)).collect();
        self.first.extend(chunks(members).map(|members| Body::Progress(ProgressBatch { members })));
    }

    /// Converts progress to a message, and keeps its newest points for the next session.
    fn take_progress(&mut self, key: WorkKey, progress: Progress) -> MemberProgress {
        let message = convert::progress(&key, progress.clone());
        convert::coalesce(&mut self.sent, key, progress, SENT_POINTS_MAX);
        message
    }
}

/// Chunks of at most [`CHUNK_BYTES_MAX`] bytes, unless a single item is longer.
fn chunks<T: prost::Message>(items: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut items = items.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut chunk = vec![items.next()?];
        let mut size = chunk[0].encoded_len() + 8;
        while let Some(item) =
            items.next_if(|item| size + item.encoded_len() + 8 <= CHUNK_BYTES_MAX)
        {
            size += item.encoded_len() + 8;
            chunk.push(item);
        }
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_all_items_in_order_within_the_size_limit() {
        let report = |n: u64| MemberReport {
            sequence: n,
            run_id: "x".repeat(300_000),
            ..MemberReport::default()
        };
        let all: Vec<_> = chunks((0..8).map(report).collect()).collect();
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
        assert!(all.iter().flatten().map(|report| report.sequence).eq(0..8));
        assert!(
            all.iter().all(|chunk| prost::Message::encoded_len(&MemberReports {
                members: chunk.clone()
            }) <= CHUNK_BYTES_MAX)
        );
        assert_eq!(chunks(Vec::<MemberReport>::new()).count(), 0);
        let long =
            MemberReport { run_id: "x".repeat(2 * CHUNK_BYTES_MAX), ..MemberReport::default() };
        assert_eq!(
            chunks(vec![report(0), long, report(1)]).count(),
            3,
            "a longer item has a chunk of its own"
        );
    }
}
