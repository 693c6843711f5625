//! Typed identifiers. The edge of a program parses each once; inside, no bare string stands for an
//! identifier.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Parse error of an identifier. Its message names the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {accepted}")]
pub struct BadId {
    what: &'static str,
    accepted: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $accepted:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId { what: $what, accepted: $accepted })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Regular expression for ids of tasks, runs, templates and agent instances.
pub const ID_PATTERN: &str = "^[0-9a-f]{32}$";
/// Regular expression for a [`Digest`].
pub const DIGEST_PATTERN: &str = "^[0-9a-f]{64}$";
/// Regular expression for names of parties, projects and datasets.
pub const SLUG_PATTERN: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// Regular expression for a [`UserName`].
pub const USER_NAME_PATTERN: &str = "^[a-z0-9][a-z0-9._@-]{0,62}$";

fn is_hex32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_hex64(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// DNS label (RFC 1123): party names become file names on the aggregator (hazard L19) and object
/// names in Kubernetes.
fn is_slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// No `:`, which separates name and password in HTTP Basic. Lower case: two names never differ in
/// case only.
fn is_user_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'@' | b'-'))
        && !text.starts_with(['.', '_', '@', '-'])
}

text_id!(
    /// A task that a user submitted.
    TaskId, "a task id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// One start of a task.
    RunId, "a run id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// A template; the same for all its revisions.
    TemplateId, "a template id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// The identity of one agent journal, a random number. Two agents with the same secret are two
    /// instances.
    InstanceId, "an instance id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// A party: an organisation that takes part in tasks.
    PartyId, "a party name", "1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'", is_slug
);
text_id!(
    /// An account. Its name may belong to another account after it was deleted, its id never.
    UserId, "a user id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// The name of an account.
    UserName, "a user name", "1 to 63 of a-z, 0-9, '.', '_', '@' and '-', starting with a letter or digit", is_user_name
);
text_id!(
    /// An API token; not its secret.
    TokenId, "a token id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// A session of a browser; not its secret.
    SessionId, "a session id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// A webhook of a project. Its name may belong to another webhook after it was deleted.
    WebhookId, "a webhook id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// A delivery of a webhook: one message to its receiver, with all attempts to send it.
    DeliveryId, "a delivery id", "32 lower-case hexadecimal digits", is_hex32
);
text_id!(
    /// The project that owns a resource.
    ProjectId, "a project name", "1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'", is_slug
);
text_id!(
    /// The name under which a party offers data. The path of the data never leaves the party.
    DatasetName, "a dataset name", "1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'", is_slug
);
text_id!(
    /// SHA-256 of canonical bytes, in lower-case hexadecimal.
    Digest, "a digest", "64 lower-case hexadecimal digits (SHA-256)", is_hex64
);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in sha2::Sha256::digest(bytes) {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l19_a_party_name_can_never_be_a_path() {
        for bad in ["../x", "a/b", "", "-a", "a-", "A", "a.b", "a\n", &"a".repeat(64)] {
            assert!(bad.parse::<PartyId>().is_err(), "{bad:?} must be refused");
        }
        for good in ["a", "hospital-a", "0", &"a".repeat(63)] {
            assert!(good.parse::<PartyId>().is_ok(), "{good:?} must be accepted");
        }
    }

    #[test]
    fn a_digest_is_the_sha256_of_the_bytes() {
        assert_eq!(
            Digest::of(b"").as_str(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
