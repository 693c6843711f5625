//! A child process with a log. It dies with its handle, and with the test process, however that ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// A program under test that runs.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it; its output is appended to `log`.
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

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is small")
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the child is ours and not reaped");
    }

    /// Ends it as a crash does, and waits until it is gone.
    pub fn kill9(mut self) {
        self.put_down();
    }

    /// Ends it politely and answers its exit status; panics when it has not ended by the deadline.
    pub async fn terminate(mut self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let ended = eventually(deadline, async || self.ended()).await;
        ended.unwrap_or_else(|| {
            panic!("still running {deadline:?} after SIGTERM; its log:\n{}", self.log())
        })
    }

    fn put_down(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.put_down();
    }
}
