//! One attempt of a delivery: a POST without redirects and proxies, bounded in time and size.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flow_common::error::chain;
use flow_common::tls::client::{self, Trust};
use flow_domain::time::Timestamp;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};

use super::WebhookOptions;
use super::message::signatures;
use super::target::{Resolver, TargetRules};
use crate::store::{Delivery, Webhook};

/// Longest time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for a whole attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a response that the hub reads, and ignores.
const RESPONSE_BYTES_MAX: usize = 4 * 1024;
/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// The answer of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub status: u16,
    /// Seconds that the receiver asks to wait.
    pub retry_after_s: Option<u64>,
}

/// Sends deliveries.
#[derive(Debug)]
pub(super) struct Sender {
    rules: Arc<TargetRules>,
    ca_file: Option<PathBuf>,
    /// Created for the first attempt with each scheme: a hub without webhooks reads no authorities.
    https: OnceLock<Result<Client, String>>,
    http: OnceLock<Result<Client, String>>,
}

impl Sender {
    pub(super) fn new(WebhookOptions { rules, ca_file }: WebhookOptions) -> Self {
        Self { rules: Arc::new(rules), ca_file, https: OnceLock::new(), http: OnceLock::new() }
    }

    fn client(&self, is_https: bool) -> Result<&Client, String> {
        let build = || {
            let trust = if is_https { Trust::named(self.ca_file.as_deref()) } else { Trust::None };
            let tls =
                client::config(trust).map_err(|error| format!("webhooks.ca_file: {error}"))?;
            let client = Client::builder()
                .tls_backend_preconfigured(tls)
                .user_agent(concat!("flow-server/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would resolve names past the rules.
                .no_proxy()
                .dns_resolver(Resolver { rules: Arc::clone(&self.rules), is_https })
                .pool_max_idle_per_host(0)
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(ATTEMPT_TIMEOUT)
                .build();
            client.map_err(|error| chain(&error))
        };
        let cell = if is_https { &self.https } else { &self.http };
        cell.get_or_init(build).as_ref().map_err(Clone::clone)
    }

    /// Sends the delivery once. The error names the cause without the URL, which may contain a
    /// secret.
    pub(super) async fn post(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<Reply, String> {
        // The rules may have changed since the webhook was created.
        let url = self.rules.parse(&webhook.url).map_err(|error| format!("the URL {error}"))?;
        let former = webhook.former_secret.iter().filter(|(_, until)| now < *until);
        let secrets: Vec<_> =
            std::iter::once(&webhook.secret).chain(former.map(|(secret, _)| secret)).collect();
        let seconds = now.0.div_euclid(SECOND_US);
        let signature = signatures(&secrets, &delivery.id, seconds, &delivery.body)
            .ok_or("the stored secret is malformed; replace it with a new one")?;
        let client = self.client(url.scheme() == "https")?;
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", delivery.id.as_str())
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(delivery.body.clone());
        let mut response = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let reply = Reply {
            status: response.status().as_u16(),
            retry_after_s: retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok()),
        };
        // The receiver can end its response. The status is known, whatever follows.
        let mut read = 0;
        while read < RESPONSE_BYTES_MAX
            && let Ok(Some(bytes)) = response.chunk().await
        {
            read += bytes.len();
        }
        Ok(reply)
    }
}
