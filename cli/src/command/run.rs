//! `flowctl run …`

use flow_api_types::{
    ComparedMetric, ListedRun, Member, MetricValues, Page, Rules, Run, RunComparison, RunInputs,
    Task,
};
use flow_domain::run::RunPhase;
use serde_json::Value;

use crate::args::{RunCommand, RunLogsArgs, RunMetricsArgs};
use crate::client::Client;
use crate::command::filter::{self, Query};
use crate::command::{logs, metrics, outputs};
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;
use crate::view::{self, epochs, reason};

/// Digits of a digest in a table.
const DIGEST_DIGITS: usize = 12;
/// Items of a page.
const PAGE_ITEMS: usize = flow_api_types::limits::PAGE_ITEMS_MAX as usize;

pub async fn run(
    client: &Client,
    command: RunCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        RunCommand::List { task, filters, limit } => {
            let query = filter::of_runs(filters)?;
            match task {
                Some(task) if query.is_empty() => of_task(client, &task, limit, format).await?,
                task => {
                    let task = task.map(|task| ("task", task));
                    of_all_tasks(client, query.into_iter().chain(task).collect(), limit, format)
                        .await?;
                }
            }
        }
        RunCommand::Get(name) => get(client, &name.run, format).await?,
        RunCommand::Outputs { name, party } => {
            return outputs::list(client, &name.run, party, format).await;
        }
        RunCommand::Compare { runs } => compare(client, &runs, format).await?,
        RunCommand::Stop(name) => stop(client, &name.run, format).await?,
        RunCommand::Logs(RunLogsArgs { name, party, part }) => {
            let (task, run) = read(client, &name.run).await?;
            return logs::of_run(client, &task.id, &run, party.as_ref(), part).await;
        }
        RunCommand::Metrics(RunMetricsArgs { name, chosen }) => {
            let (task, run) = read(client, &name.run).await?;
            return metrics::of_run(client, &task, &run, chosen, format).await;
        }
    }
    Ok(ExitStatus::Ok)
}

/// Reads the first `limit` items of a list.
async fn first(
    client: &Client,
    path: &[&str],
    filters: &Query,
    limit: usize,
) -> Result<Vec<Value>, CliError> {
    let mut items: Vec<Value> = Vec::new();
    let mut next: Option<String> = None;
    while items.len() < limit {
        let count = (limit - items.len()).min(PAGE_ITEMS).to_string();
        let mut query = vec![("limit", count.as_str())];
        query.extend(next.as_deref().map(|next| ("cursor", next)));
        query.extend(filters.iter().map(|(name, value)| (*name, value.as_str())));
        let page: Page<Value> = client.get(path, &query).await?;
        items.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(items)
}

/// Prints the newest runs of a task. Parameters that have the same value in all of them are left
/// out.
pub async fn of_task(
    client: &Client,
    reference: &str,
    limit: usize,
    format: Format,
) -> Result<(), CliError> {
    let (_, task) = resolve::task(client, reference).await?;
    let all = first(client, &["tasks", &task.id, "runs"], &Query::new(), limit).await?;
    let runs: Vec<Run> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = output::now();
        let value = |run: &Run, name: &str| run.inputs.as_ref()?.parameters.get(name).cloned();
        let differs = |name: &str| runs.iter().any(|run| value(run, name) != value(&runs[0], name));
        let row = |run: &Run| {
            let inputs = run.inputs.iter().flat_map(|inputs| &inputs.parameters);
            let parameters = pairs(inputs.filter(|(name, _)| differs(name)));
            vec![
                run.number.to_string(),
                output::run_phase(&run.phase),
                epochs(Some(run)),
                output::age(&run.created_at, now),
                view::took(run, now),
                parameters,
                reason(run),
            ]
        };
        output::table(
            &["RUN", "PHASE", "EPOCH", "AGE", "DURATION", "PARAMETERS", "REASON"],
            runs.iter().map(row).collect(),
        )
    })
}

async fn of_all_tasks(
    client: &Client,
    filters: Query,
    limit: usize,
    format: Format,
) -> Result<(), CliError> {
    let all = first(client, &["runs"], &filters, limit).await?;
    let runs: Vec<ListedRun> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = output::now();
        let row = |listed: &ListedRun| {
            let run = &listed.summary;
            vec![
                title(listed),
                output::run_phase(&run.phase),
                epochs(Some(run)),
                output::age(&run.created_at, now),
                view::took(run, now),
                reason(run),
            ]
        };
        output::table(
            &["RUN", "PHASE", "EPOCH", "AGE", "DURATION", "REASON"],
            runs.iter().map(row).collect(),
        )
    })
}

async fn get(client: &Client, reference: &str, format: Format) -> Result<(), CliError> {
    let (task, id) = resolve::any_run(client, reference).await?;
    let value: Value = client.get(&["tasks", &task, "runs", &id], &[]).await?;
    let run: Run = response::read(&value)?;
    let (_, task) = resolve::task(client, &task).await?;
    output::show(format, &value, || {
        let width = output::terminal_width().unwrap_or(usize::MAX);
        let frame = view::frame(&task.name, &run, output::now(), width);
        format!("{}\n\n{}\n{}", frame.join("\n"), record(&run), members(&run))
    })
}

/// Formats what a run executes and who started it.
fn record(run: &Run) -> String {
    let Rules {
        minimum_parties,
        retries,
        queue_deadline_s,
        start_deadline_s,
        no_progress_s,
        give_up_after_s,
    } = &run.rules;
    let of_inputs = |text: fn(&RunInputs) -> String| run.inputs.as_ref().map(text);
    output::fields(&[
        ("id", run.id.clone()),
        ("started", run.created_at.to_string()),
        ("by", run.started_by.clone().unwrap_or_default()),
        ("repeats", run.retry_of.clone().unwrap_or_default()),
        (
            "template",
            of_inputs(|inputs| format!("{} revision {}", inputs.template_name, inputs.revision))
                .unwrap_or_default(),
        ),
        ("epochs", of_inputs(|inputs| inputs.epochs.to_string()).unwrap_or_default()),
        ("parameters", of_inputs(|inputs| pairs(&inputs.parameters)).unwrap_or_default()),
        ("trainers", minimum_parties.map(|least| format!("at least {least}")).unwrap_or_default()),
        ("retries", format!("{retries}, {} left", run.retries_left)),
        (
            "deadlines",
            format!(
                "queue {queue_deadline_s} s, start {start_deadline_s} s, progress {no_progress_s} s, absence {give_up_after_s} s"
            ),
        ),
    ])
}

fn members(run: &Run) -> String {
    let dataset = |party: &str| run.inputs.as_ref()?.datasets.get(party).cloned();
    let row = |member: &Member| {
        vec![
            member.party.clone(),
            dataset(&member.party).unwrap_or_default(),
            member.digest.chars().take(DIGEST_DIGITS).collect(),
        ]
    };
    output::table(&["PARTY", "DATASET", "SPEC"], run.members.iter().map(row).collect())
}

/// Reads a run and its task.
async fn read(client: &Client, reference: &str) -> Result<(Task, Run), CliError> {
    let (task, id) = resolve::any_run(client, reference).await?;
    let value: Value = client.get(&["tasks", &task, "runs", &id], &[]).await?;
    let (_, task) = resolve::task(client, &task).await?;
    Ok((task, response::read(&value)?))
}

async fn stop(client: &Client, reference: &str, format: Format) -> Result<(), CliError> {
    let (task, run) = read(client, reference).await?;
    // The hub stops the active run of a task, which is its newest.
    let is_newest = task.run.as_ref().is_some_and(|newest| newest.id == run.id);
    if !is_newest || run.phase.known().is_some_and(RunPhase::is_terminal) {
        let message = format!("run {} of task {} has ended: {}", run.number, task.name, run.phase);
        return Err(CliError::new(ExitStatus::Refused, message));
    }
    let value: Value = client.post(&["tasks", &task.id, "stop"], None).await?;
    output::show(format, &value, || {
        format!("run {} of task {} is being stopped\n", run.number, task.name)
    })
}

async fn compare(client: &Client, references: &[String], format: Format) -> Result<(), CliError> {
    let mut ids = Vec::new();
    for reference in references {
        ids.push(resolve::any_run(client, reference).await?.1);
    }
    let query: Vec<(&str, &str)> = ids.iter().map(|id| ("run", id.as_str())).collect();
    let value: Value = client.get(&["runs", "compare"], &query).await?;
    let RunComparison { runs, inputs, metrics, more_metrics } = response::read(&value)?;
    output::show(format, &value, || {
        let titles: Vec<String> = runs.iter().map(title).collect();
        let header: Vec<&str> =
            ["RUN"].into_iter().chain(titles.iter().map(String::as_str)).collect();
        let of_runs = |name: &str, text: &dyn Fn(&ListedRun) -> String| {
            [name.to_owned()].into_iter().chain(runs.iter().map(text)).collect()
        };
        let mut rows: Vec<Vec<String>> = vec![
            of_runs("outcome", &|run| output::run_phase(&run.summary.phase)),
            of_runs("duration", &|run| view::took(&run.summary, output::now())),
            of_runs("epoch", &|run| epochs(Some(&run.summary))),
        ];
        rows.extend(inputs.into_iter().map(|input| {
            let values = input.values.into_iter().map(Option::unwrap_or_default);
            [input.name].into_iter().chain(values).collect()
        }));
        let metric = |ComparedMetric { party, name, lower_is_better: _, values }| {
            let values = values.into_iter().map(|values| values.map(text).unwrap_or_default());
            [format!("{party} {name}")].into_iter().chain(values).collect()
        };
        rows.extend(metrics.into_iter().map(metric));
        let more = if more_metrics { "More metrics exist than these.\n" } else { "" };
        output::table(&header, rows) + more
    })
}

fn text(MetricValues { last, last_step, best, best_step }: MetricValues) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "not a number".to_owned(), |v| v.to_string());
    match best_step {
        Some(step) if step != last_step => {
            format!("{}, best {} at {step}", number(last), number(best))
        }
        _ => number(last),
    }
}

/// Returns the name under which commands accept the run.
fn title(run: &ListedRun) -> String {
    format!("{}/{}", run.task_name, run.summary.number)
}

/// Formats `name=value` pairs.
fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}
