//! The agent's reports: each is stored before its acknowledgement, and members that this hub does
//! not know become orphans.

use flow_domain::error::Error;
use flow_domain::id::RunId;
use flow_domain::run::Refusal;
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{Ack, Acks, MemberReport};
use futures::StreamExt;

use super::{PENDING_REPORTS_MAX, Session, SessionEnd, malformed, over_limit};
use crate::engine::ReportOutcome;
use crate::engine::progress::RunOwner;
use crate::grpc::convert;
use crate::store::{AuditReport, Orphan, OrphanDecision, OrphanKey, PageRequest};

/// Live members per party that this hub does not know.
const PARTY_ORPHANS_MAX: u32 = 1_000;

impl Session<'_> {
    /// Handles the end of the agent's set: orphans that it did not report are gone.
    pub(super) async fn finish_set(&mut self) -> Result<(), SessionEnd> {
        while let Some((reported, outcome)) = self.pending.next().await {
            self.handle_outcome(reported, outcome).await?;
        }
        let listed = self
            .app
            .store
            .orphans(Some(self.party), &PageRequest::first(PARTY_ORPHANS_MAX))
            .await?;
        for orphan in listed.items {
            if !self.orphans.contains(&orphan.key) {
                self.app.store.forget_orphan(&orphan.key).await?;
            }
        }
        Ok(())
    }

    /// Returns the task of a run with a member of this party; progress of other runs is ignored.
    /// Looked up once per run.
    pub(super) async fn owner(&mut self, run: &RunId) -> Result<Option<RunOwner>, SessionEnd> {
        if let Some(owner) = self.owners.get(run) {
            return Ok(Some(owner.clone()));
        }
        let Some(task) = self.tasks.get(run) else { return Ok(None) };
        let Some(aggregate) = self.app.store.load_task(task).await? else { return Ok(None) };
        if !aggregate
            .runs
            .iter()
            .any(|found| &found.id == run && found.member(self.party).is_some())
        {
            return Ok(None);
        }
        let owner = (task.clone(), aggregate.task.project.clone());
        self.owners.insert(run.clone(), owner.clone());
        Ok(Some(owner))
    }

    /// Posts a report; its acknowledgement follows when it is stored.
    pub(super) async fn report(&mut self, message: MemberReport) -> Result<(), SessionEnd> {
        let reported = convert::report(&self.instance, message).map_err(malformed)?;
        if reported.report.phase.is_terminal() {
            self.tasks.remove(&reported.run);
            self.owners.remove(&reported.run);
        } else {
            self.tasks.insert(reported.run.clone(), reported.task.clone());
        }
        // A large set may contain more reports than may be pending.
        while self.pending.len() >= PENDING_REPORTS_MAX {
            if let Some((reported, outcome)) = self.pending.next().await {
                self.handle_outcome(reported, outcome).await?;
            }
        }
        let answer = self
            .app
            .engine
            .report(
                reported.task.clone(),
                reported.run.clone(),
                self.party.clone(),
                reported.report.clone(),
            )
            .await?;
        self.pending.push(Box::pin(async move { (reported, answer.await) }));
        Ok(())
    }

    pub(super) async fn handle_outcome(
        &mut self,
        reported: convert::ParsedReport,
        outcome: Result<ReportOutcome, Error>,
    ) -> Result<(), SessionEnd> {
        let settled = match outcome? {
            ReportOutcome::Taken { settled, refused } => {
                if let Some(refusal @ (Refusal::OldAttempt | Refusal::WrongInstance)) = refused {
                    self.audit(&reported, refusal).await?;
                }
                settled
            }
            ReportOutcome::Unknown => match self.app.store.run(&reported.run).await? {
                Some(run) if run.member(self.party).is_some() => {
                    run.member(self.party).is_some_and(|member| member.settled)
                }
                _ => return self.orphan(reported).await,
            },
        };
        self.acknowledge(&reported, settled).await
    }

    async fn acknowledge(
        &mut self,
        reported: &convert::ParsedReport,
        settled: bool,
    ) -> Result<(), SessionEnd> {
        let convert::ParsedReport { run, report, .. } = reported;
        let ack = Ack {
            run_id: run.to_string(),
            attempt: report.attempt,
            sequence: report.sequence,
            settled,
        };
        self.send(ToAgent::Acks(Acks { acks: vec![ack] })).await
    }

    /// Keeps a report that changes no phase.
    async fn audit(
        &mut self,
        reported: &convert::ParsedReport,
        refusal: Refusal,
    ) -> Result<(), SessionEnd> {
        let row = AuditReport {
            party: self.party.clone(),
            run: reported.run.clone(),
            report: serde_json::to_string(&reported.report).unwrap_or_default(),
            attempt: reported.report.attempt,
            sequence: reported.report.sequence,
            instance: self.instance.clone(),
            refusal: refusal.to_string(),
            at: self.app.clock.now(),
        };
        Ok(self.app.store.audit_report(&row).await?)
    }

    /// Handles a member that this hub does not know. A terminal one is acknowledged. A live one is
    /// stopped if this hub, in its present incarnation, must have created it and lost it; otherwise
    /// the hub was restored from a backup, and an operator decides.
    async fn orphan(&mut self, reported: convert::ParsedReport) -> Result<(), SessionEnd> {
        // Dropped, so that invented runs do not fill the memory.
        self.tasks.remove(&reported.run);
        let convert::ParsedReport { run, task, digest, report } = &reported;
        let key =
            OrphanKey { party: self.party.clone(), run: run.clone(), attempt: report.attempt };
        let known = self.app.store.orphan(&key).await?;
        if report.phase.is_terminal() {
            self.orphans.remove(&key);
            if known.is_some() {
                self.app.store.forget_orphan(&key).await?;
            }
            return self.acknowledge(&reported, true).await;
        }
        // A listed orphan stays with the operator, however often the agent reconnects.
        if known
            .as_ref()
            .map_or(self.is_known_to_agent, |orphan| orphan.decision == Some(OrphanDecision::Stop))
        {
            if let Some(left_out) = self.app.sessions.admit_log_line(self.party) {
                tracing::warn!(party.id = %self.party, run.id = %run, left_out = flow_common::log_limit::if_any(left_out), "stopping a member of an unknown run");
            }
            self.send(ToAgent::DesiredMember(convert::stop_orphan(&key, task, self.revision)))
                .await?;
        } else if known.is_none()
            && let Some(left_out) = self.app.sessions.admit_log_line(self.party)
        {
            tracing::warn!(party.id = %self.party, run.id = %run, left_out = flow_common::log_limit::if_any(left_out), "an orphan from before the hub's restore keeps running; see `flowctl orphan list`");
        }
        if known.is_some() || !self.is_known_to_agent {
            let orphan = Orphan {
                key,
                task: Some(task.clone()),
                digest: digest.clone(),
                phase: report.phase,
                seen_at: self.app.clock.now(),
                decision: None,
            };
            if !self.app.store.put_orphan(&orphan, PARTY_ORPHANS_MAX).await? {
                let message = format!(
                    "the party has {PARTY_ORPHANS_MAX} live members that this hub does not know, the limit: stop some of them there"
                );
                return Err(over_limit(self.app, "orphans", message));
            }
            self.orphans.insert(orphan.key);
        }
        Ok(())
    }
}
