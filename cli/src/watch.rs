//! Follows a run to its end. The task's events say when to look again; progress, which has no events, is looked at
//! every second while the run is running. A hub that goes away is waited for, for a minute: the run goes on without it.

use std::time::Duration;

use console::Term;
use flow_common::clock::{Monotonic, monotonic};
use futures::StreamExt as _;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{self, Format};
use crate::sse::SseParser;
use crate::view;
use crate::wire::{self, Run, Task};

/// Longest time without the hub.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at a run that is running.
const LOOK: Duration = Duration::from_secs(1);
/// Looks at a run whose events are being followed, in case a wake was lost.
const SWEEP: Duration = Duration::from_secs(5);

/// Follows a run of the task and, if `retries`, the runs that repeat it. The exit code is that of the last.
pub async fn follow(
    client: &Client,
    task: &Task,
    run: String,
    retries: bool,
    format: Format,
) -> Result<Exit, Failure> {
    let mut current = run;
    // From the start: one that comes while the hub is asked is not lost.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut display = Display::new(format, &task.name);
    let (wake, mut woken) = watch::channel(());
    let mut background = JoinSet::new();
    background.spawn(listen(client.clone(), task.id.clone(), wake));
    let mut away_since: Option<Monotonic> = None;
    let mut looked: Option<Monotonic> = None;
    loop {
        if looked.is_none_or(|at| at.elapsed() >= display.interval(away_since.is_some())) {
            looked = Some(monotonic());
            match look(client, task, &current, retries).await {
                Ok((value, next)) => {
                    away_since = None;
                    let ended = display.update(value)?;
                    match next {
                        Some(retry) if ended => {
                            current = retry;
                            looked = None;
                            continue;
                        }
                        _ if ended => return display.finish(),
                        _ => {}
                    }
                }
                Err(failure) if failure.exit == Exit::Unreachable => {
                    if away_since.get_or_insert_with(monotonic).elapsed() >= PATIENCE {
                        return Err(failure);
                    }
                    display.reconnecting(&failure)?;
                }
                Err(failure) => return Err(failure),
            }
        }
        display.redraw()?;
        tokio::select! {
            Ok(()) = woken.changed(), if away_since.is_none() => looked = None,
            () = flow_common::clock::sleep(LOOK) => {}
            _ = interrupts.recv() => {
                display.line(&format!(
                    "the task goes on; come back with `flowctl task watch {0}`, end it with `flowctl task stop {0}`",
                    task.name
                ))?;
                return Ok(Exit::Interrupted);
            }
        }
    }
}

/// The run as it stands and, once it has failed, the run that repeats it: one transaction ends the one and makes the
/// other.
async fn look(
    client: &Client,
    task: &Task,
    run: &str,
    retries: bool,
) -> Result<(Value, Option<String>), Failure> {
    let value: Value = client.get(&["tasks", &task.id, "runs", run], &[]).await?;
    if !retries || value["phase"] != "failed" {
        return Ok((value, None));
    }
    let newest = client.get::<Task>(&["tasks", &task.id], &[]).await?.run.map(|newest| newest.id);
    Ok((value, newest.filter(|newest| newest != run)))
}

/// Listens to the task's events and wakes the loop at each; comes back after every break, where it left off.
async fn listen(client: Client, task: String, wake: watch::Sender<()>) {
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
        flow_common::clock::sleep(LOOK).await;
    }
}

enum Kind {
    Live(Term),
    Lines,
    Json,
}

/// What is on the screen, and what it was made from.
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
            Some(run) if !away && run.phase != "running" => SWEEP,
            _ => LOOK,
        }
    }

    /// Takes a new look at the run in; tells whether it has ended.
    fn update(&mut self, value: Value) -> Result<bool, Failure> {
        let run: Run = wire::read(&value)?;
        if self.away.take().is_some() && matches!(self.kind, Kind::Lines) {
            output::print("connected to the hub again\n")?;
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
        Ok(self.run.insert(run).is_terminal())
    }

    fn reconnecting(&mut self, failure: &Failure) -> Result<(), Failure> {
        if self.away.is_none() {
            self.away = Some((monotonic(), failure.message.clone()));
            if matches!(self.kind, Kind::Lines) {
                output::print(&format!("{}; reconnecting\n", failure.message))?;
            }
        }
        Ok(())
    }

    /// Brings the block on a terminal up to date; elsewhere there is nothing to do.
    fn redraw(&mut self) -> Result<(), Failure> {
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

    fn line(&self, text: &str) -> Result<(), Failure> {
        match self.kind {
            Kind::Json => Ok(()),
            Kind::Live(_) | Kind::Lines => output::print(&format!("{text}\n")),
        }
    }

    /// Says how it ended; the exit code is the run's.
    fn finish(mut self) -> Result<Exit, Failure> {
        self.redraw()?;
        let Some(run) = &self.run else { return Ok(Exit::Failed) };
        self.line(&view::verdict(&self.task, run, crate::output::now()))?;
        Ok(match run.phase.as_str() {
            "succeeded" => Exit::Ok,
            "cancelled" => Exit::Cancelled,
            _ => Exit::Failed,
        })
    }
}
