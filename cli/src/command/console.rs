//! `flowctl console`

use flow_api_types::{SecretText, SignInCode};
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

/// Prints the address of the web console, and a code that opens one session of the account.
pub async fn print(client: &Client, format: Format) -> Result<ExitStatus, CliError> {
    let value: Value = client.post_once(&["sign-in-codes"], &json!({})).await?;
    let SignInCode { code: SecretText(code), expires_at } = response::read(&value)?;
    let url = format!("{}/", client.server());
    let shown = json!({"url": url, "code": code, "expires_at": expires_at});
    output::show(format, &shown, || {
        let expires = expires_at.as_str().to_owned();
        output::fields(&[("console", url.clone()), ("code", code.clone()), ("expires", expires)])
    })?;
    Ok(ExitStatus::Ok)
}
