//! Accounts of credentials, as the database has them, and a short memory of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use flow_domain::access::{ProjectRole, TokenScope, UserKind};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, ProjectId, UserId, UserName};
use flow_domain::time::Timestamp;
use parking_lot::Mutex;

use super::{Credential, DEFAULT_PROJECT, Principal};

/// Longest time for which a change by another process, such as another replica, may have no effect.
const MEMORY: Duration = Duration::from_secs(2);
/// Age at which one request reads an identity again, while the others use it: requests of a busy
/// account do not all wait for the database.
const REFRESH_AGE: Duration = Duration::from_secs(1);
/// Identities remembered; some are forgotten beyond.
const IDENTITIES_MAX: usize = 10_000;

/// Name of callers without credentials, in events.
const ANONYMOUS: &str = "anonymous-v1";

/// The account of a credential, with the rights of the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub user: UserId,
    pub name: UserName,
    pub kind: UserKind,
    pub federation_admin: bool,
    /// All projects that the credential may select.
    pub projects: BTreeMap<ProjectId, ProjectRole>,
    /// The project that a request selects which names none.
    pub project: Option<ProjectId>,
    pub scope: TokenScope,
    pub expires_at: Option<Timestamp>,
    pub credential: Credential,
}

impl Identity {
    /// Returns the caller of `/api/v1` without credentials: an operator of the default project.
    pub(super) fn anonymous() -> Result<Self, Error> {
        let project: ProjectId = DEFAULT_PROJECT.parse().map_err(Error::internal)?;
        Ok(Self {
            // No account has it: ids are UUIDs of version 7.
            user: "0".repeat(32).parse().map_err(Error::internal)?,
            name: ANONYMOUS.parse().map_err(Error::internal)?,
            kind: UserKind::Service,
            federation_admin: false,
            projects: BTreeMap::from([(project.clone(), ProjectRole::Operator)]),
            project: Some(project),
            scope: TokenScope::Api,
            expires_at: None,
            credential: Credential::Anonymous,
        })
    }

    /// Returns the caller of a request that selects this project, or none.
    pub fn select(&self, named: Option<&ProjectId>) -> Result<Principal, Error> {
        let project = match named.or(self.project.as_ref()) {
            Some(project) if !self.projects.contains_key(project) => {
                return Err(no_project(project));
            }
            Some(project) => project.clone(),
            None => match self.projects.first_key_value() {
                Some((only, _)) if self.projects.len() == 1 => only.clone(),
                _ => DEFAULT_PROJECT.parse().map_err(Error::internal)?,
            },
        };
        Ok(Principal {
            user: self.user.clone(),
            subject: self.name.to_string(),
            role: self.projects.get(&project).copied(),
            project,
            federation_admin: self.federation_admin,
            credential: self.credential.clone(),
        })
    }
}

/// A project that does not exist and one that the caller may not see are the same to the caller.
pub(crate) fn no_project(project: &ProjectId) -> Error {
    Error::new(ErrorCode::ProjectNotFound, format!("there is no project {project}"))
}

#[derive(Debug)]
struct Remembered {
    since: Monotonic,
    identity: Arc<Identity>,
    /// A request reads it again.
    is_refreshing: bool,
}

/// The identities of recent requests, by the digest of their credential.
#[derive(Debug, Default)]
pub(super) struct IdentityMemory {
    known: Mutex<HashMap<Digest, Remembered>>,
    /// Increments with each change of accounts by this process.
    changes: AtomicU64,
}

impl IdentityMemory {
    /// Returns `None` if the caller must read the identity.
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Identity>> {
        let mut known = self.known.lock();
        let Remembered { since, identity, is_refreshing } = known.get_mut(digest)?;
        let age = since.elapsed();
        if age >= MEMORY || (age >= REFRESH_AGE && !*is_refreshing) {
            *is_refreshing = true;
            return None;
        }
        Some(Arc::clone(identity))
    }

    /// Forgets the identity of a credential that is not valid any more.
    pub(super) fn remove(&self, digest: &Digest) {
        self.known.lock().remove(digest);
    }

    /// Call before a read of the database; pass the result to [`Self::insert`].
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Remembers what was read, unless an account was changed since.
    pub(super) fn insert(&self, digest: Digest, identity: &Arc<Identity>, changes: u64) {
        let mut known = self.known.lock();
        if self.changes() != changes {
            return;
        }
        if known.len() >= IDENTITIES_MAX {
            known.clear();
        }
        let identity = Arc::clone(identity);
        known.insert(digest, Remembered { since: monotonic(), identity, is_refreshing: false });
    }

    /// Forgets everything, after a change of accounts is stored.
    pub(super) fn forget(&self) {
        let mut known = self.known.lock();
        self.changes.fetch_add(1, Ordering::SeqCst);
        known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(projects: &[(&str, ProjectRole)], project: Option<&str>) -> Identity {
        let id = |text: &str| text.parse::<ProjectId>().expect("a name");
        Identity {
            user: "0".repeat(32).parse().expect("an id"),
            name: "alice".parse().expect("a name"),
            kind: UserKind::Person,
            federation_admin: false,
            projects: projects.iter().map(|(name, role)| (id(name), *role)).collect(),
            project: project.map(id),
            scope: TokenScope::Api,
            expires_at: None,
            credential: Credential::Token {
                id: "0".repeat(32).parse().expect("an id"),
                limited: false,
            },
        }
    }

    #[test]
    fn project_is_that_of_the_request_the_token_or_the_only_one() {
        use ProjectRole::{Admin, Viewer};
        let two = [("a", Viewer), ("b", Admin)];
        let cases: [(&[(&str, ProjectRole)], _, _, _); 7] = [
            (&two, Some("a"), Some("b"), Some(("b", Some(Admin)))),
            (&two, Some("a"), None, Some(("a", Some(Viewer)))),
            (&two, None, None, Some(("default", None))),
            (&two, None, Some("c"), None),
            (&[("a", Viewer)], None, None, Some(("a", Some(Viewer)))),
            (&[("a", Viewer), ("default", Admin)], None, None, Some(("default", Some(Admin)))),
            (&[], None, None, Some(("default", None))),
        ];
        for (projects, token, named, expected) in cases {
            let named = named.map(|name: &str| name.parse().expect("a name"));
            match (identity(projects, token).select(named.as_ref()), expected) {
                (Ok(found), Some((project, role))) => {
                    assert_eq!((found.project.as_str(), found.role), (project, role));
                }
                (Err(error), None) => assert_eq!(error.code, ErrorCode::ProjectNotFound),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn identity_that_was_read_before_a_change_is_not_remembered() {
        let (memory, digest) = (IdentityMemory::default(), Digest::of(b"token"));
        let read = Arc::new(identity(&[], None));
        let before = memory.changes();
        memory.insert(digest.clone(), &read, before);
        assert!(memory.get(&digest).is_some());
        memory.forget();
        assert!(memory.get(&digest).is_none());
        memory.insert(digest.clone(), &read, before);
        assert!(memory.get(&digest).is_none(), "it may be older than the change");
    }

    #[test]
    fn one_request_reads_an_identity_again_before_it_is_too_old() {
        let (memory, digest) = (IdentityMemory::default(), Digest::of(b"token"));
        memory.insert(digest.clone(), &Arc::new(identity(&[], None)), memory.changes());
        let set_age = |age: Duration| {
            let origin = monotonic().since(Monotonic::default()).saturating_sub(age);
            let mut known = memory.known.lock();
            known.get_mut(&digest).expect("it is known").since = Monotonic::from_origin(origin);
        };
        let found = || memory.get(&digest).is_some();
        set_age(REFRESH_AGE);
        assert_eq!([found(), found(), found()], [false, true, true]);
        set_age(MEMORY);
        assert_eq!([found(), found()], [false, false]);
        memory.insert(digest.clone(), &Arc::new(identity(&[], None)), memory.changes());
        assert!(found());
        memory.remove(&digest);
        assert!(!found());
    }
}
