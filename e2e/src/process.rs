//! A child process with a log. It ends with its handle and with the test process, even if that is
//! killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// A running program under test.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts the program; appends its output to `log`.
    #[must_use]
    pub fn start(mut command: Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log's folder is the test's own");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be cloned"))
            .stderr(file);
        let shown = format!("{command:?}");
        let child = flow_testkit::spawn_tied(command)
            .unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is small")
    }

    /// Content of the log.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Exit status, if the process has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is not reaped")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the child is not reaped");
    }

    /// Kills the process with SIGKILL and waits for its end.
    pub fn kill9(mut self) {
        self.put_down();
    }

    /// Sends SIGTERM and returns the exit status; panics at the deadline.
    pub async fn terminate(mut self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let ended = eventually(deadline, async || self.ended()).await;
        ended.unwrap_or_else(|| {
            panic!("still running {deadline:?} after SIGTERM; its log:\n{}", self.log())
        })
    }

    fn put_down(&mut self) {
        // Fails only if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.put_down();
    }
}
