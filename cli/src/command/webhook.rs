//! `flowctl webhook …`: signed requests of the hub for events of the project.

use flow_api_types::{
    Delivery, SecretRotation, Webhook, WebhookCreated, WebhookInput, WebhookSecret,
};
use flow_common::text::visible;
use serde_json::Value;

use crate::args::{Kinds, SecretArgs, WebhookCommand, WebhookName};
use crate::client::{Client, Tagged};
use crate::command::apply::body;
use crate::command::party::NewFile;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

pub async fn run(
    client: &Client,
    command: WebhookCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        WebhookCommand::List => list(client, format).await?,
        WebhookCommand::Get(WebhookName { webhook }) => {
            show(&client.get(&["webhooks", &webhook], &[]).await?, format)?;
        }
        WebhookCommand::Create { name, url, events, labels, secret } => {
            let events = Some(events).filter(|events| !events.is_empty());
            let labels = labels.into_iter().collect();
            let input = WebhookInput { name, url, events, labels, enabled: true };
            create(client, &input, &secret).await?;
        }
        WebhookCommand::Edit { name, rename, url, events, labels, no_labels, enable, disable } => {
            let path = ["webhooks", name.webhook.as_str()];
            let Tagged { value, tag } = client.get_tagged(&path).await?;
            let mut input = input(response::read(&value)?)?;
            input.name = rename.unwrap_or(input.name);
            input.url = url.unwrap_or(input.url);
            if let Some(Kinds(kinds)) = events {
                input.events = Some(kinds).filter(|kinds| !kinds.is_empty());
            }
            if no_labels || !labels.is_empty() {
                input.labels = labels.into_iter().collect();
            }
            input.enabled = (input.enabled || enable) && !disable;
            show(&client.put(&path, &body(&input)?, tag.as_deref()).await?, format)?;
        }
        WebhookCommand::Delete(WebhookName { webhook }) => {
            client.delete(&["webhooks", &webhook]).await?;
            output::print(&format!("webhook {} deleted\n", visible(&webhook)))?;
        }
        WebhookCommand::Test(WebhookName { webhook }) => {
            let path = ["webhooks", webhook.as_str(), "test"];
            queued(&client.post(&path, None).await?, &webhook, format)?;
        }
        WebhookCommand::Deliveries { name, limit } => {
            deliveries(client, &name.webhook, limit, format).await?;
        }
        WebhookCommand::Redeliver { name: WebhookName { webhook }, delivery } => {
            let path = ["webhooks", webhook.as_str(), "deliveries", &delivery, "redeliver"];
            queued(&client.post(&path, None).await?, &webhook, format)?;
        }
        WebhookCommand::RotateSecret { name, overlap, secret } => {
            rotate(client, &name.webhook, overlap, &secret).await?;
        }
    }
    Ok(ExitStatus::Ok)
}

/// Returns the request that changes nothing of a webhook.
fn input(webhook: Webhook) -> Result<WebhookInput, CliError> {
    let Webhook { name, url, events, labels, enabled, .. } = webhook;
    let newer = || {
        CliError::new(
            ExitStatus::Failed,
            "the webhook has a kind of event that this flowctl does not know",
        )
        .with_remedy("Name all kinds with --events, or update flowctl.")
    };
    let events = events
        .map(|kinds| {
            kinds.iter().map(|kind| kind.known().ok_or_else(newer)).collect::<Result<_, _>>()
        })
        .transpose()?;
    Ok(WebhookInput { name, url, events, labels, enabled })
}

/// Returns the kinds of events for people.
fn kinds(webhook: &Webhook) -> String {
    webhook.events.as_ref().map_or("all".to_owned(), |kinds| {
        kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    })
}

fn state(webhook: &Webhook) -> String {
    match (&webhook.disabled_reason, &webhook.failing_since) {
        (Some(reason), _) => format!("disabled: {reason}"),
        (None, _) if !webhook.enabled => "disabled".to_owned(),
        (None, Some(since)) => format!("failing since {}", since.as_str()),
        (None, None) => "enabled".to_owned(),
    }
}

async fn list(client: &Client, format: Format) -> Result<(), CliError> {
    let all: Vec<Value> = client.list(&["webhooks"], &[], "cursor").await?;
    let webhooks: Vec<Webhook> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let row = |webhook: Webhook| {
            let (state, kinds) = (state(&webhook), kinds(&webhook));
            vec![webhook.name, webhook.url, kinds, state]
        };
        output::table(&["NAME", "URL", "EVENTS", "STATE"], webhooks.into_iter().map(row).collect())
    })
}

fn show(value: &Value, format: Format) -> Result<(), CliError> {
    let webhook: Webhook = response::read(value)?;
    output::show(format, value, || {
        let labels = webhook.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let labels: Vec<String> = labels.collect();
        let until = webhook.former_secret_until.as_ref();
        output::fields(&[
            ("id", webhook.id.clone()),
            ("name", webhook.name.clone()),
            ("url", webhook.url.clone()),
            ("events", kinds(&webhook)),
            ("labels", labels.join(", ")),
            ("state", state(&webhook)),
            ("old secret until", until.map_or(String::new(), |at| at.as_str().to_owned())),
        ])
    })
}

/// Creates the file for the secret before the request: the hub shows the secret only once.
async fn create(
    client: &Client,
    input: &WebhookInput,
    SecretArgs { secret_file, .. }: &SecretArgs,
) -> Result<(), CliError> {
    let file = secret_file.as_deref().map(NewFile::create).transpose()?;
    let WebhookCreated { webhook, secret } = client.post_once(&["webhooks"], &body(input)?).await?;
    deliver(&webhook.name, "created", &secret.0, file)
}

async fn rotate(
    client: &Client,
    name: &str,
    overlap_s: u32,
    SecretArgs { secret_file, .. }: &SecretArgs,
) -> Result<(), CliError> {
    let file = secret_file.as_deref().map(NewFile::create).transpose()?;
    let request = body(&SecretRotation { overlap_s })?;
    let WebhookSecret { name, secret, former_until } =
        client.post_once(&["webhooks", name, "rotate-secret"], &request).await?;
    let result = match former_until {
        Some(until) => format!(
            "has a new secret; the hub signs with the old one too until {}",
            visible(until.as_str())
        ),
        None => "has a new secret; the hub no longer signs with the old one".to_owned(),
    };
    deliver(&name, &result, &secret.0, file)
}

/// Prints the secret or writes it to the file.
fn deliver(name: &str, result: &str, secret: &str, file: Option<NewFile>) -> Result<(), CliError> {
    let Some(file) = file else { return output::print(&format!("{}\n", visible(secret))) };
    let name = visible(name);
    let path = file.write(secret).map_err(|error| {
        let message =
            format!("webhook {name} {result}, but flowctl could not write its secret: {error}");
        CliError::new(ExitStatus::Failed, message).with_remedy(format!(
            "The secret is lost. Replace it: flowctl webhook rotate-secret {name} --secret-file FILE"
        ))
    })?;
    output::print(&format!("webhook {name} {result}; its secret is in {}\n", path.display()))
}

fn queued(value: &Value, webhook: &str, format: Format) -> Result<(), CliError> {
    let delivery: Delivery = response::read(value)?;
    output::show(format, value, || {
        let (id, webhook) = (visible(&delivery.id), visible(webhook));
        format!("delivery {id} is queued; see its result: flowctl webhook deliveries {webhook}\n")
    })
}

async fn deliveries(
    client: &Client,
    webhook: &str,
    limit: u8,
    format: Format,
) -> Result<(), CliError> {
    let limit = limit.to_string();
    let page: Value =
        client.get(&["webhooks", webhook, "deliveries"], &[("limit", &limit)]).await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let deliveries: Vec<Delivery> = items.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(items), || {
        let row = |delivery: Delivery| {
            vec![
                delivery.id,
                delivery.created_at.as_str().to_owned(),
                delivery.kind,
                delivery.state.to_string(),
                delivery.attempts.to_string(),
                delivery.status.map(|status| status.to_string()).unwrap_or_default(),
                delivery.next_attempt_at.map(|at| at.as_str().to_owned()).unwrap_or_default(),
                delivery.error.unwrap_or_default(),
            ]
        };
        output::table(
            &["ID", "TIME", "KIND", "STATE", "ATTEMPTS", "STATUS", "NEXT", "ERROR"],
            deliveries.into_iter().map(row).collect(),
        )
    })
}
