//! Passwords: argon2id, two at a time, because each takes 19 MiB; and a wait after wrong ones.

use std::collections::HashMap;
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

/// Passwords that are checked at the same time.
const POOL: usize = 2;
/// Longest wait for the pool.
const POOL_WAIT_MAX: Duration = Duration::from_secs(5);
/// Wrong passwords of an account before it has to wait.
const FREE_FAILURES: u32 = 5;
/// The first wait; each further wrong password doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// After this time without a wrong password an account starts again.
const FORGET_AFTER: Duration = Duration::from_secs(3600);
/// Names remembered. Unknown names count too: an answer must not show whether an account exists.
const NAMES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Monotonic,
}

impl Failures {
    fn wait(self, now: Monotonic) -> Option<Duration> {
        let beyond = self.count.checked_sub(FREE_FAILURES)?;
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
        Some((self.last + wait.min(WAIT_MAX)).since(now)).filter(|wait| !wait.is_zero())
    }
}

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    pool: Arc<Semaphore>,
    failures: Mutex<HashMap<Digest, Failures>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { pool: Arc::new(Semaphore::new(POOL)), failures: Mutex::default() }
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

    /// Checks the password that a client sent for an account. `hash` is `None` for an account that
    /// does not exist or has no password: that takes as long. After some wrong passwords the name
    /// has to wait, also with the right one.
    pub(crate) async fn verify(
        &self,
        name: &str,
        password: Secret,
        hash: Option<String>,
    ) -> Result<(), Refused> {
        let key = Digest::of(name.as_bytes());
        let known = self.failures.lock().get(&key).copied();
        if let Some(wait) = known.and_then(|failures| failures.wait(monotonic())) {
            return Err(Refused::limited("too many wrong passwords for this account", wait));
        }
        if password.expose().chars().count() > PASSWORD_CHARS_MAX {
            return Err(self.failed(key));
        }
        let is_right = self
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
            .await?;
        if !is_right {
            return Err(self.failed(key));
        }
        self.failures.lock().remove(&key);
        Ok(())
    }

    fn failed(&self, key: Digest) -> Refused {
        let now = monotonic();
        let mut failures = self.failures.lock();
        if failures.len() >= NAMES_MAX && !failures.contains_key(&key) {
            failures.retain(|_, known| now.since(known.last) < FORGET_AFTER);
            if failures.len() >= NAMES_MAX {
                failures.clear();
            }
        }
        let known = failures.entry(key).or_insert(Failures { count: 0, last: now });
        if now.since(known.last) >= FORGET_AFTER {
            known.count = 0;
        }
        *known = Failures { count: known.count.saturating_add(1), last: now };
        Error::new(ErrorCode::Unauthenticated, "name or password is wrong").into()
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

    #[tokio::test]
    async fn wrong_passwords_make_known_and_unknown_accounts_wait() {
        let passwords = Passwords::default();
        let secret = |text: &str| Secret::new(text.to_owned());
        let hash = passwords.hash(secret("correct horse battery")).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let try_one = |name: &'static str, text: &str, known: bool| {
            let hash = known.then(|| hash.clone());
            passwords.verify(name, secret(text), hash)
        };
        try_one("alice", "correct horse battery", true).await.expect("right");
        for (name, known) in [("alice", true), ("nobody", false)] {
            for _ in 0..FREE_FAILURES {
                let refused = try_one(name, "wrong", known).await.expect_err("wrong");
                assert_eq!(refused.error.code, ErrorCode::Unauthenticated);
                assert_eq!(refused.error.message, "name or password is wrong");
            }
            let refused = try_one(name, "correct horse battery", known).await.expect_err("waits");
            assert_eq!(refused.error.code, ErrorCode::RateLimited);
            assert!(refused.retry_after.is_some_and(|wait| wait <= FIRST_WAIT));
        }
        try_one("bob", "correct horse battery", true).await.expect("another account");
    }

    #[test]
    fn wait_doubles_up_to_its_bound() {
        let now = Monotonic::from_origin(Duration::from_secs(1));
        let wait = |count| Failures { count, last: now }.wait(now);
        assert_eq!(wait(FREE_FAILURES - 1), None);
        assert_eq!(wait(FREE_FAILURES), Some(FIRST_WAIT));
        assert_eq!(wait(FREE_FAILURES + 1), Some(2 * FIRST_WAIT));
        for count in [FREE_FAILURES + 20, FREE_FAILURES + 40, u32::MAX] {
            assert_eq!(wait(count), Some(WAIT_MAX));
        }
    }
}
