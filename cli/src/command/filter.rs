//! Filters of lists as query parameters.

use flow_api_types::Time;
use flow_domain::time::Timestamp;

use crate::args::{CreatedRange, RunFilters, TaskFilters};
use crate::error::CliError;
use crate::output;

/// Names and values of query parameters.
pub type Query = Vec<(&'static str, String)>;

/// Returns the parameters of a list of tasks.
pub fn of_tasks(filters: TaskFilters) -> Result<Query, CliError> {
    let TaskFilters { name, phase, party, template, labels, created } = filters;
    let mut query = created_range(created)?;
    query.extend(name.map(|name| ("name", name)));
    query.extend(phases(&phase));
    query.extend(party.map(|party| ("party", party.into())));
    query.extend(template.map(|template| ("template", template)));
    query.extend(labels.into_iter().map(|label| ("label", label)));
    Ok(query)
}

/// Returns the parameters of a list of runs.
pub fn of_runs(filters: RunFilters) -> Result<Query, CliError> {
    let RunFilters { phase, party, created } = filters;
    let mut query = created_range(created)?;
    query.extend(phases(&phase));
    query.extend(party.map(|party| ("party", party.into())));
    Ok(query)
}

fn phases(phases: &[String]) -> Option<(&'static str, String)> {
    (!phases.is_empty()).then(|| ("phase", phases.join(",")))
}

fn created_range(CreatedRange { since, before }: CreatedRange) -> Result<Query, CliError> {
    let mut query = Query::new();
    for (parameter, option, text) in
        [("created_since", "--since", since), ("created_before", "--before", before)]
    {
        let Some(text) = text else { continue };
        let time = time(&text, output::now().as_microsecond()).ok_or_else(|| {
            CliError::usage(format!(
                "invalid {option} {text:?}: must be a time as in 2026-11-30T14:00:00Z, or an age as in 30m, 12h, 7d"
            ))
        })?;
        query.push((parameter, time.to_string()));
    }
    Ok(query)
}

/// Reads a time, or an age before `now`, in microseconds.
fn time(text: &str, now: i64) -> Option<Time> {
    if let Some(time) = Time::parse(text) {
        return Some(time.into());
    }
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits =
        text.strip_suffix(unit).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let age = digits.parse::<i64>().ok()?.checked_mul(seconds * 1_000_000)?;
    Some(Timestamp(now.checked_sub(age)?).into())
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn ages_and_times_are_read() {
        let at = |text| time(text, 86_400_000_000).map(|time| time.to_string());
        assert_eq!(at("12h").as_deref(), Some("1970-01-01T12:00:00.000000Z"));
        assert_eq!(at("1d").as_deref(), Some("1970-01-01T00:00:00.000000Z"));
        assert_eq!(at("1970-01-01T02:00:00+01:00").as_deref(), Some("1970-01-01T01:00:00.000000Z"));
        for text in ["", "h", "-1h", "1w", "9999999999999999d", "yesterday", "1.5h", "3ä"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
