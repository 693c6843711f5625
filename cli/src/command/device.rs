//! `flowctl device`, and the sign-in of this machine with a code.

use std::io::{self, Write as _};
use std::time::Duration;

use flow_api_types::{
    DevicePoll, DeviceRequest, DeviceStart, DeviceStarted, SecretText, TokenCreated,
};
use flow_common::clock;
use flow_common::text::visible;
use flow_domain::error::ErrorCode;
use serde_json::Value;

use crate::args::DeviceCommand;
use crate::client::Client;
use crate::command::apply::body;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

/// Seconds that the hub adds to the interval of a device that asks too often (RFC 8628).
const SLOW_DOWN_S: u64 = 5;
/// Longest interval between two requests, in seconds.
const INTERVAL_S_MAX: u64 = 60;

/// Shows a code, waits until a person has approved it, and returns the token.
pub async fn wait_for_token(client: &Client, name: &str) -> Result<TokenCreated, CliError> {
    let start = body(&DeviceStart { client: name.to_owned() })?;
    let started: DeviceStarted = client.post_once(&["device-sign-ins"], &start).await?;
    let DeviceStarted {
        device_code: SecretText(device_code),
        user_code,
        verification_uri,
        verification_uri_complete: _,
        expires_in,
        interval,
    } = started;
    let code = visible(&user_code).into_owned();
    // Standard output is for the result.
    let _ = writeln!(
        io::stderr(),
        "Your code is {code}. Approve it where you are signed in: `flowctl device approve {code}`, or open {}",
        visible(&page(&verification_uri, client.server()))
    );
    let poll = body(&DevicePoll { device_code: SecretText(device_code) })?;
    let mut interval = interval.clamp(1, INTERVAL_S_MAX);
    let begun = clock::monotonic();
    loop {
        clock::sleep(Duration::from_secs(interval)).await;
        let pending = match client.post_once(&["device-sign-ins", "token"], &poll).await {
            Ok(created) => return Ok(created),
            Err(error) => error,
        };
        let is = |code: ErrorCode| pending.code.as_deref() == Some(code.row().slug);
        if is(ErrorCode::SlowDown) {
            interval = (interval + SLOW_DOWN_S).min(INTERVAL_S_MAX);
        } else if !is(ErrorCode::AuthorizationPending) && pending.exit != ExitStatus::Unreachable {
            return Err(pending);
        }
        if begun.elapsed() > Duration::from_secs(expires_in) {
            return Err(pending);
        }
    }
}

pub async fn device(
    client: &Client,
    command: DeviceCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let decide = async |code: &str, decision: &str| {
        client.post_no_content(&["device-sign-ins", code, decision]).await
    };
    match command {
        DeviceCommand::Get { code } => {
            let value: Value = client.get(&["device-sign-ins", &code], &[]).await?;
            let request: DeviceRequest = response::read(&value)?;
            output::show(format, &value, || {
                output::fields(&[
                    ("code", request.user_code.clone()),
                    ("device", request.client.clone()),
                    ("address", request.address.clone()),
                    ("expires", request.expires_at.as_str().to_owned()),
                ])
            })?;
        }
        DeviceCommand::Approve { code } => {
            let value: Value = client.get(&["device-sign-ins", &code], &[]).await?;
            let DeviceRequest { client: device, address, .. } = response::read(&value)?;
            decide(&code, "approve").await?;
            output::print(&format!(
                "approved {} at {}; the device gets its token at its next request. If it is not yours, delete the token: `flowctl token list`\n",
                visible(&device),
                visible(&address)
            ))?;
        }
        DeviceCommand::Deny { code } => {
            decide(&code, "deny").await?;
            output::print("denied\n")?;
        }
    }
    Ok(ExitStatus::Ok)
}

/// The page for people. A hub without `access.public_url` names the address on which it listens; if
/// that is every address of its machine, the page is at the address that this device uses.
fn page(verification_uri: &str, server: &str) -> String {
    let is_unspecified = reqwest::Url::parse(verification_uri).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified())
    });
    if is_unspecified { format!("{server}/device") } else { verification_uri.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_of_a_hub_that_listens_on_every_address_is_at_the_address_of_this_device() {
        let server = "https://hub.example:1235";
        for every in ["https://0.0.0.0:1235/device", "https://[::]:1235/device"] {
            assert_eq!(page(every, server), "https://hub.example:1235/device");
        }
        for one in ["https://hub.example/device", "http://127.0.0.1:1235/device"] {
            assert_eq!(page(one, server), one);
        }
    }
}
