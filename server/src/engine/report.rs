//! Application of an agent's report.

use flow_domain::id::{PartyId, RunId};
use flow_domain::member::Report;
use flow_domain::run::{Input, Refusal};
use flow_domain::time::Timestamp;

use super::draft::TaskDraft;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportOutcome {
    /// The report is stored, was stored before, or is older than the stored one: the agent need not
    /// send it again.
    Taken {
        /// The member has settled: the agent may purge it.
        settled: bool,
        /// The rule because of which the report changed nothing.
        refused: Option<Refusal>,
    },
    /// The run is not among the unsettled runs of the task, or there is no such task.
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
