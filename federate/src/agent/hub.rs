//! Events of the session: its opening and end, and the hub's messages.

use flow_common::clock;
use flow_common::text::foreign;
use flow_domain::id::Digest;
use flow_domain::member::{DesiredPhase, Reason, ReasonCode};
use flow_domain::spec::SealedSpec;
use flow_domain::time::Timestamp;
use flow_proto::v1;
use flow_proto::v1::hub_message::Body as FromHub;
use tokio::sync::mpsc;

use super::{Agent, AgentError};
use crate::control::Change;
use crate::convert;
use crate::journal::{SETTLED_RETENTION_S, SeenHub};
use crate::member::{Admission, Member};
use crate::reconcile::Input;
use crate::session::{HubClient, SessionEvent};

/// Longest error about a message of the hub in the log, in characters.
const HUB_ERROR_CHARS_MAX: usize = 300;
/// Largest revision of a hub that the agent records: 2200-01-01. Revisions follow the hub's clock, in
/// microseconds since 1970.
const REVISION_MAX: u64 = 7_258_118_400_000_000;
/// Settled members read from the journal at once.
const SETTLED_PAGE: u32 = 1000;

impl Agent {
    pub(super) async fn apply_session_event(
        &mut self,
        event: SessionEvent,
    ) -> Result<(), AgentError> {
        match event {
            SessionEvent::Opened { welcome, out, hub } => {
                self.open_session(&welcome, out, hub).await?;
            }
            SessionEvent::Closed => {
                self.connected = false;
                self.away_since = Some(self.clock.now());
                self.changes.send(Change::Party);
                self.outbox.close();
                self.logs.close();
                self.outputs.close();
                self.apply(Input::Disconnected);
            }
            SessionEvent::Message(body) => self.apply_message(body).await?,
        }
        Ok(())
    }

    /// Sends the full set of members: the unsettled ones, and the settled ones of the retention.
    async fn open_session(
        &mut self,
        welcome: &v1::Welcome,
        out: mpsc::Sender<v1::AgentMessage>,
        hub: HubClient,
    ) -> Result<(), AgentError> {
        if self.seen.incarnation != welcome.hub_incarnation {
            // A restored hub continues from an older revision.
            self.seen = SeenHub { incarnation: welcome.hub_incarnation, revision: 0 };
        }
        self.apply(Input::Connected { incarnation: welcome.hub_incarnation });
        // All reports of the session must be durable.
        self.commit().await;
        let logs = self.config.logs;
        let mut set: Vec<_> = self.members.members().map(|m| convert::report(m, logs)).collect();
        let retention = Timestamp(0).plus_secs(SETTLED_RETENTION_S).0;
        let since = Timestamp(self.clock.now().0.saturating_sub(retention));
        let mut after = String::new();
        loop {
            let page = self.journal.settled(since, &after, SETTLED_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.run.to_string();
            set.extend(page.iter().map(|member| convert::report(member, logs)));
        }
        self.connected = true;
        self.sessions += 1;
        self.changes.send(Change::Party);
        self.logs.open(hub.clone(), out.clone());
        self.outputs.open(hub, out.clone());
        self.outbox.open(out, welcome.epoch, set, &self.members);
        if welcome.want_inventory {
            self.outbox.inventory(self.policy.inventory(&self.runtime.describe()));
        }
        Ok(())
    }

    async fn apply_message(&mut self, body: FromHub) -> Result<(), AgentError> {
        match body {
            FromHub::DesiredMember(desired) => self.apply_desired(desired).await?,
            FromHub::DesiredMembers(chunk) => {
                for desired in chunk.members {
                    self.apply_desired(desired).await?;
                }
            }
            FromHub::Acks(acks) => {
                for ack in acks.acks.into_iter().filter(|ack| ack.settled) {
                    if let Ok(run) = ack.run_id.parse() {
                        self.apply(Input::ReportAcked { run, attempt: ack.attempt, settled: true });
                    }
                }
            }
            FromHub::SnapshotBegin(begin) => {
                self.observe_revision(begin.revision);
            }
            FromHub::LogOpen(open) => {
                let member = self.find_member(&open.run_id).await;
                self.logs.start(open, member.as_ref(), &self.runtime);
            }
            FromHub::OutputOpen(open) => self.outputs.start(open, &self.policy, &self.runtime),
            FromHub::SpecCheck(check) => self.check_spec(check),
            FromHub::LogCancel(cancel) => self.logs.cancel(cancel.stream_id),
            // Absence from the hub's set has no meaning: the hub sends a stop for a member that it
            // does not want.
            FromHub::SnapshotEnd(_) => {}
            FromHub::Welcome(_) | FromHub::Refused(_) | FromHub::Goodbye(_) => {
                tracing::debug!("ignored a message that belongs to the opening of a session");
            }
        }
        Ok(())
    }

    /// Records the revision of the hub. The hub derives from it whether it was restored, so one that
    /// no hub reaches would spoil every later session.
    fn observe_revision(&mut self, revision: u64) {
        if revision <= REVISION_MAX {
            self.seen.revision = self.seen.revision.max(revision);
        } else if let Some(left_out) = self.hub_lines.admit(clock::monotonic()) {
            tracing::error!(
                revision,
                left_out = flow_common::log_limit::if_any(left_out),
                "ignored a revision of the hub that no hub reaches"
            );
        }
    }

    /// The member of this run, settled or not.
    async fn find_member(&mut self, run: &str) -> Option<Member> {
        let run = run.parse().ok()?;
        if let Some(member) = self.members.member(&run) {
            return Some(member.clone());
        }
        self.journal.member(&run).await.unwrap_or_else(|error| {
            tracing::warn!(
                run.id = %run, %error,
                "cannot read the member of a requested log from the journal"
            );
            None
        })
    }

    /// Answers what the policy would do with a spec. Nothing is reserved or stored.
    fn check_spec(&mut self, check: v1::SpecCheck) {
        let v1::SpecCheck { check_id, spec_digest, spec } = check;
        let sealed = spec_digest
            .parse::<Digest>()
            .map_err(|error| error.to_string())
            .and_then(|digest| SealedSpec::open(&spec, &digest));
        let admission = match sealed {
            Ok(SealedSpec { spec, .. }) => {
                match (
                    self.policy.decide_of(&self.config.party, &spec),
                    self.members.exceeds_capacity(&spec.resources),
                ) {
                    (refused @ Admission::Refuse(_), _) | (refused, None) => refused,
                    (_, Some(reason)) => Admission::Refuse(reason),
                }
            }
            Err(message) => Admission::Refuse(Reason::new(ReasonCode::SpecInvalid, message)),
        };
        self.outbox.checked(convert::spec_checked(check_id, admission));
    }

    async fn apply_desired(&mut self, message: v1::DesiredMember) -> Result<(), AgentError> {
        self.observe_revision(message.revision);
        let (desired, bytes) = match convert::desired_member(message) {
            Ok(parsed) => parsed,
            Err(error) => {
                if let Some(left_out) = self.hub_lines.admit(clock::monotonic()) {
                    let error = foreign(&error, HUB_ERROR_CHARS_MAX);
                    tracing::error!(
                        error,
                        left_out,
                        "ignored an invalid desired member of the hub; update the older of hub \
                         and agent"
                    );
                }
                return Ok(());
            }
        };
        if self.members.member(&desired.run).is_none()
            && let Some(member) = self.journal.member(&desired.run).await?
            && !self.members.restore_settled(member, &mut self.out)
        {
            return Ok(());
        }
        let admission = if desired.phase == DesiredPhase::Stopped {
            None
        } else {
            let spec = match &desired.digest {
                Some(digest) => self.open_spec(digest, &bytes),
                None => Err("the hub sent no digest of the spec".to_owned()),
            };
            let spec = spec.as_ref().map(AsRef::as_ref).map_err(Clone::clone);
            Some(self.policy.decide(&self.config.party, &desired, spec))
        };
        self.apply(Input::DesiredReceived(desired, admission));
        Ok(())
    }
}
