//! A real OpenID provider in its own process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::machine::{node, prepared};
use crate::{free_port, spawn_tied};

/// A running provider. Any name and password signs in; names with "admin" are in the group `admins`,
/// all are in `staff`. Dropping it ends the process.
pub struct OidcProvider {
    process: Child,
    /// The provider may still print.
    _output: BufReader<ChildStdout>,
    /// The issuer, without a slash at the end.
    pub issuer: String,
}

impl OidcProvider {
    /// Identifier of its only client.
    pub const CLIENT: &'static str = "flow";
    /// Secret of the client, with characters that HTTP Basic must encode.
    pub const SECRET: &'static str = "secret+of&the%test";

    /// Starts a provider that sends people back to `redirect_uri`.
    #[must_use]
    pub fn start(redirect_uri: &str) -> Self {
        let port = free_port();
        let mut command = Command::new(node());
        command
            .arg(prepared("oidc/provider.mjs"))
            .args([&port.to_string(), redirect_uri])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = spawn_tied(command).expect("Node.js is installed");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let is_ready = output.by_ref().lines().map_while(Result::ok).any(|line| line == "ready");
        assert!(is_ready, "the provider ended before it was ready: run `make setup-test`");
        Self { process, _output: output, issuer: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        // A process that has ended already is the goal.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
