//! The lines of `doctor`: `ok`, `warn` or `FAIL`, one for each finding.

use std::fmt::Display;

#[derive(Default)]
pub(super) struct Report {
    lines: Vec<String>,
    has_failure: bool,
}

impl Report {
    /// Records the result of a check, and returns its value.
    pub fn note<T>(&mut self, subject: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => {
                self.ok(subject);
                Some(value)
            }
            Err(error) => {
                self.fail(subject, &error);
                None
            }
        }
    }

    pub fn ok(&mut self, text: impl Display) {
        self.lines.push(format!("ok    {text}"));
    }

    pub fn warn(&mut self, text: impl Display) {
        self.lines.push(format!("warn  {text}"));
    }

    pub fn fail(&mut self, subject: &str, error: &str) {
        self.has_failure = true;
        self.lines.extend(error.lines().map(|line| format!("FAIL  {subject}: {line}")));
    }

    pub const fn has_failure(&self) -> bool {
        self.has_failure
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
