//! `flowctl top`: parties, runs and queue on the whole screen, read again every second.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use flow_api_types::{Contact, ContactState, Page, Party, Task};
use flow_common::clock::sleep;
use flow_domain::run::RunPhase;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Row, Table};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output;
use crate::response;
use crate::view::{epochs, reason};

/// Interval between two reads.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// Interval at which the thread for keys checks whether the screen is still open.
const KEY_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Phases of tasks that are shown.
const ACTIVE: &str = "queued,reserving,starting,running,stopping";

/// Content of the screen.
#[derive(Default)]
struct State {
    server: String,
    parties: Vec<Party>,
    /// Tasks with an active run.
    tasks: Vec<Task>,
    /// There are more tasks than one page.
    more: bool,
    /// The reason why the rest is old.
    error: Option<String>,
}

/// Shows the screen until the user quits.
pub async fn run(client: &Client) -> Result<ExitStatus, CliError> {
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        return Err(CliError::usage("`flowctl top` needs a terminal")
            .with_remedy("For a program: `flowctl task list --phase running -o json`."));
    }
    let mut state = State { server: client.server().to_owned(), ..State::default() };
    // An error before the screen opens stays on the terminal.
    state.read(client).await?;
    let (mut terminate, mut hangup) =
        (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut terminal = ratatui::try_init()?;
    let _screen = Screen;
    let mut keys = keys();
    loop {
        terminal.draw(|frame| draw(frame, &state, output::now()))?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(Key::Quit) | None => return Ok(ExitStatus::Ok),
                Some(Key::Resized) => continue,
            },
            _ = terminate.recv() => return Ok(ExitStatus::Interrupted),
            _ = hangup.recv() => return Ok(ExitStatus::Interrupted),
            () = sleep(READ_INTERVAL) => {}
        }
        match state.read(client).await {
            Ok(()) => state.error = None,
            Err(error) if error.exit == ExitStatus::Unreachable => {
                state.error = Some(error.message)
            }
            Err(error) => return Err(error),
        }
    }
}

/// Restores the terminal on every return.
struct Screen;

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

enum Key {
    Quit,
    Resized,
}

/// Reads keys in a thread, which ends when the receiver is dropped.
fn keys() -> mpsc::Receiver<Key> {
    let (send, receive) = mpsc::channel(1);
    std::thread::spawn(move || {
        while !send.is_closed() {
            let read = event::poll(KEY_POLL_INTERVAL)
                .and_then(|ready| ready.then(event::read).transpose());
            let key = match read {
                Ok(Some(Event::Key(key))) if quits(key) => Key::Quit,
                Ok(Some(Event::Resize(..))) => Key::Resized,
                Ok(_) => continue,
                // The terminal is gone.
                Err(_) => Key::Quit,
            };
            if send.blocking_send(key).is_err() {
                return;
            }
        }
    });
    receive
}

fn quits(KeyEvent { code, modifiers, kind, .. }: KeyEvent) -> bool {
    kind != KeyEventKind::Release
        && match code {
            KeyCode::Char('q') | KeyCode::Esc => true,
            KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
            _ => false,
        }
}

impl State {
    async fn read(&mut self, client: &Client) -> Result<(), CliError> {
        let parties: Vec<Value> = client.list(&["parties"], &[], "cursor").await?;
        self.parties = parties.iter().map(response::read).collect::<Result<_, _>>()?;
        let page: Page<Value> =
            client.get(&["tasks"], &[("phase", ACTIVE), ("limit", "200")]).await?;
        self.tasks = page.items.iter().map(response::read).collect::<Result<_, _>>()?;
        self.more = page.next.is_some();
        Ok(())
    }
}

fn draw(frame: &mut Frame, state: &State, now: Timestamp) {
    let is_queued =
        |task: &&Task| task.run.as_ref().is_some_and(|run| run.phase == RunPhase::Queued);
    let (queued, running): (Vec<&Task>, Vec<&Task>) = state.tasks.iter().partition(is_queued);
    let parties = u16::try_from(state.parties.len()).unwrap_or(u16::MAX).saturating_add(2);
    let [head, top, middle, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Max(parties.min(frame.area().height / 3).max(3)),
        Constraint::Fill(2),
        Constraint::Fill(1),
    ])
    .areas(frame.area());
    let status = match &state.error {
        Some(error) => Line::from(format!("{}: {error}", state.server)).red(),
        None => {
            let more = if state.more { " or more" } else { "" };
            let counts = format!("{} running, {}{more} queued", running.len(), queued.len());
            Line::from(format!("{}  {counts}  q quits", state.server)).bold()
        }
    };
    frame.render_widget(status, head);
    party_table(frame, top, &state.parties, now);
    run_table(frame, middle, "runs", &running, now);
    run_table(frame, bottom, "queue", &queued, now);
}

fn party_table(frame: &mut Frame, area: Rect, parties: &[Party], now: Timestamp) {
    let row = |party: &Party| {
        let Contact { state, since } = &party.contact;
        let (text, color) = match (state.known(), since) {
            (Some(ContactState::Connected), _) => ("connected".to_owned(), Color::Green),
            (_, Some(since)) => (format!("away for {}", output::age(since, now)), Color::Red),
            (Some(ContactState::Away), None) => ("never connected".to_owned(), Color::Yellow),
            (None, None) => (state.to_string(), Color::Yellow),
        };
        Row::new([
            Cell::new(party.name.clone()),
            Cell::new(text).fg(color),
            Cell::new(party.remark.clone()),
        ])
    };
    let widths = [Constraint::Fill(1), Constraint::Length(20), Constraint::Fill(2)];
    let table = Table::new(parties.iter().map(row), widths)
        .header(Row::new(["PARTY", "CONTACT", "REMARK"]).style(Style::new().bold()));
    frame.render_widget(table, area);
}

fn run_table(frame: &mut Frame, area: Rect, title: &str, tasks: &[&Task], now: Timestamp) {
    let row = |task: &&Task| {
        let run = task.run.as_ref();
        let phase = run.map(|run| run.phase.to_string()).unwrap_or_default();
        let age = run.map(|run| output::age(&run.created_at, now)).unwrap_or_default();
        let color = match run.and_then(|run| run.phase.known()) {
            Some(RunPhase::Running) => Color::Cyan,
            _ => Color::Yellow,
        };
        Row::new([
            Cell::new(task.name.clone()),
            Cell::new(run.map(|run| run.number.to_string()).unwrap_or_default()),
            Cell::new(phase).fg(color),
            Cell::new(epochs(run)),
            Cell::new(age),
            Cell::new(run.map(reason).unwrap_or_default()),
        ])
    };
    let widths = [
        Constraint::Fill(2),
        Constraint::Length(5),
        Constraint::Length(10),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Fill(3),
    ];
    let header = Row::new(["TASK", "RUN", "PHASE", "EPOCH", "AGE", "REASON"]);
    let table = Table::new(tasks.iter().map(row), widths)
        .header(header.style(Style::new().bold()))
        .block(Block::new().title(format!("── {title} ({}) ", tasks.len())));
    frame.render_widget(table, area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn u14_screen_shows_parties_runs_and_queue() {
        let mut queued = Task::sample();
        queued.run.as_mut().unwrap().phase = RunPhase::Queued.into();
        let mut running = Task::sample();
        running.name = "fast".to_owned();
        running.run.as_mut().unwrap().phase = RunPhase::Running.into();
        let mut state = State {
            server: "http://hub".to_owned(),
            parties: vec![Party::sample()],
            tasks: vec![queued, running],
            ..State::default()
        };
        let screen = |state: &State| {
            let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
            let now = "2026-01-01T00:00:09Z".parse().unwrap();
            terminal.draw(|frame| draw(frame, state, now)).unwrap();
            terminal.backend().to_string()
        };
        let text = screen(&state);
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in\n{text}"));
        assert!(at("1 running, 1 queued") < at("hospital-a") && at("hospital-a") < at("runs (1)"));
        assert!(at("runs (1)") < at("fast") && at("fast") < at("queue (1)"), "{text}");
        assert!(at("queue (1)") < at("digits-spring"), "{text}");
        state.error = Some("does not answer".to_owned());
        assert!(screen(&state).contains("http://hub: does not answer"));
    }
}
