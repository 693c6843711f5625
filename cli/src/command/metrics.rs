//! `flowctl metrics`: the series of a run as a table with plots, as CSV or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flow_api_types::{Run, Series, SeriesList, Task};
use serde_json::{Map, Value};

use crate::args::{ChosenMetrics, MetricsArgs};
use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::plot::{PlotSeries, number, plot};
use crate::resolve;
use crate::response;

/// Width of a plot beyond which it does not grow.
const PLOT_WIDTH_MAX: usize = 76;

pub async fn print(
    client: &Client,
    args: MetricsArgs,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let MetricsArgs { task, chosen, run } = args;
    let (_, task) = resolve::task(client, &task.task).await?;
    let (_, run) = resolve::run(client, &task, run).await?;
    of_run(client, &task, &run, chosen, format).await
}

/// Prints the metrics of a run.
pub async fn of_run(
    client: &Client,
    task: &Task,
    run: &Run,
    ChosenMetrics { party, metrics, csv, json }: ChosenMetrics,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let parties: Vec<&str> = match &party {
        Some(party) => vec![party.as_str()],
        None => run.members.iter().map(|member| member.party.as_str()).collect(),
    };
    let mut whole = Map::new();
    let mut all = BTreeMap::new();
    for party in parties {
        let path = ["tasks", &task.id, "runs", &run.id, "members", party, "series"];
        let mut value: Value = client.get(&path, &[]).await?;
        if let Some(series) = value["series"].as_array_mut().filter(|_| !metrics.is_empty()) {
            series.retain(|series| metrics.iter().any(|name| series["name"] == **name));
        }
        let SeriesList { series } = response::read(&value)?;
        whole.insert(party.to_owned(), value);
        all.insert(party.to_owned(), series);
    }
    if csv {
        output::print(&as_csv(&all))?;
        return Ok(ExitStatus::Ok);
    }
    let format = if json { Format::Json } else { format };
    output::show(format, &Value::Object(whole), || as_table(&task.name, run, &all))?;
    Ok(ExitStatus::Ok)
}

type ByParty = BTreeMap<String, Vec<Series>>;

/// Formats all points, one per line.
fn as_csv(all: &ByParty) -> String {
    let mut text = "party,metric,step,value\n".to_owned();
    for (party, series) in all {
        for series in series {
            let name = quoted(&series.name);
            for point in &series.points {
                let value = point.value.map(|value| value.to_string()).unwrap_or_default();
                let _ = writeln!(text, "{party},{name},{},{value}", point.step);
            }
        }
    }
    text
}

/// Quotes a field of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Formats the newest values and, on a terminal, one plot for each metric.
fn as_table(task: &str, run: &Run, all: &ByParty) -> String {
    let mut by_name: BTreeMap<&str, Vec<(&str, &Series)>> = BTreeMap::new();
    for (party, series) in all {
        for series in series {
            by_name.entry(&series.name).or_default().push((party, series));
        }
    }
    if by_name.is_empty() {
        return format!("run {} of task {task} has no metrics\n", run.number);
    }
    let rows = by_name.iter().flat_map(|(name, parties)| {
        parties.iter().map(|(party, series)| {
            let values: Vec<f64> = series.points.iter().filter_map(|point| point.value).collect();
            let shown = |value: Option<f64>| value.map(number).unwrap_or_default();
            let last = series.points.last();
            vec![
                (*name).to_owned(),
                (*party).to_owned(),
                series.points.len().to_string(),
                last.map(|point| point.step.to_string()).unwrap_or_default(),
                shown(last.and_then(|point| point.value)),
                shown(values.iter().copied().reduce(f64::min)),
                shown(values.iter().copied().reduce(f64::max)),
            ]
        })
    });
    let header = ["METRIC", "PARTY", "POINTS", "STEP", "LAST", "MIN", "MAX"];
    let mut text = output::table(&header, rows.collect());
    if let Some(width) = output::terminal_width() {
        for (name, parties) in &by_name {
            let plotted: Vec<PlotSeries> = parties
                .iter()
                .map(|(party, series)| {
                    let points = series.points.iter();
                    let points =
                        points.filter_map(|point| Some((point.step, point.value?))).collect();
                    PlotSeries { name: (*party).to_owned(), points }
                })
                .collect();
            let picture = plot(&plotted, width.min(PLOT_WIDTH_MAX));
            if !picture.is_empty() {
                let _ = write!(text, "\n{name}\n{picture}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_one_line_for_each_point() {
        let list = SeriesList::sample();
        let text = as_csv(&BTreeMap::from([("party-a".to_owned(), list.series)]));
        assert_eq!(
            text,
            "party,metric,step,value\nparty-a,local/acc,1,0.81\nparty-a,local/acc,2,0.93\n"
        );
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
