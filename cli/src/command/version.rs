//! `flowctl version`

use flow_api_types::HubVersion;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

/// Prints the version of flowctl, then that of the hub: the first is known without the hub.
pub async fn print(client: &Client, format: Format) -> Result<ExitStatus, CliError> {
    let own = env!("CARGO_PKG_VERSION");
    if format == Format::Table {
        output::print(&format!("flowctl  {own}\n"))?;
    }
    let value: Value = client.get(&["version"], &[]).await?;
    let HubVersion { version } = response::read(&value)?;
    let both = json!({"flowctl": own, "hub": value["version"]});
    output::show(format, &both, || format!("hub      {version}  {}\n", client.server()))?;
    Ok(ExitStatus::Ok)
}
