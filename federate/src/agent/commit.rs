//! Writes of the journal, and the consequences of a commit in their order: write, request, report.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_common::clock;
use flow_domain::id::Digest;

use super::Agent;
use crate::control::Change;
use crate::member::Member;
use crate::reconcile::{Action, Input, MemberStep, StepKind, Transition};
use crate::runtime_queue::Request;

/// Longest time for which a change that the runtime can report again stays unwritten.
const WRITE_DELAY_MAX: Duration = Duration::from_secs(1);
/// Delay between two attempts to write a failing journal.
const JOURNAL_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Shortest time between two writes that only test the journal.
const JOURNAL_PROBE_INTERVAL_MIN: Duration = Duration::from_secs(1);

impl Agent {
    /// Writes, then sends requests and reports; repeats while that causes further changes.
    pub(super) async fn commit(&mut self) {
        loop {
            let is_retry = self.journal_retry.is_some_and(|at| self.clock.monotonic() >= at);
            let out = std::mem::take(&mut self.out);
            if out == Transition::default() && !is_retry {
                break;
            }
            let Transition { write, write_later, actions, reports, rejected, steps } = out;
            let changed = write.keys().chain(&write_later).chain(&reports);
            let changed = changed.chain(steps.iter().map(|step| &step.member.run));
            changed.for_each(|run| self.changes.send(Change::Member(run.clone())));
            self.write_later.extend(write_later);
            let must_write = !write.is_empty() || is_retry;
            self.unwritten.extend(write);
            let is_written =
                if must_write { self.write().await } else { self.journal_retry.is_none() };
            let mut undone = Vec::new();
            for action in actions {
                match action {
                    Action::Stop(key, grace_s) => {
                        self.runtime_queue.enqueue(Request::Stop(key, grace_s));
                    }
                    Action::Forget(key) if is_written => {
                        self.runtime_queue.enqueue(Request::Forget(key));
                    }
                    // The next process requests it again.
                    Action::Forget(_) => {}
                    Action::Hold(_) | Action::Start(_) if !is_written => undone.push(action),
                    Action::Hold(key) => self.request_hold(&key),
                    Action::Start(key) => self.request_start(&key).await,
                }
            }
            if !undone.is_empty() || (!is_written && must_write) {
                self.apply(Input::WriteFailed(undone));
            }
            self.outbox.report(reports);
            rejected.iter().for_each(|member| self.outbox.report_rejected(member));
            let rejected = rejected
                .into_iter()
                .map(|member| MemberStep { kind: StepKind::PhaseChanged, member });
            self.log_steps(steps.into_iter().chain(rejected));
        }
        let is_dirty = !self.write_later.is_empty() || self.seen != self.journal.seen();
        if is_dirty && self.write_by.is_none() {
            self.write_by = Some(self.clock.monotonic() + WRITE_DELAY_MAX);
        }
    }

    /// Writes the changes that the runtime could report again.
    pub(super) async fn flush(&mut self) {
        self.write_by = None;
        self.write().await;
    }

    /// Writes all unwritten changes in one transaction. Returns true if they are durable.
    async fn write(&mut self) -> bool {
        for run in std::mem::take(&mut self.write_later) {
            if let Some(member) = self.members.member(&run) {
                self.unwritten.insert(run, member.clone());
            }
        }
        let members: Vec<&Member> = self.unwritten.values().collect();
        let specs: BTreeMap<&Digest, &[u8]> = members
            .iter()
            .filter_map(|member| self.specs.get_key_value(member.startable_spec()?))
            .map(|(digest, spec)| (digest, spec.bytes.as_slice()))
            .collect();
        let specs: Vec<_> = specs.into_iter().collect();
        match self.journal.write(&members, &specs, self.members.sequence(), self.seen).await {
            Ok(()) => {
                self.unwritten.clear();
                self.write_by = None;
                self.wrote_at = Some(clock::monotonic());
                if self.journal_retry.take().is_some() {
                    tracing::info!("the journal takes writes again");
                    self.changes.send(Change::Party);
                    self.apply(Input::WriteRecovered);
                }
                true
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    "cannot write the journal; the agent takes no new work until it can: free \
                     space on the disk of data_dir"
                );
                self.journal_retry = Some(self.clock.monotonic() + JOURNAL_RETRY_DELAY);
                self.changes.send(Change::Party);
                false
            }
        }
    }

    /// Tests whether the journal takes writes, for a status request. A recent write is test enough.
    pub(super) async fn probe_journal(&mut self) {
        if self.journal_retry.is_none()
            && self.wrote_at.is_none_or(|at| at.elapsed() >= JOURNAL_PROBE_INTERVAL_MIN)
        {
            self.write().await;
        }
    }

    /// Deletes settled members past their retention.
    pub(super) async fn purge(&mut self) {
        let Some(before) = self.retention.cutoff(self.clock.read()) else { return };
        match self.journal.purge(before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "deleted settled members past their retention"),
            Err(error) => {
                tracing::warn!(%error, "cannot delete settled members from the journal; retrying");
            }
        }
    }
}
