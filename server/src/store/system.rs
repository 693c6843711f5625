//! Kind, version and size of the database.

use super::db::Db;
use super::error::StoreError;
use super::{Store, unsigned};

impl Store {
    /// Returns `sqlite` or `mysql`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &*self.db {
            Db::Sqlite(..) => "sqlite",
            Db::MySql(_) => "mysql",
        }
    }

    /// Returns the version of the database and the size of its data in bytes.
    pub async fn version_and_size(&self) -> Result<(String, u64), StoreError> {
        let (version, size): (String, i64) = match &*self.db {
            Db::Sqlite(pools, _) => {
                let sql = "SELECT sqlite_version(), c.page_count * s.page_size \
                           FROM pragma_page_count() c, pragma_page_size() s";
                sqlx::query_as(sql).fetch_one(&pools.read).await?
            }
            Db::MySql(pools) => {
                let sql = "SELECT CAST(@@version AS CHAR), \
                           CAST(COALESCE(SUM(t.data_length + t.index_length), 0) AS SIGNED INTEGER) \
                           FROM information_schema.tables t WHERE t.table_schema = DATABASE()";
                sqlx::query_as(sql).fetch_one(&pools.read).await?
            }
        };
        Ok((version, unsigned(size)))
    }
}
