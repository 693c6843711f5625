//! Errors of flowctl: the message, the next step, and the exit code for scripts. `docs/flowctl.md`
//! lists the codes.

use std::fmt::Write as _;
use std::io;

use flow_api_types::Problem;
use flow_domain::error::ErrorCode;

use crate::escape::escaped;

/// Exit codes. Scripts branch on the numbers: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    Ok = 0,
    /// The command or the watched run failed.
    Failed = 1,
    /// The command line or a file is invalid.
    Usage = 2,
    NotFound = 3,
    /// The hub rejects the request: it is invalid or conflicts with the state of the hub.
    Refused = 4,
    /// The token is missing, wrong or not sufficient.
    Auth = 5,
    Unreachable = 6,
    /// The watched run was cancelled.
    Cancelled = 7,
    /// A signal stopped flowctl.
    Interrupted = 130,
}

/// Error of a command, as flowctl prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    pub exit: ExitStatus,
    /// The object and the cause.
    pub message: String,
    /// One line each: invalid fields, the request id.
    pub details: Vec<String>,
    /// The next step.
    pub remedy: Option<String>,
    /// Code of the hub's problem.
    pub code: Option<String>,
}

impl CliError {
    pub fn new(exit: ExitStatus, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new(), remedy: None, code: None }
    }

    /// Error of the command line or of a file.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Returns the text for standard error, several lines long.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for detail in &self.details {
            let _ = writeln!(text, "  {detail}");
        }
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(text, "  help: {remedy}");
        }
        text
    }

    #[must_use]
    pub fn unreachable(server: &str, cause: &str) -> Self {
        Self::new(ExitStatus::Unreachable, format!("the hub at {server} does not answer: {cause}")).with_remedy(
            "Check that flow-server runs and that --server (or FLOW_SERVER) is its REST address, with https:// if the hub has a certificate.",
        )
    }

    /// Error for a response with an error status. The body is problem+json from the hub, or
    /// anything from a proxy.
    #[must_use]
    pub fn from_response(status: u16, body: &[u8]) -> Self {
        let problem = serde_json::from_slice(body)
            .ok()
            .and_then(|value| serde_json::from_value::<Problem>(escaped(&value)).ok())
            .unwrap_or_default();
        let row = ErrorCode::ALL.iter().map(|code| code.row()).find(|row| row.slug == problem.code);
        let message = [problem.detail, problem.title]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_else(|| format!("the hub answered with status {status} and no explanation"));
        let exit = match (status, row.map(|row| row.code)) {
            (_, Some(ErrorCode::LogRefused | ErrorCode::OutputRefused)) => ExitStatus::Refused,
            (401 | 403, _) => ExitStatus::Auth,
            (404, _) => ExitStatus::NotFound,
            (400..=499, _) => ExitStatus::Refused,
            (502..=504, _) => ExitStatus::Unreachable,
            _ => ExitStatus::Failed,
        };
        let mut error = Self::new(exit, message);
        error.code = row.map(|row| row.slug.to_owned());
        let fields = problem.fields.iter();
        error.details = fields.map(|field| field_line(&field.pointer, &field.message)).collect();
        error.details.extend(problem.more_fields.map(|more| format!("and {more} more")));
        if !error.details.is_empty() {
            // The detail repeats the fields in one sentence.
            error.message = row.map_or("the request is invalid", |row| row.title).to_owned();
        }
        // The message of a field already names the valid values.
        error.remedy = row.filter(|_| error.details.is_empty()).map(|row| row.remedy.to_owned());
        if status >= 500 && !problem.request_id.is_empty() {
            error.details.push(format!("request id {}", problem.request_id));
        }
        error
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::new(ExitStatus::Failed, error.to_string())
    }
}

/// Converts `/members/1/party` to `members[1].party: …`, the notation of YAML files.
fn field_line(pointer: &str, message: &str) -> String {
    let mut place = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            let _ = write!(place, "[{part}]");
        } else {
            let _ = write!(place, "{}{part}", if place.is_empty() { "" } else { "." });
        }
    }
    format!("{}: {message}", if place.is_empty() { "request" } else { &place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_fields_are_listed_without_a_remedy() {
        let body = br#"{"status":422,"code":"invalid","title":"t","detail":"d","fields":[
            {"pointer":"/members/1/party","code":"unknown","message":"is not a party here"},
            {"pointer":"/epochs","code":"out_of_range","message":"is 0 and must be 1 to 100000"}],"more_fields":7}"#;
        let error = CliError::from_response(422, body);
        assert_eq!(error.exit, ExitStatus::Refused);
        let text = error.render();
        assert!(text.contains("  members[1].party: is not a party here\n"), "{text}");
        assert!(text.contains("  epochs: is 0 and must be 1 to 100000\n"), "{text}");
        assert!(text.ends_with("  and 7 more\n"), "{text}");
        assert!(!text.contains("help:"), "{text}");
    }

    #[test]
    fn each_error_status_has_its_exit_code() {
        for (status, body, exit) in [
            (401, r#"{"code":"unauthenticated"}"#, ExitStatus::Auth),
            (403, r#"{"code":"forbidden"}"#, ExitStatus::Auth),
            (403, r#"{"code":"log_refused"}"#, ExitStatus::Refused),
            (404, r#"{"code":"task_not_found"}"#, ExitStatus::NotFound),
            (409, r#"{"code":"task_active"}"#, ExitStatus::Refused),
            (
                422,
                r#"{"code":"invented_later","fields":[{"code":"invented_later"}]}"#,
                ExitStatus::Refused,
            ),
            (500, "{}", ExitStatus::Failed),
            (503, r#"{"code":"busy"}"#, ExitStatus::Unreachable),
            (502, "<html>bad gateway</html>", ExitStatus::Unreachable),
        ] {
            assert_eq!(
                CliError::from_response(status, body.as_bytes()).exit,
                exit,
                "{status} {body}"
            );
        }
    }
}
