//! Messages of webhooks and their signatures, as the Standard Webhooks specification describes
//! them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow_api_types::{FeedEvent, Time};
use flow_common::secret_file::Secret;
use flow_domain::id::{DeliveryId, ProjectId, WebhookId};
use flow_domain::time::Timestamp;
use ring::hmac;
use serde::Serialize;

use super::PING;
use crate::store::FeedRow;

/// First characters of a secret.
const SECRET_PREFIX: &str = "whsec_";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// Returns a new secret: the prefix, and random bytes in base64.
pub(crate) fn new_secret() -> Secret {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
}

/// Body of a message.
#[derive(Serialize)]
struct Message<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Time,
    data: T,
}

#[derive(Serialize)]
struct EventData<'a> {
    project: &'a ProjectId,
    #[serde(flatten)]
    event: FeedEvent,
}

#[derive(Serialize)]
struct PingData<'a> {
    project: &'a ProjectId,
    webhook: &'a WebhookId,
    name: &'a str,
}

fn text<T: Serialize>(message: &Message<'_, T>) -> String {
    serde_json::to_string(message).expect("messages have text keys and no fallible serializers")
}

/// Returns the body for an event.
pub(super) fn event(row: &FeedRow) -> String {
    let event = FeedEvent::from(row.clone());
    let (kind, timestamp) = (row.event.event.kind.as_str(), row.event.at.into());
    text(&Message { kind, timestamp, data: EventData { project: &row.project, event } })
}

/// Returns the body of a test.
pub(super) fn ping(project: &ProjectId, webhook: &WebhookId, name: &str, now: Timestamp) -> String {
    let data = PingData { project, webhook, name };
    text(&Message { kind: PING, timestamp: now.into(), data })
}

/// Returns the value of `webhook-signature`: a signature by each secret. `seconds` is the value of
/// `webhook-timestamp`. `None` if a stored secret is malformed.
pub(super) fn signatures(
    secrets: &[&Secret],
    id: &DeliveryId,
    seconds: i64,
    body: &str,
) -> Option<String> {
    let signature = |secret: &&Secret| {
        let key = STANDARD.decode(secret.expose().strip_prefix(SECRET_PREFIX)?).ok()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(tag)))
    };
    let signatures: Option<Vec<String>> = secrets.iter().map(signature).collect();
    Some(signatures?.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_an_hmac_over_id_timestamp_and_body() {
        // Computed with `openssl dgst -sha256 -hmac`.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let id: DeliveryId = "0190f3a4e5f67e00a1b2c3d4e5f60718".parse().expect("an id");
        let signed = signatures(&[&secret], &id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,KcyJLiF5mlMiy1aychRLQwLoUSywdFHndsNAQcJIbK4="));
        let both = signatures(&[&secret, &new_secret()], &id, 1, "{}").expect("valid secrets");
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(signatures(&[&Secret::new("x".to_owned())], &id, 1, "{}"), None);
    }
}
