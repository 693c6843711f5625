//! Commands about webhooks.

use clap::{Args, Subcommand};
use flow_domain::run::EventKind;

/// The webhook of a command.
#[derive(Debug, Args)]
pub struct WebhookName {
    /// Name or id of the webhook
    pub webhook: String,
}

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// List the webhooks of the project
    List,
    /// Show a webhook
    Get(WebhookName),
    /// Create a webhook; the hub shows its secret only once
    #[command(
        override_usage = "flowctl webhook create [OPTIONS] --secret-file <FILE> <NAME> <URL>"
    )]
    Create {
        /// Name of the webhook
        name: String,
        /// Address of the receiver, https://
        url: String,
        /// Kinds of events, separated by commas, such as run.succeeded,run.failed [default: all]
        #[arg(long, value_delimiter = ',', value_name = "KINDS")]
        events: Vec<EventKind>,
        /// Only events of tasks with this label; can be repeated
        #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
        #[command(flatten)]
        secret: super::SecretArgs,
    },
    /// Change a webhook; what is not named stays
    Edit {
        #[command(flatten)]
        name: WebhookName,
        /// New name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// New address of the receiver
        #[arg(long)]
        url: Option<String>,
        /// Kinds of events, separated by commas, or `all`
        #[arg(long, value_name = "KINDS", value_parser = kinds)]
        events: Option<Kinds>,
        /// Only events of tasks with this label; can be repeated; replaces all labels
        #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
        /// Events of all tasks
        #[arg(long, conflicts_with = "labels")]
        no_labels: bool,
        /// Send events again, also if the hub has disabled the webhook
        #[arg(long)]
        enable: bool,
        /// Send no events
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
    },
    /// Delete a webhook with its deliveries
    Delete(WebhookName),
    /// Send a message of type `ping`
    Test(WebhookName),
    /// List the newest deliveries of a webhook
    Deliveries {
        #[command(flatten)]
        name: WebhookName,
        /// Number of deliveries
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=200))]
        limit: u8,
    },
    /// Send a delivery again
    Redeliver {
        #[command(flatten)]
        name: WebhookName,
        /// Id of the delivery, from `flowctl webhook deliveries`
        delivery: String,
    },
    /// Replace the secret of a webhook; the hub shows the new one only once
    #[command(
        override_usage = "flowctl webhook rotate-secret [OPTIONS] --secret-file <FILE> <WEBHOOK>"
    )]
    RotateSecret {
        #[command(flatten)]
        name: WebhookName,
        /// Sign with the old secret too for this many seconds, at most 604800 (one week)
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u32,
        #[command(flatten)]
        secret: super::SecretArgs,
    },
}

/// Kinds of events. Empty = all.
#[derive(Debug, Clone)]
pub struct Kinds(pub Vec<EventKind>);

fn kinds(text: &str) -> Result<Kinds, String> {
    if text == "all" {
        return Ok(Kinds(Vec::new()));
    }
    text.split(',').map(str::parse).collect::<Result<_, _>>().map(Kinds)
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE, such as season=spring")?;
    Ok((name.to_owned(), value.to_owned()))
}
