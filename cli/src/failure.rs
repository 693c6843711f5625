//! Why a command did not succeed: one sentence, what to do about it, and the exit code scripts rely on.
//!
//! Every failure that leaves `flowctl` is one [`Failure`]; `docs/flowctl.md` documents the codes of [`Exit`].

use std::fmt::Write as _;
use std::io;

use flow_domain::error::{ErrorCode, FieldError};
use serde::Deserialize;

use crate::wire;

/// Exit codes. Numbers are never reused; scripts branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done as asked.
    Ok = 0,
    /// It was tried and failed: a run ended as failed, or something broke.
    Failed = 1,
    /// The command line or a file cannot be understood.
    Usage = 2,
    /// No such thing.
    NotFound = 3,
    /// The hub will not do it: invalid input, or a conflict with what is there.
    Refused = 4,
    /// Who is calling is not known, or may not.
    Auth = 5,
    /// The hub does not answer.
    Unreachable = 6,
    /// The run that was watched has been cancelled.
    Cancelled = 7,
    /// Ctrl-C.
    Interrupted = 130,
}

/// One failure, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Particulars, one a line: fields at fault, ids for the operator.
    pub details: Vec<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new(), remedy: None }
    }

    /// A mistake on the command line or in a file.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same failure, saying what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The failure as it is printed, several lines long.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for detail in &self.details {
            let _ = writeln!(text, "  {detail}");
        }
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(text, "  what to do: {remedy}");
        }
        text
    }

    /// A hub that does not answer, and why.
    #[must_use]
    pub fn unreachable(server: &str, cause: &str) -> Self {
        Self::new(Exit::Unreachable, format!("the hub at {server} does not answer: {cause}")).with_remedy(
            "Check that flow-server runs, and that --server (or FLOW_SERVER) is its REST address: https:// where it has a certificate.",
        )
    }

    /// A document that the hub would refuse, with all that is wrong with it.
    #[must_use]
    pub fn invalid(what: &str, error: &flow_domain::error::Error) -> Self {
        let mut failure =
            Self::new(Exit::Refused, format!("{what} is not acceptable; nothing was changed"));
        let line = |field: &FieldError| {
            ProblemField { pointer: field.path.clone(), message: field.message.clone() }.line()
        };
        failure.details = error.fields.iter().map(line).collect();
        failure.details.extend(
            Some(error.more_fields).filter(|more| *more > 0).map(|more| format!("and {more} more")),
        );
        failure
    }

    /// An answer that is not a success, as the hub explains it (problem+json), or as far as the status tells.
    #[must_use]
    pub fn from_answer(status: u16, body: &[u8]) -> Self {
        // Shown to people: see `wire::read`.
        let problem = serde_json::from_slice(body)
            .ok()
            .and_then(|value| wire::read::<Problem>(&value).ok())
            .unwrap_or_default();
        let row = ErrorCode::ALL.iter().map(|code| code.row()).find(|row| row.slug == problem.code);
        let message = [problem.detail, problem.title]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_else(|| format!("the hub answered with status {status} and no explanation"));
        let exit = match (status, row.map(|row| row.code)) {
            (_, Some(ErrorCode::LogRefused)) => Exit::Refused,
            (401 | 403, _) => Exit::Auth,
            (404, _) => Exit::NotFound,
            (400..=499, _) => Exit::Refused,
            (502..=504, _) => Exit::Unreachable,
            _ => Exit::Failed,
        };
        let mut failure = Self::new(exit, message);
        failure.details = problem.fields.into_iter().map(|field| field.line()).collect();
        failure.details.extend(problem.more_fields.map(|more| format!("and {more} more")));
        if !failure.details.is_empty() {
            // The hub's sentence only strings the fields together; the list below it says the same, all of it.
            failure.message =
                row.map_or("the request is not acceptable", |row| row.title).to_owned();
        }
        // Fields say themselves what would be accepted.
        failure.remedy =
            row.filter(|_| failure.details.is_empty()).map(|row| row.remedy.to_owned());
        if let Some(id) = problem.request_id.filter(|_| status >= 500) {
            failure.details.push(format!("request id {id}"));
        }
        failure
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}

/// What the hub says of a failure. Everything is optional: a proxy in between may answer in its own words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    title: String,
    detail: String,
    fields: Vec<ProblemField>,
    more_fields: Option<u64>,
    request_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProblemField {
    pointer: String,
    message: String,
}

impl ProblemField {
    /// `/members/1/party` → `members[1].party: …`, as people write it in YAML.
    fn line(self) -> String {
        let mut place = String::new();
        for part in self.pointer.split('/').filter(|part| !part.is_empty()) {
            let part = part.replace("~1", "/").replace("~0", "~");
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                let _ = write!(place, "[{part}]");
            } else {
                let _ = write!(place, "{}{part}", if place.is_empty() { "" } else { "." });
            }
        }
        format!("{}: {}", if place.is_empty() { "request" } else { &place }, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_lists_every_field_and_says_what_to_do() {
        let body = br#"{"status":422,"code":"invalid","title":"t","detail":"d","fields":[
            {"pointer":"/members/1/party","code":"unknown","message":"is not a party here"},
            {"pointer":"/epochs","code":"out_of_range","message":"is 0 and must be 1 to 100000"}],"more_fields":7}"#;
        let failure = Failure::from_answer(422, body);
        assert_eq!(failure.exit, Exit::Refused);
        let text = failure.render();
        assert!(text.contains("  members[1].party: is not a party here\n"), "{text}");
        assert!(text.contains("  epochs: is 0 and must be 1 to 100000\n"), "{text}");
        assert!(text.ends_with("  and 7 more\n"), "{text}");
        assert!(!text.contains("what to do"), "the fields say it: {text}");
    }

    #[test]
    fn each_kind_of_answer_has_its_exit_code() {
        for (status, body, exit) in [
            (401, r#"{"code":"unauthenticated"}"#, Exit::Auth),
            (403, r#"{"code":"forbidden"}"#, Exit::Auth),
            (403, r#"{"code":"log_refused"}"#, Exit::Refused),
            (404, r#"{"code":"task_not_found"}"#, Exit::NotFound),
            (409, r#"{"code":"task_active"}"#, Exit::Refused),
            (500, "{}", Exit::Failed),
            (503, r#"{"code":"busy"}"#, Exit::Unreachable),
            (502, "<html>bad gateway</html>", Exit::Unreachable),
        ] {
            assert_eq!(Failure::from_answer(status, body.as_bytes()).exit, exit, "{status} {body}");
        }
    }
}
