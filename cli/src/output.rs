//! Standard output: tables for people, the response of the hub as JSON or YAML for programs.

use std::io::{self, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use flow_api_types::Time;
use flow_common::clock::{Clock as _, SystemClock};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{CliError, Exit};

/// Returns the current wall-clock time, to compare with times of the hub.
pub fn now() -> Timestamp {
    Timestamp::from_microsecond(SystemClock.now().0).unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Table,
    /// Response of the hub, unchanged
    Json,
    /// Response of the hub, as YAML
    Yaml,
}

/// Prints text unchanged. If the reader has closed the pipe, as `head` does, the process exits with
/// success.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            std::process::exit(Exit::Ok as i32)
        }
        result => Ok(result?),
    }
}

/// Prints a response in this format. Calls `table` only for tables.
pub fn show(format: Format, value: &Value, table: impl FnOnce() -> String) -> Result<(), CliError> {
    let broken = |error: &dyn std::fmt::Display| {
        CliError::new(Exit::Failed, format!("cannot print the response of the hub: {error}"))
    };
    print(&match format {
        Format::Table => table(),
        Format::Json => serde_json::to_string_pretty(value).map_err(|error| broken(&error))? + "\n",
        Format::Yaml => serde_yaml_ng::to_string(value).map_err(|error| broken(&error))?,
    })
}

/// Formats a table without lines, as wide as its content.
#[must_use]
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// Formats one object as `key  value` lines. Empty values are left out.
#[must_use]
pub fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key:<width$}  {value}\n"))
        .collect()
}

/// Formats a duration: `7s`, `3m 20s`, `2h 5m`, `4d 3h`.
#[must_use]
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Returns the seconds between two RFC 3339 times, or up to `now` without `to`.
#[must_use]
pub fn seconds_between(from: &Time, to: Option<&Time>, now: Timestamp) -> Option<i64> {
    let from: Timestamp = from.as_str().parse().ok()?;
    let to = match to {
        Some(to) => to.as_str().parse().ok()?,
        None => now,
    };
    Some(to.as_second() - from.as_second())
}

/// Formats the time that has passed since an RFC 3339 time.
#[must_use]
pub fn age(time: &Time, now: Timestamp) -> String {
    seconds_between(time, None, now).map_or_else(|| time.to_string(), duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_aligned_without_trailing_blanks() {
        let text = table(
            &["NAME", "AGE"],
            vec![vec!["a-long-name".into(), "7s".into()], vec!["b".into(), String::new()]],
        );
        assert_eq!(text, "NAME         AGE\na-long-name  7s\nb\n");
    }

    #[test]
    fn duration_has_two_units() {
        for (seconds, text) in
            [(-5, "0s"), (59, "59s"), (200, "3m 20s"), (7_500, "2h 5m"), (356_400, "4d 3h")]
        {
            assert_eq!(duration(seconds), text);
        }
    }
}
