//! Accounts and what they may do.

use serde::{Deserialize, Serialize};

use crate::id::DatasetName;
use crate::member::text_enum;

text_enum!(
    /// Role of an account in a project. A role includes the roles before it.
    ProjectRole {
        /// Reads everything of the project.
        Viewer = "viewer",
        /// Also creates tasks and templates, and changes the tasks that the account created.
        Submitter = "submitter",
        /// Also changes the tasks of others.
        Operator = "operator",
        /// Also manages the members of the project.
        Admin = "admin",
    }
);

text_enum!(
    /// Kind of an account.
    UserKind {
        /// A person, who may sign in with a password or an identity provider.
        Person = "person",
        /// A program. It has API tokens only.
        Service = "service",
    }
);

text_enum!(
    /// Uses of an API token.
    TokenScope {
        /// The REST API, with the rights of the account.
        Api = "api",
        /// `GET /metrics` only.
        Metrics = "metrics",
    }
);

/// The datasets of a party that a project may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum OfferedDatasets {
    /// All that the party offers.
    #[default]
    All,
    /// Only these.
    Only(Vec<DatasetName>),
}

impl OfferedDatasets {
    /// Returns whether the project may use the dataset.
    #[must_use]
    pub fn contains(&self, dataset: &DatasetName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(dataset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserName;

    #[test]
    fn roles_include_the_roles_before_them() {
        assert!(ProjectRole::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ProjectRole::Viewer < ProjectRole::Admin);
    }

    #[test]
    fn user_name_is_lower_case_and_never_a_path() {
        let long = "a".repeat(64);
        for bad in ["", "A", "a b", "../a", "a/b", ".a", "a:b", "ä", "a\n", "-a", long.as_str()] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?} must be refused");
        }
        for good in ["a", "alice", "alice@hospital-a.example", "ci_1", &"a".repeat(63)] {
            assert!(good.parse::<UserName>().is_ok(), "{good:?} must be accepted");
        }
    }
}
