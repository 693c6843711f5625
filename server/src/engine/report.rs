//! Taking an agent's report.

use flow_domain::id::{PartyId, RunId};
use flow_domain::member::Report;
use flow_domain::run::{Input, Refusal};
use flow_domain::time::Timestamp;

use super::draft::TaskDraft;

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It is stored, or was before, or is older than what is: the agent need not send it again.
    Taken {
        /// The member has settled: the agent may purge it.
        settled: bool,
        /// The rule by which it changed nothing, if it did not.
        refused: Option<Refusal>,
    },
    /// The run is not among the task's unsettled ones (or there is no such task).
    Unknown,
}

pub(super) fn report(
    draft: &mut TaskDraft,
    run: &RunId,
    party: &PartyId,
    report: &Report,
    now: Timestamp,
) -> ReportOutcome {
    if draft.run(run).is_none_or(|run| run.member(party).is_none()) {
        return ReportOutcome::Unknown;
    }
    let refused = draft
        .input(run, &Input::Report { party: party.clone(), report: report.clone() }, now)
        .err();
    let settled =
        draft.run(run).and_then(|run| run.member(party)).is_some_and(|member| member.settled);
    ReportOutcome::Taken { settled, refused }
}
