//! Credentials of the party's listener, and the checks of a browser's requests. The token is in a
//! file that only the agent's user can read; the session of a browser opens only the party view and
//! `/api/v2`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flow_common::clock::SharedClock;
use flow_common::ids;
use flow_common::loopback::is_loopback_host;
use flow_common::secret_file::{self, Secret, SecretFileError};
use flow_domain::error::{Error, ErrorCode};
use http::uri::Authority;
use http::{HeaderMap, Method, header};

use crate::control::console::{API, Console, PATH, SIGN_IN, is_same};

/// The interface that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// `/api/v1`, and unknown paths.
    V1,
    V2,
    /// The party view.
    View,
}

impl Api {
    pub(super) fn of(path: &str) -> Self {
        let is_below = |prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('/'))
        };
        if is_below(PATH) {
            Self::View
        } else if is_below(API) {
            Self::V2
        } else {
            Self::V1
        }
    }
}

/// Decides which requests are served.
pub(super) struct Access {
    token: Secret,
    allow_remote: bool,
    console: Arc<Console>,
}

impl Access {
    /// Reads the token, or creates its file.
    pub(super) fn open(
        token_file: &Path,
        address: SocketAddr,
        allow_remote: bool,
        clock: SharedClock,
    ) -> Result<Self, SecretFileError> {
        if !token_file.exists() {
            secret_file::write_new(token_file, &Secret::new(ids::secret()))?;
        }
        let token = secret_file::read(token_file)?;
        Ok(Self { token, allow_remote, console: Arc::new(Console::new(address, clock)) })
    }

    pub(super) fn console(&self) -> Arc<Console> {
        Arc::clone(&self.console)
    }

    /// Checks host, site and credential of a request.
    pub(super) fn admit(
        &self,
        api: Api,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        self.check_host(headers)?;
        let site = check_site(headers)?;
        if path == SIGN_IN || self.has_token(headers) {
            return Ok(());
        }
        if api != Api::V1 {
            if !self.console.has_session(headers) {
                let message = "this needs a sign-in: run `flow-federate console` on the agent's machine and open the link that it prints";
                return Err(Error::new(ErrorCode::Unauthenticated, message));
            }
            // A browser sends the cookie by itself; a change must come from a page of the view.
            if method != Method::GET && method != Method::HEAD && site != Site::Own {
                let message = "a change in a session of a browser must be sent by a page of the party view: send the token of the agent instead";
                return Err(Error::new(ErrorCode::CrossSite, message));
            }
            return Ok(());
        }
        let message = "send the token of the agent, which is in the file v1-token of its data directory, as `Authorization: Bearer TOKEN` or as the password of HTTP Basic";
        Err(Error::new(ErrorCode::Unauthenticated, message))
    }

    /// Another site can make its own name lead to this machine (DNS rebinding); it cannot do this to
    /// an address or to `localhost`.
    fn check_host(&self, headers: &HeaderMap) -> Result<(), Error> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => {
                host.to_str().ok().and_then(|host| host.parse::<Authority>().ok())
            }
            _ => None,
        };
        let is_allowed = |host: &Authority| {
            let address = host.host().trim_matches(['[', ']']).parse::<IpAddr>();
            is_loopback_host(host.host()) || (self.allow_remote && address.is_ok())
        };
        if host.as_ref().is_some_and(is_allowed) {
            return Ok(());
        }
        let message = format!(
            "the header Host must name this machine by its address, such as {}: a name that another site controls may lead here",
            self.console.browser_address()
        );
        Err(Error::new(ErrorCode::CrossSite, message))
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
        let Some((scheme, value)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        else {
            return false;
        };
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return is_same(value.as_bytes(), &self.token);
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return false;
        }
        // Any name: there is one token.
        let Ok(pair) = BASE64_STANDARD.decode(value) else { return false };
        let password = pair.iter().position(|byte| *byte == b':').map(|colon| &pair[colon + 1..]);
        password.is_some_and(|password| is_same(password, &self.token))
    }
}

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    /// A page of this listener.
    Own,
    /// A person, or a program that is no browser.
    None,
}

/// Refuses a request that a page of another site made the browser send, whatever its credential:
/// a browser repeats the credentials of HTTP Basic by itself. Another port of this machine counts
/// as another site.
fn check_site(headers: &HeaderMap) -> Result<Site, Error> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin"), _) => return Ok(Site::Own),
        (Some("none"), _) | (None, None) => return Ok(Site::None),
        (Some(_), _) => {}
        // An old browser.
        (None, Some(origin)) => {
            if origin.strip_prefix("http://").is_some_and(|host| text("host") == Some(host)) {
                return Ok(Site::Own);
            }
        }
    }
    let message = "a page of another site sent this request: open the link that `flow-federate console` prints, or enter the address yourself";
    Err(Error::new(ErrorCode::CrossSite, message))
}

#[cfg(test)]
mod tests {
    use flow_common::clock::MockClock;

    use super::*;

    fn access(allow_remote: bool) -> (tempfile::TempDir, Access, MockClock) {
        let dir = tempfile::tempdir().unwrap();
        let clock = MockClock::default();
        let file = dir.path().join(super::super::TOKEN);
        let address = "127.0.0.1:1236".parse().unwrap();
        let access = Access::open(&file, address, allow_remote, Arc::new(clock.clone())).unwrap();
        (dir, access, clock)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn u43_host_is_an_address_or_localhost() {
        let (_dir, local, _) = access(false);
        for good in ["127.0.0.1:1236", "localhost", "LOCALHOST:8000", "[::1]:1236", "127.9.9.9"] {
            local.check_host(&headers(&[("host", good)])).expect(good);
        }
        for bad in
            ["evil.example:1236", "localhost.evil.example", "", "10.0.0.1:1236", "a b", "0.0.0.0"]
        {
            assert!(local.check_host(&headers(&[("host", bad)])).is_err(), "{bad}");
        }
        assert!(local.check_host(&headers(&[])).is_err());
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert!(local.check_host(&headers(&two)).is_err());
        let (_remote_dir, remote, _) = access(true);
        assert!(remote.check_host(&headers(&[("host", "10.0.0.1:1236")])).is_ok());
        assert!(remote.check_host(&headers(&[("host", "evil.example")])).is_err());
    }

    #[test]
    fn u43_pages_of_other_sites_and_ports_are_refused() {
        let host = ("host", "127.0.0.1:1236");
        for (pairs, is_own) in [
            (vec![], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false),
            (vec![("origin", "http://127.0.0.1:1236"), host], true),
            (vec![("origin", "http://127.0.0.1:8000"), host], false),
            (vec![("origin", "null"), host], false),
        ] {
            assert_eq!(check_site(&headers(&pairs)).is_ok(), is_own, "{pairs:?}");
        }
    }

    #[test]
    fn u43_only_the_whole_token_is_accepted_and_its_file_is_kept() {
        let (dir, access, clock) = access(false);
        let file = dir.path().join(super::super::TOKEN);
        let token = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        assert_eq!(token.len(), 64);
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        for good in [
            format!("Bearer {token}"),
            format!("bearer  {token}"),
            basic(&format!("anybody:{token}")),
            basic(&format!(":{token}")),
        ] {
            assert!(access.has_token(&headers(&[("authorization", &good)])), "{good}");
        }
        for bad in [
            format!("Bearer {}", &token[1..]),
            format!("Bearer {token}0"),
            format!("Token {token}"),
            format!("Bearer{token}"),
            "Bearer ".to_owned(),
            basic(&token),
            basic("a:b"),
            "Basic ?".to_owned(),
        ] {
            assert!(!access.has_token(&headers(&[("authorization", &bad)])), "{bad}");
        }
        // A restart keeps the token.
        let address = "127.0.0.1:1".parse().unwrap();
        let again = Access::open(&file, address, false, Arc::new(clock)).unwrap();
        assert!(again.has_token(&headers(&[("authorization", &format!("Bearer {token}"))])));
    }

    #[test]
    fn u43_interface_follows_from_the_whole_path() {
        for (api, paths) in [
            (Api::View, vec!["/console", "/console/", SIGN_IN, "/console/members/x"]),
            (Api::V2, vec!["/api/v2", "/api/v2/party", "/api/v2/console"]),
            (
                Api::V1,
                vec![
                    "/",
                    "/consoles",
                    "/api/v1/task",
                    "/api/v1/console",
                    "/api/v2x",
                    "/API/v2",
                    "//api/v2",
                ],
            ),
        ] {
            for path in paths {
                assert_eq!(Api::of(path), api, "{path}");
            }
        }
    }

    #[test]
    fn u43_session_changes_something_only_from_a_page_of_the_view() {
        let (_dir, access, _) = access(false);
        let link = access.console().link();
        let cookies = access.console().sign_in(link.split_once("code=").unwrap().1).unwrap();
        let cookie = cookies[0].to_str().unwrap().split(';').next().unwrap().to_owned();
        let token = format!("Bearer {}", access.token.expose());
        let host = "127.0.0.1:1236";
        let sent = |method: Method,
                    credential: (&'static str, &str),
                    more: &[(&'static str, &str)]| {
            let pairs = [&[("host", host), credential], more].concat();
            let path = "/api/v2/members/x/stop";
            access.admit(Api::of(path), path, &method, &headers(&pairs)).map_err(|error| error.code)
        };
        let (own, typed) = (("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"));
        let (cookie, bearer) = (("cookie", cookie.as_str()), ("authorization", token.as_str()));
        let refused = Err(ErrorCode::CrossSite);
        assert_eq!(sent(Method::POST, cookie, &[own]), Ok(()));
        assert_eq!(sent(Method::POST, cookie, &[("origin", "http://127.0.0.1:1236")]), Ok(()));
        assert_eq!(sent(Method::POST, cookie, &[typed]), refused);
        assert_eq!(sent(Method::POST, cookie, &[]), refused);
        assert_eq!(sent(Method::POST, cookie, &[("origin", "http://127.0.0.1:8000")]), refused);
        assert_eq!(sent(Method::POST, cookie, &[("sec-fetch-site", "same-site")]), refused);
        assert_eq!(sent(Method::GET, cookie, &[]), Ok(()));
        assert_eq!(sent(Method::POST, bearer, &[]), Ok(()));
        assert_eq!(sent(Method::POST, bearer, &[("sec-fetch-site", "cross-site")]), refused);
        let none = Err(ErrorCode::Unauthenticated);
        assert_eq!(sent(Method::POST, ("accept", "*/*"), &[own]), none);
    }
}
