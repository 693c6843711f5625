//! Sign-in links and sessions of the party view. The control socket makes a link; its code is valid
//! once and for a short time, and is exchanged for a session. Both are in memory and end with the
//! agent.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use flow_common::clock::{Boot, SharedClock};
use flow_common::ids;
use flow_common::secret_file::Secret;
use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;

/// Path of the view, to which a browser sends the session's cookie.
pub const PATH: &str = "/console";
/// Path of the API of the view, to which a browser sends the cookie, too.
pub const API: &str = "/api/v2";
/// Path of a sign-in link.
pub const SIGN_IN: &str = "/console/sign-in";

/// Life of a sign-in link.
const LINK_LIFE: Duration = Duration::from_secs(120);
/// Life of a session, and the longest time between two of its requests.
const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
const SESSION_IDLE_MAX: Duration = Duration::from_secs(3600);
/// Links and sessions at a time; a new one replaces the oldest.
const HELD_MAX: usize = 16;

/// The sign-in links and sessions of the party view.
pub struct Console {
    address: SocketAddr,
    clock: SharedClock,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    links: Vec<Timed>,
    sessions: Vec<Timed>,
}

struct Timed {
    secret: Secret,
    created: Boot,
    used: Boot,
}

impl Console {
    /// Creates the links of a listener at this address.
    #[must_use]
    pub fn new(address: SocketAddr, clock: SharedClock) -> Self {
        Self { address, clock, held: Mutex::default() }
    }

    /// The address of the listener for a browser on this machine.
    #[must_use]
    pub fn browser_address(&self) -> SocketAddr {
        browser_address(self.address)
    }

    /// Makes a link that signs a browser in once.
    pub fn link(&self) -> String {
        let (secret, now) = (Secret::new(ids::secret()), self.clock.boot());
        let address = browser_address(self.address);
        let url = format!("http://{address}{}?code={}", SIGN_IN, secret.expose());
        hold(&mut self.held.lock().links, Timed { secret, created: now, used: now });
        url
    }

    /// Exchanges the code of a link for the cookie of a new session, once for each path.
    pub fn sign_in(&self, code: &str) -> Option<[HeaderValue; 2]> {
        let now = self.clock.boot();
        let mut held = self.held.lock();
        held.links.retain(|link| now.since(link.created) < LINK_LIFE);
        let index = held.links.iter().position(|link| is_same(code.as_bytes(), &link.secret))?;
        held.links.remove(index);
        let secret = Secret::new(ids::secret());
        let cookie = |path: &str| {
            let text = format!(
                "{}={}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={}",
                self.cookie(),
                secret.expose(),
                SESSION_LIFE.as_secs()
            );
            let mut cookie = HeaderValue::try_from(text).ok()?;
            cookie.set_sensitive(true);
            Some(cookie)
        };
        let cookies = [cookie(PATH)?, cookie(API)?];
        hold(&mut held.sessions, Timed { secret, created: now, used: now });
        Some(cookies)
    }

    /// True if the request has the cookie of a session.
    #[must_use]
    pub fn has_session(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut values = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value);
        let Some(value) = values.next() else { return false };
        let now = self.clock.boot();
        let mut held = self.held.lock();
        held.sessions.retain(|session| {
            now.since(session.created) < SESSION_LIFE && now.since(session.used) < SESSION_IDLE_MAX
        });
        let mut found = held.sessions.iter_mut();
        match found.find(|session| is_same(value.as_bytes(), &session.secret)) {
            Some(session) => {
                session.used = now;
                true
            }
            None => false,
        }
    }

    /// Name of the cookie. A browser sends the cookies of a host to each of its ports: two agents
    /// of one machine need two names.
    fn cookie(&self) -> String {
        format!("flow_party_{}", self.address.port())
    }
}

fn hold(held: &mut Vec<Timed>, new: Timed) {
    if held.len() >= HELD_MAX {
        held.remove(0);
    }
    held.push(new);
}

/// The address of the listener as a person writes it into a browser on this machine.
fn browser_address(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

/// Compares in a time that does not depend on the content.
pub fn is_same(given: &[u8], secret: &Secret) -> bool {
    given.ct_eq(secret.expose().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flow_common::clock::MockClock;

    use super::*;

    #[test]
    fn u43_link_is_valid_once_and_for_two_minutes_and_its_session_ends() {
        let clock = MockClock::default();
        let console = Console::new("127.0.0.1:1236".parse().unwrap(), Arc::new(clock.clone()));
        let sent_with = |pair: &str| {
            HeaderMap::from_iter([(header::COOKIE, pair.parse::<HeaderValue>().unwrap())])
        };
        let code = |link: &str| link.split_once("code=").unwrap().1.to_owned();
        let link = console.link();
        assert!(link.starts_with("http://127.0.0.1:1236/console/sign-in?code="), "{link}");
        assert!(console.sign_in("").is_none() && console.sign_in(&code(&link)[1..]).is_none());
        let cookies = console.sign_in(&code(&link)).expect("the first use");
        assert!(console.sign_in(&code(&link)).is_none(), "the second use");
        for (cookie, path) in cookies.iter().zip(["; Path=/console;", "; Path=/api/v2;"]) {
            assert!(cookie.is_sensitive());
            let text = cookie.to_str().unwrap();
            for part in ["; HttpOnly", "; SameSite=Strict", path] {
                assert!(text.contains(part), "{text}");
            }
        }
        let text = cookies[0].to_str().unwrap().to_owned();
        let sent = sent_with(text.split(';').next().unwrap());
        assert!(console.has_session(&sent));
        assert!(!console.has_session(&sent_with("flow_party_1236=x")));
        assert!(!console.has_session(&HeaderMap::new()));
        // Requests keep a session alive, up to its end.
        for _ in 0..12 {
            assert!(console.has_session(&sent));
            clock.advance(SESSION_IDLE_MAX.as_secs() - 1);
        }
        clock.advance(13);
        assert!(!console.has_session(&sent), "its life has ended");
        let late = console.link();
        clock.advance(LINK_LIFE.as_secs());
        assert!(console.sign_in(&code(&late)).is_none(), "the link has expired");
        // Links do not pile up.
        let first = console.link();
        let links: Vec<_> = (0..HELD_MAX).map(|_| console.link()).collect();
        assert!(console.sign_in(&code(&first)).is_none());
        assert!(console.sign_in(&code(&links[0])).is_some());
    }

    #[test]
    fn link_leads_to_this_machine() {
        for (bound, shown) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("127.0.0.2:1", "127.0.0.2:1")]
        {
            assert_eq!(browser_address(bound.parse().unwrap()).to_string(), shown);
        }
    }
}
