//! Tokens of trusted external issuers: a CI system or a Kubernetes cluster states who a program is,
//! and the configuration maps this statement to a service account, a project and a role.

use std::path::PathBuf;

use flow_common::clock::SharedClock;
use flow_domain::access::ProjectRole;
use flow_domain::id::{ProjectId, UserName};
use flow_domain::time::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::config::{self, OneOrMore, TrustedIssuer};
use super::http::Fetch;
use super::jwks::{KeysError, RemoteKeys, Source};
use super::jwt::{self, Claims, Expected, Refusal};

/// The rules that a token of an external issuer matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    pub account: UserName,
    pub project: ProjectId,
    pub role: ProjectRole,
    /// `sub` of the token, for the audit.
    pub subject: String,
    pub expires_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error("no trusted issuer of the configuration has issued it")]
    Unknown,
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("its claims match no rule of access.trusted_issuers")]
    NoRule,
    #[error("the keys of its issuer cannot be read")]
    Keys(#[from] KeysError),
}

struct Rule {
    config: TrustedIssuer,
    algorithms: Vec<Algorithm>,
    keys: RemoteKeys,
}

/// All trusted issuers of the configuration.
#[derive(Default)]
pub(crate) struct TrustedIssuers(Vec<Rule>);

impl TrustedIssuers {
    pub(crate) fn new(configs: &[TrustedIssuer], clock: &SharedClock) -> Result<Self, String> {
        let rule = |config: &TrustedIssuer| {
            let (source, place) = if config.jwks.is_empty() {
                let url = config::discovery(&config.issuer)?;
                (Source::Discovery(url.clone()), url)
            } else if config.jwks.starts_with('/') {
                // No request leaves the hub.
                let unused = url::Url::parse("http://localhost").map_err(|e| e.to_string())?;
                (Source::File(PathBuf::from(&config.jwks)), unused)
            } else {
                let url = config::url("jwks", &config.jwks)?;
                (Source::Url(url.clone()), url)
            };
            let fetch = Fetch::new(&place, config.ca_file.as_deref())
                .map_err(|error| format!("ca_file: {error}"))?;
            Ok(Rule {
                config: config.clone(),
                algorithms: config::algorithms(&config.algorithms)?,
                keys: RemoteKeys::new(source, fetch, clock.clone()),
            })
        };
        configs.iter().map(rule).collect::<Result<_, String>>().map(Self)
    }

    /// Verifies a token and returns the first rule that it matches.
    pub(crate) async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Workload, IssuerError> {
        let issuer = jwt::claimed_issuer(token)?;
        let key_id = jwt::header(token)?.kid;
        let mut failed = IssuerError::Unknown;
        for rule in self.0.iter().filter(|rule| rule.config.issuer == issuer) {
            let set = rule.keys.with(key_id.as_deref()).await?;
            let expected = Expected {
                issuer: &rule.config.issuer,
                audiences: rule.config.audience.as_slice(),
                algorithms: &rule.algorithms,
                now,
            };
            let claims = match jwt::verify(token, &set, expected) {
                Ok(claims) => claims,
                Err(refusal) => {
                    failed = refusal.into();
                    continue;
                }
            };
            if !rule.config.claims.iter().all(|(name, accepted)| has(&claims, name, accepted)) {
                failed = IssuerError::NoRule;
                continue;
            }
            return Ok(Workload {
                account: rule.config.account.clone(),
                project: rule.config.project.clone(),
                role: rule.config.role,
                subject: jwt::text(&claims, "sub")?.to_owned(),
                expires_at: jwt::seconds(&claims, "exp")?.ok_or(Refusal::Claim("exp"))?,
            });
        }
        Err(failed)
    }
}

/// True if the claim has one of the accepted values. A claim with a list needs one such element.
fn has(claims: &Claims, name: &str, accepted: &OneOrMore) -> bool {
    let found = match name.strip_prefix('/') {
        None => claims.get(name),
        Some(path) => {
            let mut parts = path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
            let first = parts.next().and_then(|part| claims.get(&part));
            parts.fold(first, |value, part| value?.as_object()?.get(&part))
        }
    };
    let is_accepted = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return false,
        };
        accepted.as_slice().iter().any(|pattern| matches(pattern, &text))
    };
    match found {
        Some(Value::Array(several)) => several.iter().any(is_accepted),
        Some(one) => is_accepted(one),
        None => false,
    }
}

/// Compares a text with a pattern in which `*` stands for any characters, also none.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_in::crypto;
    use flow_common::clock::{Clock as _, MockClock};
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;
    use std::path::Path;
    use std::sync::Arc;

    const ISSUER: &str = "https://ci.example";

    /// A key pair of an issuer, as JSON Web Key and private key.
    fn key(id: &str) -> (Value, EncodingKey) {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        use ring::rand::SystemRandom;
        use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let public = json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y });
        (public, EncodingKey::from_ec_der(pkcs8.as_ref()))
    }

    fn write(file: &Path, keys: &[&Value]) {
        std::fs::write(file, json!({ "keys": keys }).to_string()).unwrap();
    }

    fn config(file: &Path, claims: Value) -> TrustedIssuer {
        serde_json::from_value(json!({
            "account": "ci", "issuer": ISSUER, "audience": "https://hub.example",
            "jwks": file, "claims": claims, "project": "default", "role": "submitter",
        }))
        .unwrap()
    }

    fn header(id: &str) -> Header {
        Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::ES256) }
    }

    fn encoded(part: &Value) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part.to_string())
    }

    struct Bench {
        _folder: tempfile::TempDir,
        file: PathBuf,
        clock: MockClock,
        issuers: TrustedIssuers,
        public: Value,
        private: EncodingKey,
    }

    impl Bench {
        fn new(claims: Value) -> Self {
            crypto::install().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("jwks.json");
            let (public, private) = key("one");
            write(&file, &[&public]);
            let clock = MockClock::new(Timestamp(1_800_000_000_000_000));
            let shared: SharedClock = Arc::new(clock.clone());
            let issuers = TrustedIssuers::new(&[config(&file, claims)], &shared).unwrap();
            Self { _folder: folder, file, clock, issuers, public, private }
        }

        fn claims(&self) -> Value {
            let now = self.clock.now().0 / 1_000_000;
            json!({
                "iss": ISSUER, "aud": "https://hub.example", "sub": "repo:org/x:ref:refs/heads/main",
                "iat": now, "nbf": now, "exp": now + 300, "repository": "org/x",
            })
        }

        async fn verify(&self, token: &str) -> Result<Workload, String> {
            let verified = self.issuers.verify(token, self.clock.now()).await;
            verified.map_err(|error| error.to_string())
        }

        async fn with(&self, header: &Header, claims: &Value) -> Result<Workload, String> {
            self.verify(&jsonwebtoken::encode(header, claims, &self.private).unwrap()).await
        }
    }

    #[tokio::test]
    async fn matching_token_acts_as_the_account_of_its_rule() {
        let bench = Bench::new(json!({ "repository": "org/x", "sub": "repo:org/x:*" }));
        let found = bench.with(&header("one"), &bench.claims()).await.unwrap();
        assert_eq!((found.account.as_str(), found.project.as_str()), ("ci", "default"));
        assert_eq!(
            (found.role, &*found.subject),
            (ProjectRole::Submitter, "repo:org/x:ref:refs/heads/main")
        );
        assert_eq!(found.expires_at.secs_since(bench.clock.now()), 300);
        let mut several = bench.claims();
        several["aud"] = json!(["other", "https://hub.example"]);
        bench.with(&header("one"), &several).await.unwrap();
    }

    #[tokio::test]
    async fn wrong_tokens_are_refused_with_the_cause() {
        let bench = Bench::new(json!({ "repository": "org/x" }));
        let good = bench.claims();
        let now = bench.clock.now().0 / 1_000_000;
        let change = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        for (claims, cause) in [
            (change("iss", json!("https://other.example")), "no trusted issuer"),
            (change("iss", json!([ISSUER])), "`iss`"),
            (change("iss", Value::Null), "`iss`"),
            (change("aud", json!("https://other.example")), "another audience"),
            (change("aud", json!(["a", "b"])), "another audience"),
            (change("aud", json!([])), "another audience"),
            (change("aud", json!({ "a": "https://hub.example" })), "`aud`"),
            (change("aud", json!(["https://hub.example", 1])), "`aud`"),
            (change("aud", Value::Null), "`aud`"),
            (change("exp", json!(now - 61)), "expired"),
            (change("exp", json!("tomorrow")), "`exp`"),
            (change("exp", json!(-1)), "`exp`"),
            (change("exp", json!(1e300)), "`exp`"),
            (change("exp", Value::Null), "`exp`"),
            (change("nbf", json!(now + 120)), "not valid yet"),
            (change("iat", json!(now + 120)), "not valid yet"),
            (change("repository", json!("org/y")), "match no rule"),
            (change("repository", Value::Null), "match no rule"),
            (change("repository", json!({ "org/x": "org/x" })), "match no rule"),
            (change("sub", json!(7)), "`sub`"),
        ] {
            let refused = bench.with(&header("one"), &claims).await.unwrap_err();
            assert!(refused.contains(cause), "{claims}: {refused}");
        }
        let crit = |value: Value| {
            let mut header = header("one");
            header.crit = serde_json::from_value(value).unwrap();
            header
        };
        for (header, cause) in [
            (header("two"), "no key with its key id"),
            (crit(json!(["exp"])), "critical"),
            (crit(json!(["b64"])), "critical"),
        ] {
            let refused = bench.with(&header, &good).await.unwrap_err();
            assert!(refused.contains(cause), "{refused}");
        }
    }

    #[tokio::test]
    async fn forged_tokens_are_refused() {
        let bench = Bench::new(json!({ "repository": "org/x" }));
        let claims = bench.claims();
        let body = encoded(&claims);
        let (_, stranger) = key("one");
        let forged = jsonwebtoken::encode(&header("one"), &claims, &stranger).unwrap();
        let good = jsonwebtoken::encode(&header("one"), &claims, &bench.private).unwrap();
        let (start, signature) = good.rsplit_once('.').unwrap();
        let none = encoded(&json!({ "alg": "none", "kid": "one" }));
        // The public key as the secret of HS256.
        let head = encoded(&json!({ "alg": "HS256", "kid": "one" }));
        let secret = ring::hmac::Key::new(
            ring::hmac::HMAC_SHA256,
            bench.public["x"].as_str().unwrap().as_bytes(),
        );
        let mac = ring::hmac::sign(&secret, format!("{head}.{body}").as_bytes());
        let mac = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.as_ref())
        };
        let other = encoded(&json!({ "alg": "RS256", "kid": "one" }));
        let mut changed = claims.clone();
        changed["sub"] = json!("repo:org/x:admin");
        for (token, cause) in [
            (forged, "signature"),
            (format!("{none}.{body}."), "not a signed"),
            (format!("{none}.{body}.{signature}"), "not a signed"),
            (format!("{head}.{body}.{mac}"), "algorithm"),
            (format!("{other}.{body}.{signature}"), "another algorithm"),
            (format!("{start}."), "signature"),
            (format!("{start}.AAAA"), "signature"),
            (
                format!("{}.{}.{signature}", start.split_once('.').unwrap().0, encoded(&changed)),
                "signature",
            ),
            (format!("{good}.x"), "not a signed"),
            ("a.b.c".to_owned(), "not a signed"),
            ("..".to_owned(), "not a signed"),
            (format!("{good}{}", "A".repeat(jwt::TOKEN_BYTES_MAX)), "bytes"),
        ] {
            let refused = bench.verify(&token).await.unwrap_err();
            assert!(refused.contains(cause), "{cause}: {refused}");
        }
    }

    #[tokio::test]
    async fn rotated_key_is_read_when_a_token_names_it_but_not_at_each_token() {
        let bench = Bench::new(json!({ "repository": "org/x" }));
        bench.with(&header("one"), &bench.claims()).await.unwrap();
        let (public, private) = key("two");
        write(&bench.file, &[&public]);
        let new = || jsonwebtoken::encode(&header("two"), &bench.claims(), &private).unwrap();
        let early = bench.verify(&new()).await.unwrap_err();
        assert!(early.contains("no key"), "the last read is too recent: {early}");
        bench.clock.advance(11);
        bench.verify(&new()).await.unwrap();
        let removed = bench.with(&header("one"), &bench.claims()).await.unwrap_err();
        assert!(removed.contains("no key"), "{removed}");
        // An unreadable set: the last one stays in use.
        std::fs::write(&bench.file, "{").unwrap();
        bench.clock.advance(3600);
        bench.verify(&new()).await.unwrap();
        bench.clock.advance(24 * 3600);
        let stale = bench.verify(&new()).await.unwrap_err();
        assert!(stale.contains("cannot be read"), "{stale}");
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*", "", true),
            ("*b", "aab", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("repo:org/x:*", "repo:org/x-evil:ref", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn nested_claims_are_found_by_pointer() {
        let claims =
            json!({ "kubernetes.io": { "namespace": "train" }, "groups": ["a", "b"], "n": 1 });
        let claims = claims.as_object().unwrap();
        let one = |text: &str| OneOrMore::One(text.to_owned());
        assert!(has(claims, "/kubernetes.io/namespace", &one("train")));
        assert!(!has(claims, "/kubernetes.io/name", &one("*")));
        assert!(has(claims, "groups", &one("b")) && !has(claims, "groups", &one("c")));
        assert!(has(claims, "n", &one("1")));
    }

    #[test]
    fn rule_without_claims_is_refused() {
        let file = Path::new("/etc/flow/jwks.json");
        assert!(config(file, json!({ "sub": "x" })).check().is_empty());
        for claims in [json!({}), json!({ "sub": [] })] {
            let wrong = config(file, claims).check();
            assert!(wrong[0].contains("claims: name at least one"), "{wrong:?}");
        }
        let mut plain = config(file, json!({ "sub": "x" }));
        plain.jwks = "http://ci.example/keys".to_owned();
        plain.algorithms = vec!["HS256".to_owned()];
        let wrong = plain.check();
        assert!(wrong.len() == 2 && wrong[1].contains("not https"), "{wrong:?}");
    }
}
