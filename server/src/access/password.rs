//! Passwords: argon2id, two at a time, because each takes 19 MiB; and a wait after wrong ones.
//!
//! Wrong passwords of an account count per source address, so that a stranger cannot keep the owner
//! of an account out. They also count in total, for guesses from many addresses; the total does not
//! concern an address from which the account has signed in before. An attempt counts before its
//! password is checked: attempts at the same time are no way around the limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use flow_api_types::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use flow_common::clock::{self, Monotonic, monotonic};
use flow_common::secret_file::Secret;
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::Digest;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Refused;
use crate::listener::source_of;

/// Passwords that are checked at the same time.
const POOL: usize = 2;
/// Longest wait for the pool.
const POOL_WAIT_MAX: Duration = Duration::from_secs(5);
/// Wrong passwords of an account from one source address before this address has to wait.
const SOURCE_FAILURES_MAX: u32 = 5;
/// Wrong passwords of an account from all addresses before new addresses have to wait.
const ACCOUNT_FAILURES_MAX: u32 = 100;
/// The first wait; each further wrong password doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// After this time without a wrong password the count starts again.
const FORGET_AFTER: Duration = Duration::from_secs(3600);
/// Counts remembered. Unknown names count too: an answer must not show whether an account exists.
const COUNTS_MAX: usize = 20_000;

/// Wrong passwords of an account: from one source address, or from all.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Monotonic,
    /// The account has signed in from this address.
    is_known: bool,
}

impl Failures {
    const fn none(now: Monotonic) -> Self {
        Self { count: 0, last: now, is_known: false }
    }

    /// Returns the time until the next attempt after more than `max` failures.
    fn wait(self, max: u32, now: Monotonic) -> Option<Duration> {
        let beyond = self.count.checked_sub(max)?;
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
        Some((self.last + wait.min(WAIT_MAX)).since(now)).filter(|wait| !wait.is_zero())
    }

    fn is_forgotten(self, now: Monotonic) -> bool {
        now.since(self.last) >= FORGET_AFTER
    }
}

/// Counts of wrong passwords, by digest.
#[derive(Default)]
struct Counts(HashMap<Digest, Failures>);

/// The counts to which an attempt belongs.
struct Attempt {
    /// Count of the account from this source address.
    source: Digest,
    /// Count of the account from all addresses.
    account: Digest,
}

impl Attempt {
    fn new(name: &str, address: IpAddr) -> Self {
        let account = Digest::of(name.as_bytes());
        let source = Digest::of(format!("{account}\n{}", source_of(address)).as_bytes());
        Self { source, account }
    }
}

impl Counts {
    fn get(&self, key: &Digest, now: Monotonic) -> Failures {
        let known = self.0.get(key).copied().unwrap_or(Failures::none(now));
        let count = if known.is_forgotten(now) { 0 } else { known.count };
        Failures { count, ..known }
    }

    /// Counts an attempt as a failure before it is made; `Err` with the time to wait.
    fn begin(&mut self, attempt: &Attempt, now: Monotonic) -> Result<(), Duration> {
        let Attempt { source, account } = attempt;
        let (of_source, of_account) = (self.get(source, now), self.get(account, now));
        let of_all =
            if of_source.is_known { None } else { of_account.wait(ACCOUNT_FAILURES_MAX, now) };
        if let Some(wait) = of_source.wait(SOURCE_FAILURES_MAX, now).max(of_all) {
            return Err(wait);
        }
        self.make_room(now);
        for (key, failures) in [(source, of_source), (account, of_account)] {
            let count = failures.count.saturating_add(1);
            self.0.insert(key.clone(), Failures { count, last: now, ..failures });
        }
        Ok(())
    }

    /// Takes an attempt back that was no failure.
    fn end(&mut self, attempt: &Attempt, is_right: bool, now: Monotonic) {
        let Attempt { source, account } = attempt;
        if let Some(of_account) = self.0.get_mut(account) {
            of_account.count = of_account.count.saturating_sub(1);
        }
        if is_right {
            self.0.insert(source.clone(), Failures { is_known: true, ..Failures::none(now) });
        } else if let Some(of_source) = self.0.get_mut(source) {
            of_source.count = of_source.count.saturating_sub(1);
        }
    }

    /// Forgets the counts that matter least: old ones, then those without a wait, then all.
    fn make_room(&mut self, now: Monotonic) {
        // An attempt has two counts.
        let is_full = |counts: &HashMap<_, _>| counts.len() + 2 > COUNTS_MAX;
        if is_full(&self.0) {
            self.0.retain(|_, known| !known.is_forgotten(now));
        }
        if is_full(&self.0) {
            self.0.retain(|_, known| known.count >= SOURCE_FAILURES_MAX || known.is_known);
        }
        if is_full(&self.0) {
            self.0.clear();
        }
    }
}

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    pool: Arc<Semaphore>,
    counts: Mutex<Counts>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { pool: Arc::new(Semaphore::new(POOL)), counts: Mutex::default() }
    }
}

/// Adds an error if a new password is too short or too long.
pub(crate) fn check(path: &str, password: &str, errors: &mut FieldErrors) {
    errors.chars(path, password, PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX);
}

impl Passwords {
    /// Returns the hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, Error> {
        self.run(move || {
            let hash = Argon2::default().hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
        })
        .await?
    }

    /// Checks the password that a client at `address` sent for an account. `hash` is `None` for an
    /// account that does not exist or has no password: that takes as long. After some wrong passwords
    /// the address has to wait, also with the right one.
    pub(crate) async fn verify(
        &self,
        name: &str,
        address: IpAddr,
        password: Secret,
        hash: Option<String>,
    ) -> Result<(), Refused> {
        let attempt = Attempt::new(name, address);
        self.counts
            .lock()
            .begin(&attempt, monotonic())
            .map_err(|wait| Refused::limited("too many wrong passwords for this account", wait))?;
        let wrong = || Error::new(ErrorCode::Unauthenticated, "name or password is wrong");
        if password.expose().chars().count() > PASSWORD_CHARS_MAX {
            return Err(wrong().into());
        }
        let checked = self
            .run(move || {
                let known = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
                match known {
                    Some(known) => Argon2::default()
                        .verify_password(password.expose().as_bytes(), &known)
                        .is_ok(),
                    // The same work.
                    None => {
                        let _ = Argon2::default().hash_password(password.expose().as_bytes());
                        false
                    }
                }
            })
            .await;
        match checked {
            Ok(false) => Err(wrong().into()),
            checked => {
                self.counts.lock().end(&attempt, checked.is_ok(), monotonic());
                checked.map(drop).map_err(Into::into)
            }
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = clock::timeout(POOL_WAIT_MAX, Arc::clone(&self.pool).acquire_owned()).await;
        let busy =
            || Error::new(ErrorCode::Busy, "too many sign-ins at this time: retry in a moment");
        let permit = permit.map_err(|_| busy())?.map_err(Error::internal)?;
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn wrong_passwords_make_known_and_unknown_accounts_wait() {
        let passwords = Passwords::default();
        let hash = passwords.hash(secret("correct horse battery")).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let from = address("192.0.2.1");
        let try_one = |name: &'static str, text: &str, known: bool| {
            let hash = known.then(|| hash.clone());
            passwords.verify(name, from, secret(text), hash)
        };
        try_one("alice", "correct horse battery", true).await.expect("right");
        for (name, known) in [("alice", true), ("nobody", false)] {
            for _ in 0..SOURCE_FAILURES_MAX {
                let refused = try_one(name, "wrong", known).await.expect_err("wrong");
                assert_eq!(refused.error.code, ErrorCode::Unauthenticated);
                assert_eq!(refused.error.message, "name or password is wrong");
            }
            let refused = try_one(name, "correct horse battery", known).await.expect_err("waits");
            assert_eq!(refused.error.code, ErrorCode::RateLimited);
            assert!(refused.retry_after.is_some_and(|wait| wait <= FIRST_WAIT));
        }
        try_one("bob", "correct horse battery", true).await.expect("another account");
        let elsewhere = passwords.verify(
            "alice",
            address("192.0.2.2"),
            secret("correct horse battery"),
            Some(hash.clone()),
        );
        elsewhere.await.expect("a stranger cannot keep the owner out");
    }

    #[tokio::test]
    async fn a20_attempts_at_the_same_time_do_not_exceed_the_limit() {
        let passwords = Passwords::default();
        let from = address("2001:db8::1");
        let attempts = (0..20).map(|_| passwords.verify("alice", from, secret("wrong"), None));
        let refused = futures::future::join_all(attempts).await;
        let checked = refused
            .iter()
            .filter(|refused| refused.as_ref().is_err_and(|refused| refused.retry_after.is_none()));
        assert_eq!(checked.count(), SOURCE_FAILURES_MAX as usize);
    }

    #[test]
    fn a20_guesses_from_many_addresses_make_only_new_addresses_wait() {
        let now = Monotonic::from_origin(Duration::from_secs(1));
        let mut counts = Counts::default();
        let home = Attempt::new("alice", address("192.0.2.1"));
        counts.begin(&home, now).expect("the first");
        counts.end(&home, true, now);
        let bot = |number: u32| Attempt::new("alice", IpAddr::V4((0x0a00_0000 + number).into()));
        for number in 0..ACCOUNT_FAILURES_MAX {
            counts.begin(&bot(number), now).expect("within the total");
        }
        assert_eq!(counts.begin(&bot(ACCOUNT_FAILURES_MAX), now), Err(FIRST_WAIT));
        counts.begin(&home, now).expect("the owner");
        counts.end(&home, false, now);
        let other = Attempt::new("bob", address("10.0.0.1"));
        counts.begin(&other, now).expect("another account");
        counts.begin(&bot(7), now + FORGET_AFTER).expect("forgotten");
    }

    #[test]
    fn many_names_neither_grow_memory_nor_end_a_wait() {
        let now = Monotonic::from_origin(Duration::from_secs(1));
        let mut counts = Counts::default();
        let waiting = Attempt::new("alice", address("192.0.2.1"));
        for _ in 0..SOURCE_FAILURES_MAX {
            counts.begin(&waiting, now).expect("within the limit");
        }
        for name in 0..COUNTS_MAX {
            let _ = counts.begin(&Attempt::new(&name.to_string(), address("192.0.2.1")), now);
        }
        assert!(counts.0.len() <= COUNTS_MAX, "{}", counts.0.len());
        assert!(counts.begin(&waiting, now).is_err());
    }

    #[test]
    fn wait_doubles_up_to_its_bound() {
        let now = Monotonic::from_origin(Duration::from_secs(1));
        let max = SOURCE_FAILURES_MAX;
        let wait = |count| Failures { count, ..Failures::none(now) }.wait(max, now);
        assert_eq!(wait(max - 1), None);
        assert_eq!(wait(max), Some(FIRST_WAIT));
        assert_eq!(wait(max + 1), Some(2 * FIRST_WAIT));
        for count in [max + 20, max + 40, u32::MAX] {
            assert_eq!(wait(count), Some(WAIT_MAX));
        }
    }
}
