//! Edits a text in the user's editor, through a file in a private directory: mode 0700, random
//! name, created exclusively.
//!
//! The directory holds the backup files of the editor too. It is removed on every return, on
//! SIGTERM and on SIGHUP.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use flow_common::clock::timeout;
use nix::sys::signal::{Signal::SIGTERM, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, ExitStatus};

/// Used when neither VISUAL nor EDITOR names an editor.
const DEFAULT_EDITOR: &str = "vi";
/// Time from SIGTERM to SIGKILL for an editor.
const EDITOR_EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A text under edit. From its creation on flowctl handles SIGINT, SIGTERM and SIGHUP itself, so
/// every await goes through [`Draft::edit`] or [`Draft::unless_stopped`].
pub struct Draft {
    /// Removes the directory on drop.
    _folder: TempDir,
    path: PathBuf,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Draft {
    /// Writes `text` to a new private file called `name`.
    pub fn new(name: &str, text: &str) -> Result<Self, CliError> {
        let failed = |error: io::Error| {
            let folder = std::env::temp_dir();
            CliError::new(
                ExitStatus::Failed,
                format!("cannot create a file in {} for the editor: {error}", folder.display()),
            )
            .with_remedy("Set TMPDIR to a directory that you can write to.")
        };
        // Before the file exists, so that no signal ends flowctl and leaves the file.
        let (interrupt, terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let hangup = signal(SignalKind::hangup())?;
        let mut builder = tempfile::Builder::new();
        let folder = builder
            .prefix("flowctl-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(failed)?;
        let path = folder.path().join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(Self { _folder: folder, path, interrupt, terminate, hangup })
    }

    /// Runs the editor on the file, waits until it ends, and returns the edited text.
    pub async fn edit(&mut self) -> Result<String, CliError> {
        let editor = editor();
        // Through a shell, since editors are often given with arguments. `exec` makes the editor
        // the child that gets the signals; `env` lets its variables stand before it.
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("exec env {editor} \"$1\""))
            .arg("sh")
            .arg(&self.path)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                // The terminal sends SIGINT to both; it is meant for the editor. Emacs uses it for
                // Ctrl-G.
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => return Err(end(&mut child).await),
                _ = self.hangup.recv() => return Err(end(&mut child).await),
            }
        };
        if !status.success() {
            return Err(CliError::new(
                ExitStatus::Failed,
                format!("the editor `{editor}` failed ({status}); nothing was changed"),
            ));
        }
        Ok(fs::read_to_string(&self.path)?)
    }

    /// Prints the error and asks the user whether to edit again. Returns false without a terminal.
    pub async fn asks_again(&mut self, error: &CliError) -> Result<bool, CliError> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Ok(false);
        }
        eprint!("{}Edit again? [Y/n] ", error.render());
        // The process can end while this thread waits for input.
        let (send, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            // The end of input means no. After a signal no task receives the answer.
            let _ = send
                .send(read.map(|bytes| bytes > 0 && !line.trim().to_lowercase().starts_with('n')));
        });
        self.unless_stopped(async { Ok(answer.await.map_err(io::Error::other)??) }).await
    }

    /// Runs `work` until it is done or a signal stops flowctl.
    pub async fn unless_stopped<T>(
        &mut self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        tokio::select! {
            done = work => done,
            _ = self.interrupt.recv() => Err(stopped()),
            _ = self.terminate.recv() => Err(stopped()),
            _ = self.hangup.recv() => Err(stopped()),
        }
    }
}

/// Stops the editor. SIGTERM lets it restore the terminal.
async fn end(editor: &mut Child) -> CliError {
    let pid = editor.id().and_then(|pid| i32::try_from(pid).ok());
    if pid.is_some_and(|pid| kill(Pid::from_raw(pid), SIGTERM).is_ok()) {
        // After the timeout the editor is killed when it is dropped.
        let _ = timeout(EDITOR_EXIT_TIMEOUT, editor.wait()).await;
    }
    stopped()
}

fn stopped() -> CliError {
    CliError::new(ExitStatus::Interrupted, "flowctl was stopped by a signal")
}

/// VISUAL, else EDITOR, else `vi`. An empty variable counts as unset: the shell would run the file
/// itself.
fn editor() -> String {
    let named = |name: &&str| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    ["VISUAL", "EDITOR"].iter().find_map(named).unwrap_or_else(|| DEFAULT_EDITOR.to_owned())
}
