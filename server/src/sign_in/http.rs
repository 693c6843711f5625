//! Requests of the hub to issuers and providers: bounded in time and size, without redirects, and
//! over TLS except on loopback.

use std::path::Path;
use std::time::Duration;

use flow_common::error::chain;
use flow_common::loopback::is_loopback_host;
use flow_common::tls::TlsError;
use flow_common::tls::client::{self, Trust};
use flow_domain::text::clip;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use url::Url;

/// Longest time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for a whole request; shorter than the timeout of the caller's own request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A request to an issuer or provider failed. The message is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{text:?} is not a URL: {error}")]
    Url { text: String, error: url::ParseError },
    #[error(
        "{url} is not https; only an issuer on this machine may use plain HTTP and addresses of this machine"
    )]
    Plain { url: Url },
    #[error("cannot reach {url}: {cause}")]
    Unreachable { url: Url, cause: String },
    #[error("{url} answered {status}")]
    Status { url: Url, status: u16, body: Vec<u8> },
    #[error("the answer of {url} has more than {ANSWER_BYTES_MAX} bytes")]
    TooLarge { url: Url },
    #[error("the answer of {url} is not as expected: {cause}")]
    Answer { url: Url, cause: String },
}

/// A client for requests to issuers and providers.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    client: reqwest::Client,
    /// The issuer is on this machine, so that its documents may name plain HTTP there.
    is_local: bool,
}

/// True if requests to this URL cannot be read or changed by others.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

/// Parses a URL of a provider's document.
pub(crate) fn parse_url(text: &str) -> Result<Url, FetchError> {
    Url::parse(text).map_err(|error| FetchError::Url { text: clip(text, 200).into(), error })
}

impl Fetch {
    /// Creates a client for an issuer. It trusts the authorities in `ca_file`, or those of the
    /// machine.
    pub(crate) fn new(issuer: &Url, ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let trust = if issuer.scheme() == "http" { Trust::None } else { Trust::named(ca_file) };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(client::config(trust)?)
            .user_agent(concat!("flow-server/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        let is_local = is_loopback(issuer);
        if is_local {
            // A proxy of the environment would connect to its own loopback address.
            builder = builder.no_proxy();
        }
        let client = builder.build().expect("no option of the client can fail");
        Ok(Self { client, is_local })
    }

    pub(crate) async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        self.send(url, self.client.get(url.clone())).await
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, FetchError> {
        parse(url, &self.get(url).await?)
    }

    /// Reads JSON with a bearer token.
    pub(crate) async fn json_as<T: DeserializeOwned>(
        &self,
        url: &Url,
        token: &str,
    ) -> Result<T, FetchError> {
        let request = self.client.get(url.clone()).bearer_auth(token);
        parse(url, &self.send(url, request).await?)
    }

    /// Posts a form, with HTTP Basic credentials if given.
    pub(crate) async fn post_form<T: DeserializeOwned>(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<T, FetchError> {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password));
        }
        parse(url, &self.send(url, request).await?)
    }

    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<Vec<u8>, FetchError> {
        // A document of a remote issuer must not direct the hub to services of this machine.
        if !is_safe(url) || is_loopback(url) && !self.is_local {
            return Err(FetchError::Plain { url: url.clone() });
        }
        let failed = |error: reqwest::Error| FetchError::Unreachable {
            url: url.clone(),
            cause: chain(&error.without_url()),
        };
        let mut answer = request.header(ACCEPT, "application/json").send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(failed)? {
            if body.len() + bytes.len() > ANSWER_BYTES_MAX {
                return Err(FetchError::TooLarge { url: url.clone() });
            }
            body.extend_from_slice(&bytes);
        }
        match answer.status() {
            status if status.is_success() => Ok(body),
            status => Err(FetchError::Status { url: url.clone(), status: status.as_u16(), body }),
        }
    }
}

fn parse<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, FetchError> {
    // The text of a parser may quote the answer, which may hold a token.
    serde_json::from_slice(body).map_err(|error| FetchError::Answer {
        url: url.clone(),
        cause: format!("{:?} at column {}", error.classify(), error.column()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a25_document_of_a_remote_issuer_cannot_name_services_of_this_machine() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let remote = Fetch::new(&url("https://issuer.example"), None).expect("a client");
        for text in ["http://127.0.0.1:1/keys", "https://localhost:1/keys", "http://[::1]:1/"] {
            let refused = remote.get(&url(text)).await.expect_err("refused");
            assert!(matches!(refused, FetchError::Plain { .. }), "{refused}");
        }
        let local = Fetch::new(&url("http://127.0.0.1:1"), None).expect("a client");
        let refused = local.get(&url("http://127.0.0.1:1/keys")).await.expect_err("nobody listens");
        assert!(matches!(refused, FetchError::Unreachable { .. }), "{refused}");
    }
}
