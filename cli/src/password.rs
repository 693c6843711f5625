//! Reads a password: from a file, or from the terminal without showing it.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use flow_api_types::SecretText;
use flow_common::secret_file;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::error::{CliError, ExitStatus};

/// Reads the password in the file, or asks for it.
pub fn read(file: Option<&Path>, prompt: &str) -> Result<SecretText, CliError> {
    if let Some(file) = file {
        let secret = secret_file::read(file);
        let secret = secret.map_err(|error| CliError::new(ExitStatus::Auth, error.to_string()))?;
        return Ok(SecretText(secret.expose().to_owned()));
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(CliError::usage("there is no terminal to ask for the password")
            .with_remedy("Name a file with the password by --password-file."));
    }
    let mut out = io::stderr().lock();
    write!(out, "{prompt}: ")?;
    out.flush()?;
    enable_raw_mode()?;
    let typed = typed();
    disable_raw_mode()?;
    writeln!(out)?;
    typed?.map(SecretText).ok_or_else(|| CliError::new(ExitStatus::Refused, "nothing was sent"))
}

/// Returns the line; `None` if the user ends it with Ctrl-C.
fn typed() -> io::Result<Option<String>> {
    let mut line = String::new();
    loop {
        let Event::Key(key) = event::read()? else { continue };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        match key.code {
            KeyCode::Enter => return Ok(Some(line)),
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Ok(None);
            }
            KeyCode::Char(typed) => line.push(typed),
            KeyCode::Backspace => drop(line.pop()),
            _ => {}
        }
    }
}
