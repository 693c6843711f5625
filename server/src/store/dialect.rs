//! The SQL in which the databases differ.
//!
//! All other SQL is portable: the program generates ids; times are bound, never
//! `CURRENT_TIMESTAMP`; integers are i64; sums and counts are `CAST(… AS SIGNED
//! INTEGER)` where MySQL would return DECIMAL; no quoted identifiers; no locks except
//! compare-and-swap on matched rows (sqlx asks MySQL for *matched*, not changed, rows).

use super::db::{Db, Tx, TxConnection};
use super::signed;

impl Tx {
    /// Returns the tail of an INSERT that overwrites `columns` if a row with the key `key` exists.
    /// MySQL does so for any unique key, so that it must only be used on tables with one unique
    /// key.
    pub fn or_update(&self, key: &str, columns: &[&str]) -> String {
        let set = |value: fn(&str) -> String| {
            columns
                .iter()
                .map(|column| format!("{column} = {}", value(column)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self.connection {
            TxConnection::Sqlite(..) => format!(
                " ON CONFLICT ({key}) DO UPDATE SET {}",
                set(|column| format!("excluded.{column}"))
            ),
            TxConnection::MySql(_) => {
                format!(" ON DUPLICATE KEY UPDATE {}", set(|column| format!("VALUES({column})")))
            }
        }
    }

    /// Returns the tail of an INSERT that keeps an existing row with the key. Unlike INSERT IGNORE
    /// it hides no other error.
    pub fn or_keep(&self, key: &str, column: &str) -> String {
        match self.connection {
            TxConnection::Sqlite(..) => format!(" ON CONFLICT ({key}) DO NOTHING"),
            TxConnection::MySql(_) => format!(" ON DUPLICATE KEY UPDATE {column} = {column}"),
        }
    }
}

impl Tx {
    /// Adds `count` to the number of the newest event of the feed. Returns the new number; `None` if
    /// the row is missing.
    pub async fn raise_feed_head(&mut self, count: i64) -> Result<Option<i64>, sqlx::Error> {
        match &mut self.connection {
            TxConnection::Sqlite(tx, _) => {
                sqlx::query_scalar("UPDATE feed_head SET seq = seq + ? WHERE id = 1 RETURNING seq")
                    .bind(count)
                    .fetch_optional(&mut **tx)
                    .await
            }
            TxConnection::MySql(tx) => {
                let sql = "UPDATE feed_head SET seq = LAST_INSERT_ID(seq + ?) WHERE id = 1";
                let raised = sqlx::query(sql).bind(count).execute(&mut **tx).await?;
                Ok((raised.rows_affected() > 0).then(|| signed(raised.last_insert_id())))
            }
        }
    }
}

impl Db {
    /// Returns SQL that binds a table of a list to its index. Without it, MySQL scans the primary
    /// key because of ORDER BY, past a million rows for a rare filter; SQLite has no statistics and
    /// guesses.
    pub const fn index_hint(&self) -> (&'static str, &'static str) {
        match self {
            Self::Sqlite(..) => (" INDEXED BY ", ""),
            Self::MySql(_) => (" FORCE INDEX (", ")"),
        }
    }

    /// Returns the FROM clause of a list whose leading table is `task_parties`.
    pub const fn of_party(&self) -> &'static str {
        match self {
            Self::Sqlite(..) => " FROM task_parties p",
            Self::MySql(_) => " FROM task_parties p FORCE INDEX (PRIMARY)",
        }
    }

    /// Returns the FROM clause of a list whose leading table is `task_labels`.
    pub const fn of_label(&self) -> &'static str {
        match self {
            Self::Sqlite(..) => " FROM task_labels l",
            Self::MySql(_) => " FROM task_labels l FORCE INDEX (PRIMARY)",
        }
    }

    /// Returns the join that keeps the order of its tables.
    pub const fn then_join(&self) -> &'static str {
        match self {
            Self::Sqlite(..) => " CROSS JOIN",
            Self::MySql(_) => " STRAIGHT_JOIN",
        }
    }
}
