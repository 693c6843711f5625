//! The connection, the output and the error of the setup commands.

use std::io::Write as _;

use kube::Client;

pub type SetupError = Box<dyn std::error::Error + Send + Sync>;

/// Connects to the cluster of the caller's kubeconfig.
pub async fn connect() -> Result<Client, SetupError> {
    let config = kube::Config::infer()
        .await
        .map_err(|error| format!("no cluster is configured: {error}; set KUBECONFIG"))?;
    Ok(Client::try_from(config)?)
}

/// Prints a result to standard output.
pub fn print(text: &str) -> Result<(), SetupError> {
    Ok(flow_common::stdout::print(format!("{}\n", text.trim_end()))?)
}

/// Prints a note to standard error.
pub fn note(text: &str) -> Result<(), SetupError> {
    writeln!(std::io::stderr(), "{text}")?;
    Ok(())
}
