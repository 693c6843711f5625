//! The few words in which the databases differ.
//!
//! Everything else is written in what they share: ids made by the program; times bound, never `CURRENT_TIMESTAMP`; no
//! `RETURNING`; integers are i64; sums and counts as `CAST(… AS SIGNED INTEGER)` where MySQL would answer DECIMAL; no
//! quoted identifiers; no locks but compare-and-swap on rows matched (sqlx asks MySQL for *matched*, not changed, rows).

use super::db::{Db, Tx};

impl Tx {
    /// Tail of an INSERT that overwrites `columns` where a row of the key `key` exists. MySQL would do so for any unique
    /// key, so it is used on tables that have one only.
    pub fn or_update(&self, key: &str, columns: &[&str]) -> String {
        let set = |value: fn(&str) -> String| {
            columns
                .iter()
                .map(|column| format!("{column} = {}", value(column)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Self::Sqlite(..) => format!(
                " ON CONFLICT ({key}) DO UPDATE SET {}",
                set(|column| format!("excluded.{column}"))
            ),
            Self::MySql(_) => {
                format!(" ON DUPLICATE KEY UPDATE {}", set(|column| format!("VALUES({column})")))
            }
        }
    }

    /// Tail of an INSERT that leaves an existing row of the key alone. Unlike INSERT IGNORE it hides no other error.
    pub fn or_keep(&self, key: &str, column: &str) -> String {
        match self {
            Self::Sqlite(..) => format!(" ON CONFLICT ({key}) DO NOTHING"),
            Self::MySql(_) => format!(" ON DUPLICATE KEY UPDATE {column} = {column}"),
        }
    }
}

impl Db {
    /// Binds a table of a list to its index. Left alone, MySQL likes to walk the primary key because of ORDER BY, past a
    /// million rows for a rare filter; SQLite has no statistics and guesses.
    pub const fn index_hint(&self) -> (&'static str, &'static str) {
        match self {
            Self::Sqlite(..) => (" INDEXED BY ", ""),
            Self::MySql(_) => (" FORCE INDEX (", ")"),
        }
    }

    /// FROM of a list led by `task_parties`.
    pub const fn of_party(&self) -> &'static str {
        match self {
            Self::Sqlite(..) => " FROM task_parties p",
            Self::MySql(_) => " FROM task_parties p FORCE INDEX (PRIMARY)",
        }
    }

    /// The join that keeps the order of its tables.
    pub const fn then_join(&self) -> &'static str {
        match self {
            Self::Sqlite(..) => " CROSS JOIN",
            Self::MySql(_) => " STRAIGHT_JOIN",
        }
    }
}
