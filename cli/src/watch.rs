//! Follows a run until it ends. Each event of the task triggers a read of the run. Progress has no
//! events: a running run is read every second. The run continues while the hub is unreachable;
//! flowctl then retries for [`OUTAGE_MAX`].

use std::time::Duration;

use console::Term;
use flow_api_types::{Run, Task};
use flow_common::clock::{Monotonic, monotonic};
use flow_domain::run::RunPhase;
use futures::StreamExt as _;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;
use crate::sse::SseParser;
use crate::view;

/// Longest time for which flowctl retries while the hub is unreachable.
const OUTAGE_MAX: Duration = Duration::from_secs(60);
/// Interval between two reads of a running run, and before the event stream is opened again.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between two reads of any other run, in case an event was lost.
const IDLE_READ_INTERVAL: Duration = Duration::from_secs(5);

/// Follows a run of the task and, with `retries`, the runs that repeat it. Returns the exit code of
/// the last run.
pub async fn follow(
    client: &Client,
    task: &Task,
    run: String,
    retries: bool,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let mut current = run;
    // Registered before the first request, so that no interrupt is lost.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut display = Display::new(format, &task.name);
    let (wake, mut woken) = watch::channel(());
    let mut background = JoinSet::new();
    background.spawn(follow_events(client.clone(), task.id.clone(), wake));
    let mut away_since: Option<Monotonic> = None;
    let mut read_at: Option<Monotonic> = None;
    loop {
        if read_at.is_none_or(|at| at.elapsed() >= display.interval(away_since.is_some())) {
            read_at = Some(monotonic());
            match read_run(client, task, &current, retries).await {
                Ok((value, next)) => {
                    away_since = None;
                    let ended = display.update(value)?;
                    match next {
                        Some(retry) if ended => {
                            current = retry;
                            read_at = None;
                            continue;
                        }
                        _ if ended => return display.finish(),
                        _ => {}
                    }
                }
                Err(error) if error.exit == ExitStatus::Unreachable => {
                    if away_since.get_or_insert_with(monotonic).elapsed() >= OUTAGE_MAX {
                        return Err(error);
                    }
                    display.reconnecting(&error)?;
                }
                Err(error) => return Err(error),
            }
        }
        display.redraw()?;
        tokio::select! {
            Ok(()) = woken.changed(), if away_since.is_none() => read_at = None,
            () = flow_common::clock::sleep(READ_INTERVAL) => {}
            _ = interrupts.recv() => {
                display.line(&format!(
                    "the run continues; follow it again with `flowctl task watch {0}`, stop it with `flowctl task stop {0}`",
                    task.name
                ))?;
                return Ok(ExitStatus::Interrupted);
            }
        }
    }
}

/// Reads the run. For a failed run, also returns the id of the run that repeats it: the hub commits
/// both in one transaction.
async fn read_run(
    client: &Client,
    task: &Task,
    run: &str,
    retries: bool,
) -> Result<(Value, Option<String>), CliError> {
    let value: Value = client.get(&["tasks", &task.id, "runs", run], &[]).await?;
    if !retries || value["phase"] != "failed" {
        return Ok((value, None));
    }
    let newest = client.get::<Task>(&["tasks", &task.id], &[]).await?.run.map(|newest| newest.id);
    Ok((value, newest.filter(|newest| newest != run)))
}

/// Follows the events of the task and wakes the loop at each. Opens a broken stream again and
/// resumes after the last event.
async fn follow_events(client: Client, task: String, wake: watch::Sender<()>) {
    let mut last_id: Option<String> = None;
    loop {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(HeaderName::from_static("last-event-id"), id);
        }
        if let Ok(answer) = client.stream(&["tasks", &task, "events"], &[], headers).await {
            let mut chunks = answer.bytes_stream();
            let mut parser = SseParser::default();
            while let Some(Ok(chunk)) = chunks.next().await {
                for event in parser.feed(&chunk) {
                    last_id = event.id.or(last_id);
                    if wake.send(()).is_err() {
                        return;
                    }
                }
            }
        }
        flow_common::clock::sleep(READ_INTERVAL).await;
    }
}

enum Kind {
    Live(Term),
    Lines,
    Json,
}

/// Output of a watched run: what was printed, and from which state.
struct Display {
    kind: Kind,
    task: String,
    run: Option<Run>,
    drawn: Vec<String>,
    away: Option<(Monotonic, String)>,
}

impl Display {
    fn new(format: Format, task: &str) -> Self {
        let term = Term::buffered_stdout();
        let kind = match format {
            Format::Table if term.is_term() && !console::is_dumb() => Kind::Live(term),
            Format::Table => Kind::Lines,
            Format::Json | Format::Yaml => Kind::Json,
        };
        Self { kind, task: task.to_owned(), run: None, drawn: Vec::new(), away: None }
    }

    fn interval(&self, away: bool) -> Duration {
        match &self.run {
            Some(run) if !away && run.phase != RunPhase::Running => IDLE_READ_INTERVAL,
            _ => READ_INTERVAL,
        }
    }

    /// Shows the new state of the run. Returns whether the run has ended.
    fn update(&mut self, value: Value) -> Result<bool, CliError> {
        let run: Run = response::read(&value)?;
        if self.away.take().is_some() && matches!(self.kind, Kind::Lines) {
            output::print("reconnected to the hub\n")?;
        }
        match self.kind {
            Kind::Live(_) => {}
            Kind::Lines => {
                for line in view::changes(self.run.as_ref(), &run, crate::output::now()) {
                    output::print(&format!("{line}\n"))?;
                }
            }
            Kind::Json if self.run.as_ref() != Some(&run) => output::print(&format!("{value}\n"))?,
            Kind::Json => {}
        }
        Ok(self.run.insert(run).phase.known().is_some_and(RunPhase::is_terminal))
    }

    fn reconnecting(&mut self, error: &CliError) -> Result<(), CliError> {
        if self.away.is_none() {
            self.away = Some((monotonic(), error.message.clone()));
            if matches!(self.kind, Kind::Lines) {
                output::print(&format!("{}; reconnecting\n", error.message))?;
            }
        }
        Ok(())
    }

    /// Redraws the block on a terminal if it has changed.
    fn redraw(&mut self) -> Result<(), CliError> {
        let Kind::Live(term) = &self.kind else { return Ok(()) };
        let width = usize::from(term.size().1).max(20) - 1;
        let mut lines = self
            .run
            .as_ref()
            .map_or_else(Vec::new, |run| view::frame(&self.task, run, crate::output::now(), width));
        if let Some((since, message)) = &self.away {
            let seconds = i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
            let line = format!("reconnecting for {}: {message}", output::duration(seconds));
            lines.push(console::truncate_str(&line, width, "…").into_owned());
        }
        if lines != self.drawn {
            term.clear_last_lines(view::height(&self.drawn, width))?;
            for line in &lines {
                term.write_line(line)?;
            }
            term.flush()?;
            self.drawn = lines;
        }
        Ok(())
    }

    fn line(&self, text: &str) -> Result<(), CliError> {
        match self.kind {
            Kind::Json => Ok(()),
            Kind::Live(_) | Kind::Lines => output::print(&format!("{text}\n")),
        }
    }

    /// Prints the end of the run and returns its exit code.
    fn finish(mut self) -> Result<ExitStatus, CliError> {
        self.redraw()?;
        let Some(run) = &self.run else { return Ok(ExitStatus::Failed) };
        self.line(&view::ending_line(&self.task, run, crate::output::now()))?;
        Ok(match run.phase.known() {
            Some(RunPhase::Succeeded) => ExitStatus::Ok,
            Some(RunPhase::Cancelled) => ExitStatus::Cancelled,
            _ => ExitStatus::Failed,
        })
    }
}
