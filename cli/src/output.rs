//! Standard output: tables for people, the response of the hub as JSON or YAML for programs.

use std::io::{self, IsTerminal as _};

use console::{Style, Term, measure_text_width, truncate_str};
use flow_api_types::{Named, Time};
use flow_common::clock::{Clock as _, SystemClock};
use flow_common::stdout;
use flow_domain::member::MemberPhase;
use flow_domain::run::RunPhase;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{CliError, ExitStatus};

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

/// Use of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Applies the choice to the whole process.
    pub fn apply(self) {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let wanted = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => io::stdout().is_terminal() && !is_set("NO_COLOR") && !console::is_dumb(),
        };
        console::set_colors_enabled(wanted);
    }
}

/// Returns the phase of a run in its colour.
pub fn run_phase(phase: &Named<RunPhase>) -> String {
    run_style(phase.known()).apply_to(phase).to_string()
}

/// Returns the colour of a phase: green succeeded, red failed, cyan running, yellow otherwise.
pub fn run_style(phase: Option<RunPhase>) -> Style {
    match phase {
        Some(RunPhase::Succeeded) => Style::new().green(),
        Some(RunPhase::Failed) => Style::new().red(),
        Some(RunPhase::Cancelled) => Style::new().dim(),
        Some(RunPhase::Running) => Style::new().cyan(),
        _ => Style::new().yellow(),
    }
}

/// Returns the colour of a member's phase.
pub fn member_style(phase: Option<MemberPhase>) -> Style {
    match phase {
        Some(MemberPhase::Succeeded) => Style::new().green(),
        Some(MemberPhase::Failed | MemberPhase::Refused) => Style::new().red(),
        Some(MemberPhase::Running) => Style::new().cyan(),
        _ => Style::new().yellow(),
    }
}

/// Prints text unchanged. Does not return if the reader has closed the pipe, as `head` does.
pub fn print(text: &str) -> Result<(), CliError> {
    Ok(stdout::print(text)?)
}

/// Prints a response in this format. Calls `table` only for tables.
pub fn show(format: Format, value: &Value, table: impl FnOnce() -> String) -> Result<(), CliError> {
    let broken = |error: &dyn std::fmt::Display| {
        CliError::new(ExitStatus::Failed, format!("cannot print the response of the hub: {error}"))
    };
    print(&match format {
        Format::Table => table(),
        Format::Json => serde_json::to_string_pretty(value).map_err(|error| broken(&error))? + "\n",
        Format::Yaml => serde_yaml_ng::to_string(value).map_err(|error| broken(&error))?,
    })
}

/// Returns the width of the terminal, or `None` if standard output is none.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    let term = Term::stdout();
    term.is_term().then(|| usize::from(term.size().1))
}

/// Formats a table without lines. On a terminal it is at most as wide as the terminal.
#[must_use]
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    table_within(terminal_width(), header, rows)
}

/// Cells between two columns.
const COLUMN_GAP: usize = 2;
/// Width below which a column is not shortened to make the table fit.
const COLUMN_WIDTH_MIN: usize = 8;

/// Formats a table of at most `limit` cells: shortens the widest columns.
fn table_within(limit: Option<usize>, header: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = header.iter().map(|&title| title.to_owned()).collect();
    // A cell has one line: texts of people and programs may have several.
    let one_line = |cell: &String| cell.replace(['\n', '\t'], " ");
    let rows = rows.iter().map(|row| row.iter().map(one_line).collect());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell)).max()
    };
    let mut widths: Vec<usize> =
        (0..header.len()).map(|column| width(column).unwrap_or(0)).collect();
    if let Some(limit) = limit {
        let gaps = COLUMN_GAP * header.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > limit {
            let widest = widths.iter_mut().max().filter(|width| **width > COLUMN_WIDTH_MIN);
            let Some(widest) = widest else { break };
            *widest -= 1;
        }
    }
    let format = |row: &Vec<String>| {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            let cell = truncate_str(cell, width, "…");
            line.push_str(&cell);
            line.push_str(&" ".repeat(width + COLUMN_GAP - measure_text_width(&cell)));
        }
        line.trim_end().to_owned() + "\n"
    };
    lines.iter().map(format).collect()
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

/// Formats a number: with an exponent if it is very large or very small.
#[must_use]
pub fn number(value: f64) -> String {
    const PLAIN: std::ops::Range<f64> = 1e-6..1e16;
    if value == 0.0 || PLAIN.contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
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
    fn u13_table_fits_the_terminal_and_keeps_its_columns() {
        let style = Style::new().red().force_styling(true);
        let row = |name: &str, phase: &str, reason: &str| {
            vec![name.to_owned(), style.apply_to(phase).to_string(), reason.to_owned()]
        };
        let rows = vec![row("a", "failed", &"why ".repeat(50)), row("", "queued", "two\nlines")];
        let text = table_within(Some(40), &["NAME", "PHASE", "REASON"], rows);
        let text = console::strip_ansi_codes(&text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "NAME  PHASE   REASON");
        assert!(lines[1].starts_with("a     failed  why why") && lines[1].ends_with('…'), "{text}");
        assert_eq!(lines[2], "      queued  two lines");
        assert!(lines.iter().all(|line| measure_text_width(line) <= 40), "{text}");
    }

    #[test]
    fn number_out_of_the_usual_range_has_an_exponent() {
        for (value, text) in [
            (0.0, "0"),
            (0.8508, "0.8508"),
            (-0.000_001, "-0.000001"),
            (123_456_789.0, "123456789"),
            (1e-320, "1e-320"),
            (-2.5e-7, "-2.5e-7"),
            (1.7e308, "1.7e308"),
        ] {
            assert_eq!(number(value), text);
        }
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
