//! One program of the cluster: a process tied to the test, with a log over all restarts.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::machine::Place;
use crate::spawn_tied;

/// Lines of a log in a failure message.
const TAIL_LINES: usize = 20;

pub(super) struct Component {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    place: Place,
    folder: PathBuf,
    child: Option<Child>,
}

impl Component {
    /// Starts `program` in `folder` with the log file `NAME.log`.
    pub(super) fn start<A: Into<OsString>>(
        name: &str,
        program: PathBuf,
        arguments: impl IntoIterator<Item = A>,
        place: &Place,
        folder: &Path,
    ) -> Component {
        let arguments = arguments.into_iter().map(Into::into).collect();
        let mut component = Component {
            name: name.into(),
            program,
            arguments,
            place: place.clone(),
            folder: folder.into(),
            child: None,
        };
        component.restart();
        component
    }

    /// Restarts the program with the same arguments; kills a running process first.
    pub(super) fn restart(&mut self) {
        self.kill();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the folder is writable");
        let mut command = self.place.command(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env("HOME", &self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be cloned"))
            .stderr(log);
        self.child = Some(spawn_tied(command).expect("the prepared program can be executed"));
    }

    /// Kills the process with SIGKILL and waits for its end.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that the process has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// `None` while the program is stopped.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Panics with the end of the log if the process has ended unexpectedly.
    pub(super) fn assert_alive(&mut self) {
        if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
        {
            panic!("{} ended with {status}:\n{}", self.name, self.log_tail());
        }
    }

    /// Returns the end of the log for a failure message; panics like [`Component::assert_alive`].
    pub(super) fn log_tail_if_alive(&mut self) -> String {
        self.assert_alive();
        self.log_tail()
    }

    fn log_tail(&self) -> String {
        let log = String::from_utf8_lossy(&std::fs::read(self.log_path()).unwrap_or_default())
            .into_owned();
        let lines: Vec<&str> = log.lines().collect();
        format!(
            "{} ends with:\n{}",
            self.log_path().display(),
            lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
        )
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.kill();
    }
}
