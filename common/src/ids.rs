//! New identifiers and secrets. Randomness comes from the operating system only.

use std::fmt::Write as _;

use flow_domain::id::{
    DeliveryId, InstanceId, RunId, SessionId, TaskId, TemplateId, TokenId, UserId, WebhookId,
};

const HEX: &str = "32 lower-case hexadecimal digits";

/// Returns a UUIDv7 in simple form: later ids sort after earlier ones, so that an index grows at
/// one end.
#[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
fn ordered() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// A new task id.
#[must_use]
pub fn task_id() -> TaskId {
    ordered().parse().expect(HEX)
}

/// A new run id.
#[must_use]
pub fn run_id() -> RunId {
    ordered().parse().expect(HEX)
}

/// A new template id.
#[must_use]
pub fn template_id() -> TemplateId {
    ordered().parse().expect(HEX)
}

/// A new user id.
#[must_use]
pub fn user_id() -> UserId {
    ordered().parse().expect(HEX)
}

/// A new id of an API token.
#[must_use]
pub fn token_id() -> TokenId {
    ordered().parse().expect(HEX)
}

/// A new id of a browser session.
#[must_use]
pub fn session_id() -> SessionId {
    ordered().parse().expect(HEX)
}

/// A new id of a webhook.
#[must_use]
pub fn webhook_id() -> WebhookId {
    ordered().parse().expect(HEX)
}

/// A new id of a delivery of a webhook.
#[must_use]
pub fn delivery_id() -> DeliveryId {
    ordered().parse().expect(HEX)
}

/// A new id of an entry of the access audit.
#[must_use]
pub fn audit_id() -> String {
    ordered()
}

/// The identity of a new agent journal. Random, because it must not reveal its time of creation.
#[must_use]
pub fn instance_id() -> InstanceId {
    hex(&random::<16>()).parse().expect(HEX)
}

/// A new request id, for requests without one.
#[must_use]
pub fn request_id() -> String {
    hex(&random::<16>())
}

/// A new secret: 32 random bytes in hexadecimal.
#[must_use]
pub fn secret() -> String {
    hex(&random::<32>())
}

/// Returns a random number below `limit`, for jitter; 0 if `limit` is 0.
#[must_use]
pub fn jitter(limit: u64) -> u64 {
    u64::from_le_bytes(random::<8>()).checked_rem(limit).unwrap_or(0)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<_> = (0..100).map(|_| task_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn secrets_have_256_bits_and_differ() {
        let (one, two) = (secret(), secret());
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
        assert_ne!(instance_id(), instance_id());
    }
}
