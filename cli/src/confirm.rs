//! Asks the user before a command destroys something.

use std::io::{self, IsTerminal as _, Write as _};

use crate::error::{CliError, ExitStatus};

/// Asks a question on the terminal. Without a terminal the answer is an error that names `--yes`.
pub fn confirm(fact: &str, question: &str) -> Result<(), CliError> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(CliError::new(ExitStatus::Refused, format!("{fact}; nothing was changed"))
            .with_remedy("Repeat the command with --yes."));
    }
    let mut out = io::stderr().lock();
    write!(out, "{fact}. {question} [y/N] ")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    if matches!(line.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::new(ExitStatus::Refused, "nothing was changed"))
}
