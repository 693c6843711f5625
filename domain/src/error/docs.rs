//! `docs/errors.md`, written from the tables so that it cannot disagree with them.

use std::fmt::Write as _;

use super::ErrorCode;
use crate::member::ReasonCode;

/// What a reason means and what to do about it.
#[must_use]
pub const fn reason_text(code: ReasonCode) -> (&'static str, &'static str) {
    match code {
        ReasonCode::PolicyDenied => (
            "the party's policy refuses the spec",
            "Ask the party to allow the image; the message names the rule.",
        ),
        ReasonCode::ApprovalRequired => (
            "a person at the party must approve first",
            "Wait, or ask the party; the run goes on by itself after the approval.",
        ),
        ReasonCode::ImageUnknown => (
            "the party maps nothing to the image's name",
            "Check the template's image, or ask the party to add it to its image map.",
        ),
        ReasonCode::ImageUnusable => (
            "the image is known but its root or program is not there",
            "Ask the party to mend the entry in its image map; check the template's command.",
        ),
        ReasonCode::DatasetUnknown => (
            "the party has no dataset of this name",
            "Choose one of the names the party offers, or ask it to declare the name.",
        ),
        ReasonCode::DatasetUnusable => (
            "the dataset is declared but cannot be read",
            "Ask the party to look at the dataset's place and permissions.",
        ),
        ReasonCode::SpecInvalid => (
            "the spec's bytes are not what they claim to be",
            "Report it: hub and agent disagree on the format, or one was tampered with.",
        ),
        ReasonCode::BindingsInvalid => (
            "a late value is missing, of a wrong type or out of range",
            "Report it with the message; the party refused to fill it in.",
        ),
        ReasonCode::ResourcesExhausted => (
            "the agent has not enough free resources",
            "Wait for other runs to end, or lower the template's resources.",
        ),
        ReasonCode::AgentDiskFull => (
            "the agent's disk is full",
            "Ask the party to free space; running work can still be stopped.",
        ),
        ReasonCode::PreviousRunStopping => {
            ("an older run of the task is not yet proven dead", "Wait; it goes on by itself.")
        }
        ReasonCode::HoldExpired => (
            "the agent was without the hub for so long that it let go of its hold",
            "Start again once the party's connection is stable.",
        ),
        ReasonCode::SpawnFailed => (
            "the program could not be executed",
            "Check command and workdir of the template against the image.",
        ),
        ReasonCode::ExitNonzero => {
            ("the workload exited with a status other than 0", "Read the member's log.")
        }
        ReasonCode::ExitSignal => (
            "the workload was ended by a signal",
            "Read the member's log; signal 9 often means that memory ran out.",
        ),
        ReasonCode::PeerLost => (
            "the workload lost the other side",
            "Start again; if it repeats, read the aggregator's log.",
        ),
        ReasonCode::MaxRuntimeExceeded => (
            "the workload ran longer than its template allows",
            "Raise `max_runtime_s` of the template, or ask for fewer epochs.",
        ),
        ReasonCode::SidecarLost => (
            "the supervisor beside the workload vanished; what the agent found of the workload was killed",
            "Start again; if it repeats, the party should look at its machine's log.",
        ),
        ReasonCode::AgentStateLost => (
            "the agent's journal was lost or replaced",
            "Start again; nothing of the old run is continued.",
        ),
        ReasonCode::PortTaken => (
            "a held port is in use by another process",
            "Start again; if it repeats, the party should look for what takes ports from the agent's range.",
        ),
        ReasonCode::NeverDelivered => {
            ("nothing was ever sent to the party", "Nothing to do: no work exists there.")
        }
        ReasonCode::Released => {
            ("the run went on without this party", "Nothing to do: `minimum_parties` allows it.")
        }
        ReasonCode::StopRequested => ("stopped because the hub wished so", "Nothing to do."),
        ReasonCode::ObjectDeleted => (
            "the cluster object that stood for the work was deleted by somebody else",
            "Start again; ask the party who deletes objects of the agent.",
        ),
        ReasonCode::NameTaken => {
            ("an object of that name exists and is not the agent's", "Ask the party to remove it.")
        }
        ReasonCode::Pulling => {
            ("the machine is pulling the image", "Wait; a start deadline is running.")
        }
        ReasonCode::Unschedulable => (
            "the cluster finds no node for the work",
            "Lower the template's resources, or ask the party for capacity.",
        ),
        ReasonCode::RuntimeError => (
            "the runtime failed; the message says how",
            "Ask the party to look at the agent's log.",
        ),
    }
}

/// The document.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Errors\n\n\
         Written from the tables in `domain/src/error.rs` and `domain/src/error/docs.rs`; do not edit.\n\
         `make generate` writes it again.\n\n\
         ## Answers\n\n\
         `code` is the stable name in problem+json (`/api/v2`); `ret_code` its number in iflearner-flow's format,\n\
         which no address answers in yet.\n\
         A repeatable error may go away by itself: send the same request again, with the same `Idempotency-Key`.\n\n\
         | code | HTTP | gRPC | ret_code | repeatable | meaning | what to do |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in ErrorCode::ALL.iter().map(|code| code.row()) {
        let repeatable = if row.retryable { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| `{}` | {} | {:?} ({}) | {} | {repeatable} | {} | {} |",
            row.slug, row.http, row.grpc, row.grpc as i32, row.ret_code, row.title, row.remedy
        );
    }
    out.push_str(
        "\n## Reasons of members\n\n\
         Why a party's part of a run is where it is. After a failure with a retryable reason a task with `retries` left\n\
         gets a new run by itself.\n\n\
         | reason | retryable | meaning | what to do |\n\
         | --- | --- | --- | --- |\n",
    );
    for code in ReasonCode::ALL {
        let (meaning, remedy) = reason_text(*code);
        let retryable = if code.is_retryable() { "yes" } else { "no" };
        let _ = writeln!(out, "| `{code}` | {retryable} | {meaning} | {remedy} |");
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn errors_doc_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, super::markdown()).expect("docs are writable");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == super::markdown(), "docs/errors.md is out of date: run `make generate`");
    }
}
