//! Requests from pages of other origins (CORS, Fetch standard). Without configured origins a browser
//! shows no response to such a page.
//!
//! A page of a configured origin may use the API with a token that it sends itself. No response
//! allows credentials of the browser: the browser then hides responses to requests with a cookie,
//! and `access` rejects those requests.

use std::str::FromStr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use url::Url;

use crate::sign_in::http::is_safe;

/// Paths that pages of other origins may use.
const PATHS: [&str; 2] = ["/api/v2/", "/api/v1/"];
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
/// Headers that a page may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-Range, Last-Event-ID, Range, X-Fields, X-Request-Id";
/// Headers that a page may read besides those that every page may read.
const RESPONSE_HEADERS: &str = "Accept-Ranges, Allow, Content-Disposition, Content-Range, Deprecation, ETag, Link, Location, Retry-After, Sunset, WWW-Authenticate, X-Request-Id";
/// Time for which a browser keeps the answer to a preflight request, in seconds.
const PREFLIGHT_AGE_S: &str = "600";

/// Origin of a page: scheme, host and port, as a browser sends it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} must be the origin of a page as browsers send it: https://HOST or https://HOST:PORT in lower case, without a path; plain HTTP is accepted for this machine only"
            )
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_exact = url.origin().is_tuple() && url.origin().ascii_serialization() == text;
        let value = HeaderValue::from_str(text).map_err(|_| wrong())?;
        let is_one = is_exact && !text.contains('*');
        if is_one && is_safe(&url) { Ok(Self(value)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The origins whose pages may use the API.
#[derive(Debug, Clone, Default)]
pub struct Cors(Vec<Origin>);

/// The part of a request that decides about the headers of its response.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrossOrigin {
    /// The response differs by origin.
    varies: bool,
    /// Origin whose page may read the response.
    allowed: Option<HeaderValue>,
    /// The browser asks whether the page may send a request.
    pub(crate) is_preflight: bool,
}

impl Cors {
    #[must_use]
    pub const fn new(origins: Vec<Origin>) -> Self {
        Self(origins)
    }

    pub(crate) fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> CrossOrigin {
        if self.0.is_empty() || !PATHS.iter().any(|prefix| path.starts_with(prefix)) {
            return CrossOrigin::default();
        }
        let mut sent = headers.get_all(ORIGIN).iter();
        let origin = sent.next().filter(|_| sent.next().is_none());
        let allowed = origin.filter(|origin| self.0.iter().any(|known| known.0 == *origin));
        CrossOrigin {
            varies: true,
            allowed: allowed.cloned(),
            is_preflight: allowed.is_some()
                && method == Method::OPTIONS
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
        }
    }
}

impl CrossOrigin {
    /// Adds the headers of a response.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = &self.allowed else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let fixed: &[_] = if self.is_preflight {
            &[
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE_S),
            ]
        } else {
            &[(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS)]
        };
        for (name, value) in fixed {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_origins_are_accepted() {
        for text in ["https://console.example", "https://c.example:8443", "http://127.0.0.1:3000"] {
            text.parse::<Origin>().expect(text);
        }
        for text in [
            "",
            "*",
            "null",
            "console.example",
            "https://*.example",
            "https://console.example/",
            "https://console.example/app",
            "https://Console.example",
            "https://console.example:443",
            "https://bob@console.example",
            "http://console.example",
            "file:///tmp/page.html",
            "data:text/html,x",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
