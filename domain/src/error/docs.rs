//! Generates `docs/errors.md` from the tables.

use std::fmt::Write as _;

use super::ErrorCode;
use crate::member::ReasonCode;

/// Returns the meaning of a reason and its remedy.
#[must_use]
pub const fn reason_text(code: ReasonCode) -> (&'static str, &'static str) {
    match code {
        ReasonCode::PolicyDenied => (
            "the party's policy refuses the spec",
            "Ask the party to change its policy; the message names the cause.",
        ),
        ReasonCode::ApprovalRequired => (
            "the party's policy requires the approval of a person",
            "Ask the party's administrator to run the command in the message; the run continues automatically after the approval.",
        ),
        ReasonCode::ApprovalDenied => (
            "a person at the party denied the approval",
            "Ask the party for its reason; a new run needs a new approval.",
        ),
        ReasonCode::ImageUnknown => (
            "the party's image map has no entry for the image",
            "Check the template's image, or ask the party to add it to its image map.",
        ),
        ReasonCode::ImageUnusable => (
            "the image map has an entry, but its root or program does not exist",
            "Ask the party to correct the entry in its image map; check the template's command.",
        ),
        ReasonCode::DatasetUnknown => (
            "the party declares no dataset with this name",
            "Choose a dataset that the party offers, or ask the party to declare the name.",
        ),
        ReasonCode::DatasetUnusable => (
            "the party declares the dataset but cannot read its directory",
            "Ask the party to check path and permissions of the dataset's directory.",
        ),
        ReasonCode::SpecInvalid => (
            "the bytes of the spec do not match its digest or format",
            "Report the error: hub and agent have different formats, or the spec was changed on the way.",
        ),
        ReasonCode::BindingsInvalid => (
            "a binding is missing, of a wrong type or out of range",
            "Report the error with the message; the party did not start the workload.",
        ),
        ReasonCode::ResourcesExhausted => (
            "the agent does not have enough free resources",
            "Wait for other runs to end, or lower the template's resources.",
        ),
        ReasonCode::AgentDiskFull => (
            "the agent's disk is full",
            "Ask the party to free disk space; running workloads can still be stopped.",
        ),
        ReasonCode::PreviousRunStopping => (
            "an older run of the task may still be alive at the party",
            "Wait; the run continues automatically once the older one has ended.",
        ),
        ReasonCode::HoldExpired => (
            "the agent had no session for too long and released its hold",
            "Start the task again once the party's connection is stable.",
        ),
        ReasonCode::SpawnFailed => (
            "the program could not be executed",
            "Check that the template's command and workdir exist in the image.",
        ),
        ReasonCode::ExitNonzero => (
            "the workload exited with a status other than 0",
            "Read the last lines of the member in `flowctl run get`, or its log.",
        ),
        ReasonCode::ExitSignal => (
            "a signal ended the workload",
            "Read the member's log; signal 9 often means that the machine or a limit of the service ran out of memory.",
        ),
        ReasonCode::PeerLost => (
            "the workload lost the connection to its peers",
            "Start the task again; if the error repeats, read the aggregator's log.",
        ),
        ReasonCode::MaxRuntimeExceeded => (
            "the workload ran longer than its template allows",
            "Raise `max_runtime_s` of the template, or lower the task's epochs.",
        ),
        ReasonCode::SidecarLost => (
            "the sidecar of the member ended unexpectedly; the agent killed every process of the workload that it found",
            "Start the task again; if the error repeats, ask the party to read the system log of its machine.",
        ),
        ReasonCode::AgentStateLost => (
            "the agent's journal was lost or replaced",
            "Start the task again; the agent does not continue the old run.",
        ),
        ReasonCode::PortTaken => (
            "another process uses a held port",
            "Start the task again; if the error repeats, ask the party which process uses ports of the agent's range.",
        ),
        ReasonCode::NeverDelivered => (
            "the party never received the member, or only its stop",
            "No action is needed: the party has no workload.",
        ),
        ReasonCode::Released => (
            "the run continued without this party",
            "No action is needed: `minimum_parties` allows it.",
        ),
        ReasonCode::StopRequested => ("the hub requested the stop", "No action is needed."),
        ReasonCode::StoppedByParty => (
            "the administrator of the party stopped the member",
            "Ask the party for its reason before you start the task again.",
        ),
        ReasonCode::ObjectDeleted => (
            "another client of the cluster deleted the member's object",
            "Start the task again; ask the party which client deletes objects of the agent.",
        ),
        ReasonCode::NameTaken => (
            "another client owns an object with the member's name",
            "Ask the party to remove the object.",
        ),
        ReasonCode::Pulling => (
            "the machine is pulling the image",
            "Wait; the run fails if the start deadline passes first.",
        ),
        ReasonCode::Unschedulable => (
            "the cluster has no node for the Pod",
            "Lower the template's resources, or ask the party for more capacity.",
        ),
        ReasonCode::RuntimeError => (
            "the runtime failed; the message names the cause",
            "Ask the party to read the agent's log.",
        ),
    }
}

/// Returns the text of `docs/errors.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Errors\n\n\
         Generated by `make generate` from the tables in `domain/src/error.rs` and `domain/src/error/docs.rs`; do not edit.\n\n\
         ## Answers\n\n\
         `code` is the stable name in problem+json (`/api/v2`). `ret_code` is the number in the format of iflearner-flow;\n\
         no endpoint uses that format yet. After a retryable error the same request may succeed: repeat it with the same\n\
         `Idempotency-Key`.\n\n\
         | code | HTTP | gRPC | ret_code | retryable | meaning | remedy |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in ErrorCode::ALL.iter().map(|code| code.row()) {
        let retryable = if row.retryable { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| `{}` | {} | {:?} ({}) | {} | {retryable} | {} | {} |",
            row.slug, row.http, row.grpc, row.grpc as i32, row.ret_code, row.title, row.remedy
        );
    }
    out.push_str(
        "\n## Reasons of members\n\n\
         The cause of a member's phase. After a failure with a retryable reason the hub starts a new run of a task that has\n\
         `retries` left.\n\n\
         | reason | retryable | meaning | remedy |\n\
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
