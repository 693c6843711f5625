//! flowctl against a real hub with two parties. Tests that run at the same time share one
//! federation, and each test has its own names.

mod access;
mod apply;
mod device;
mod names;
mod runs;
mod tasks;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use flow_e2e::Federation;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::fake::Done;

/// A running federation.
pub struct Hub {
    _runtime: Runtime,
    federation: Federation,
}

/// A program that reports three epochs, prints lines and ends.
const LEARN: &str = r#"#!/bin/sh
for epoch in 1 2 3; do
    echo "{\"epoch\": $epoch, \"epochs\": 3, \"loss\": 0.$((9 - epoch))}" >> "$FED_OUTPUT_DIR/metrics.jsonl"
    echo "epoch $epoch of $FED_PARTY"
done
"#;

impl Hub {
    /// Returns the federation of the tests that run now.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Hub>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let runtime = Runtime::new().unwrap();
        let federation = runtime.block_on(Federation::start());
        let program = federation.root().join("image/learn");
        fs::write(&program, LEARN).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let started = Arc::new(Self { _runtime: runtime, federation });
        *shared = Arc::downgrade(&started);
        started
    }

    /// Returns a command of flowctl for this hub.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("FLOW_SERVER", &self.federation.hub.base)
            .env("FLOW_TOKEN_FILE", self.federation.token_file())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap())
    }

    /// Runs a command that prints JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["-o", "json"]].concat()).exits(0);
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"))
    }

    /// Returns a manifest of template and task `name`: both parties run `program`.
    pub fn manifest(&self, name: &str, program: &str) -> String {
        format!(
            "kind: Template
name: {name}
framework: generic
image: e2e
command: [{program}]
env: {{E2E: {root}}}
stop_grace_s: 1
parameters:
  lr: {{type: number, default: 0.5}}
---
kind: Task
name: {name}
template: {name}
epochs: 3
members:
  - {{party: hospital-a, role: trainer}}
  - {{party: hospital-b, role: trainer}}
",
            root = self.federation.root().display()
        )
    }
}

/// Files of one test.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, text: &str) -> String {
        let path = self.path("file.yaml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}
