//! Sessions of browsers: an opaque cookie, whose SHA-256 the database has.

use std::net::IpAddr;

use flow_common::secret_file::Secret;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, UserId};
use flow_domain::text::clip;
use flow_domain::time::Timestamp;
use http::header::{COOKIE, HOST, ORIGIN, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::Access;
use crate::store::BrowserSession;

/// A session without a request for this time ends, in seconds: 12 hours.
pub(crate) const IDLE_S: u64 = 12 * 3600;
/// A session ends after this time, in seconds: 7 days.
pub(crate) const LIFE_S: u64 = 7 * 24 * 3600;
/// Longest stored name of a client, in characters.
const CLIENT_CHARS_MAX: usize = 200;
/// Characters of a cookie's value.
const VALUE_CHARS: usize = 64;

/// The browser sends a cookie with this prefix to this host only, over TLS only, and a page cannot
/// set it.
const SECURE_NAME: &str = "__Host-flow_session";
/// Without TLS, which the hub allows on loopback only.
const PLAIN_NAME: &str = "flow_session";

/// The cookie of a session; `Debug` hides its value.
#[derive(Debug, Clone)]
pub(crate) struct SessionCookie {
    value: Secret,
    is_tls: bool,
}

const fn name(is_tls: bool) -> &'static str {
    if is_tls { SECURE_NAME } else { PLAIN_NAME }
}

impl SessionCookie {
    /// Creates the cookie of a new session.
    pub(crate) fn generate(is_tls: bool) -> Self {
        Self { value: Secret::new(flow_common::ids::secret()), is_tls }
    }

    /// Returns the cookie of a request.
    pub(crate) fn of(headers: &HeaderMap, is_tls: bool) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name(is_tls)).then_some(value)
        });
        let value = pairs.next()?;
        let is_valid =
            value.len() == VALUE_CHARS && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Two cookies of one name: another page set one of them.
        (is_valid && pairs.next().is_none())
            .then(|| Self { value: Secret::new(value.to_owned()), is_tls })
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.value.expose().as_bytes())
    }

    /// Returns the `Set-Cookie` header that opens the session.
    pub(crate) fn set(&self) -> Result<HeaderValue, Error> {
        header(self.value.expose(), LIFE_S, self.is_tls)
    }

    /// Returns the `Set-Cookie` header that removes the cookie.
    pub(crate) fn clear(is_tls: bool) -> Result<HeaderValue, Error> {
        header("", 0, is_tls)
    }
}

fn header(value: &str, age_s: u64, is_tls: bool) -> Result<HeaderValue, Error> {
    let name = name(is_tls);
    let secure = if is_tls { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::from_str(&text).map_err(Error::internal)?;
    header.set_sensitive(true);
    Ok(header)
}

/// Returns a new session of an account that signed in by this method.
pub(crate) fn open(
    cookie: &SessionCookie,
    user: &UserId,
    method: &str,
    headers: &HeaderMap,
    now: Timestamp,
) -> BrowserSession {
    let client = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    BrowserSession {
        id: flow_common::ids::session_id(),
        user: user.clone(),
        digest: cookie.digest(),
        method: method.to_owned(),
        client: clip(client, CLIENT_CHARS_MAX).into_owned(),
        created_at: now,
        seen_at: now,
        expires_at: now.plus_secs(LIFE_S),
    }
}

pub(super) fn is_ended(session: &BrowserSession, now: Timestamp) -> bool {
    session.expires_at <= now || now.secs_since(session.seen_at) >= IDLE_S
}

/// Rejects a request that another site's page sent with the credential of the browser. For requests
/// with a cookie or HTTP Basic only: a page cannot make the browser send a bearer token.
pub(crate) fn check_site(method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_owned();
    let site = headers.get("sec-fetch-site").map(text);
    let is_same = match site.as_deref() {
        Some("same-origin" | "none") => true,
        // A link to the hub from another site may open a page, not change anything.
        Some(_) => {
            method.is_safe() && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
        }
        // An old browser, or no browser. A page of the hub reads without this header.
        None => match headers.get(ORIGIN).map(text) {
            None => true,
            Some(origin) => {
                let host = headers.get(HOST).map(text);
                let origin = origin.split_once("://").map(|(_, host)| host.to_owned());
                origin.is_some() && origin == host
            }
        },
    };
    if is_same { Ok(()) } else { Err(Error::of(ErrorCode::CrossSite)) }
}

/// Rejects a request without credentials that a page in a browser may have sent: programs of an
/// admitted network may act without credentials, pages that its people open may not. Without TLS, a
/// page may have any name that its owner lets point to the address of the hub (DNS rebinding), and
/// its reads have no `Origin`; therefore the name is checked, too.
pub(crate) fn check_page(headers: &HeaderMap, access: &Access) -> Result<(), Error> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_page = headers.contains_key(ORIGIN)
        || text(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "none");
    if is_page {
        return Err(Error::of(ErrorCode::CrossSite));
    }
    let public_url = &access.sign_in().public_url;
    match text(HOST).filter(|_| !access.has_tls_listener).and_then(host_of) {
        Some(host) if !is_own_host(&host, public_url) => Err(Error::new(
            ErrorCode::CrossSite,
            format!(
                "requests without credentials need an address as the host, localhost, or the host of access.public_url, not {:?}",
                clip(&host, 100)
            ),
        )),
        _ => Ok(()),
    }
}

/// Returns the host of a `Host` header.
fn host_of(authority: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{authority}")).ok()?;
    url.host_str().map(ToOwned::to_owned)
}

fn is_own_host(host: &str, public_url: &str) -> bool {
    let own = Url::parse(public_url).ok();
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || own.as_ref().and_then(Url::host_str) == Some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn cookie_is_read_by_its_whole_name_and_only_once() {
        let value = "0123456789abcdef".repeat(4);
        let (secure, plain) = (format!("{SECURE_NAME}={value}"), format!("{PLAIN_NAME}={value}"));
        let of = |text: &str, is_tls| SessionCookie::of(&headers(&[("cookie", text)]), is_tls);
        assert!(of(&secure, true).is_some() && of(&plain, false).is_some());
        assert!(of(&format!("a=b; {secure}; c=d"), true).is_some());
        assert!(of(&plain, true).is_none(), "a page of this host can set it");
        assert!(of(&secure, false).is_none());
        for text in [
            format!("{secure}; {secure}"),
            format!("{secure}0"),
            format!("x{secure}"),
            format!("{SECURE_NAME}={}", "z".repeat(VALUE_CHARS)),
            SECURE_NAME.to_owned(),
            String::new(),
        ] {
            assert!(of(&text, true).is_none(), "{text}");
        }
        let cookie = of(&secure, true).expect("a cookie");
        assert!(!format!("{cookie:?}").contains(&value));
        let set = cookie.set().expect("a header");
        assert!(set.is_sensitive());
        let set = set.to_str().expect("text");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains("Domain"), "{set}");
    }

    #[test]
    fn pages_of_other_sites_cannot_use_the_session() {
        type Case = (&'static Method, &'static [(&'static str, &'static str)], bool);
        let cases: [Case; 13] = [
            (&Method::POST, &[], true),
            (&Method::POST, &[("sec-fetch-site", "same-origin")], true),
            (&Method::POST, &[("sec-fetch-site", "none")], true),
            (&Method::POST, &[("sec-fetch-site", "same-site")], false),
            (&Method::POST, &[("sec-fetch-site", "cross-site")], false),
            (
                &Method::POST,
                &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
                false,
            ),
            (
                &Method::GET,
                &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
                true,
            ),
            (&Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")], false),
            (&Method::DELETE, &[("origin", "https://hub:8443"), ("host", "hub:8443")], true),
            (&Method::DELETE, &[("origin", "https://evil"), ("host", "hub")], false),
            (&Method::GET, &[("origin", "https://evil"), ("host", "hub")], false),
            (&Method::POST, &[("origin", "null"), ("host", "hub")], false),
            (&Method::POST, &[("origin", "https://hub.evil"), ("host", "hub")], false),
        ];
        for (method, pairs, admitted) in cases {
            assert_eq!(check_site(method, &headers(pairs)).is_ok(), admitted, "{method} {pairs:?}");
        }
    }

    #[test]
    fn a22_only_names_of_the_hub_are_hosts_of_requests_without_credentials() {
        for (authority, expected) in [
            ("127.0.0.1:1235", true),
            ("10.1.2.3", true),
            ("[::1]:1235", true),
            ("localhost:1235", true),
            ("HUB.example", true),
            ("evil.example:1235", false),
            ("hub.example.evil.example", false),
            ("localhost.evil.example", false),
        ] {
            let host = host_of(authority).expect("a host");
            assert_eq!(is_own_host(&host, "https://hub.example/"), expected, "{authority}");
        }
    }

    #[test]
    fn session_ends_when_idle_and_after_its_life() {
        let user = "0".repeat(32).parse().expect("an id");
        let at = |seconds| Timestamp(0).plus_secs(seconds);
        let cookie = SessionCookie::generate(true);
        let mut session = open(&cookie, &user, "password", &HeaderMap::new(), at(0));
        assert!(!is_ended(&session, at(IDLE_S - 1)) && is_ended(&session, at(IDLE_S)));
        session.seen_at = at(LIFE_S - 1);
        assert!(!is_ended(&session, at(LIFE_S - 1)) && is_ended(&session, at(LIFE_S)));
    }
}
