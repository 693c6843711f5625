//! Sign-ins of devices that wait for a person's approval (RFC 8628), by the SHA-256 of both codes.

use flow_domain::id::{Digest, UserId};
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::api_tokens::{self, ApiToken};
use super::db::{Tx, execute, in_tx, reading};
use super::error::StoreError;
use super::users::{self, User, UserColumns};

/// Seconds that are added to the interval of a device that polls too often (RFC 8628).
const SLOW_DOWN_S: i64 = 5;
/// Longest interval, in seconds.
const INTERVAL_S_MAX: i64 = 60;

/// A device that waits for its approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSignIn {
    /// SHA-256 of the code that the device keeps.
    pub device_digest: Digest,
    /// SHA-256 of the code that the person types.
    pub user_digest: Digest,
    /// The device as it named itself, for people.
    pub client: String,
    pub address: String,
    pub interval_s: u32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Result of a poll of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DevicePoll {
    /// No sign-in has this code; a code is valid for one token.
    Unknown,
    Expired,
    Pending,
    /// The device did not wait for the interval.
    SlowDown,
    Denied,
    /// The token is stored, and the code is used up.
    Approved(User),
}

#[derive(sqlx::FromRow)]
struct Columns {
    device_digest: String,
    user_digest: String,
    client: String,
    address: String,
    interval_s: i64,
    created_at: i64,
    expires_at: i64,
    polled_at: Option<i64>,
    user_id: Option<String>,
    denied: i64,
}

const COLUMNS: &str = "device_digest, user_digest, client, address, interval_s, created_at, expires_at, polled_at, user_id, denied";

impl Columns {
    fn read(self) -> Result<DeviceSignIn, StoreError> {
        let id = self.user_digest.clone();
        let corrupt =
            |column, problem: String| StoreError::corrupt("device_sign_ins", column, &id, problem);
        let digest = |column, text: String| {
            text.parse().map_err(|problem| corrupt(column, format!("{problem}")))
        };
        Ok(DeviceSignIn {
            device_digest: digest("device_digest", self.device_digest)?,
            user_digest: digest("user_digest", self.user_digest)?,
            client: self.client,
            address: self.address,
            interval_s: u32::try_from(self.interval_s)
                .map_err(|problem| corrupt("interval_s", problem.to_string()))?,
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        })
    }
}

async fn remove(tx: &mut Tx, device: &Digest) -> Result<(), StoreError> {
    let sql = "DELETE FROM device_sign_ins WHERE device_digest = ?";
    execute!(tx, sql, device.as_str())?;
    Ok(())
}

/// Returns the account with this id.
pub(super) async fn account(tx: &mut Tx, id: &str) -> Result<Option<User>, StoreError> {
    let row: Option<UserColumns> = in_tx!(tx, |c| {
        let mut sql = sqlx::QueryBuilder::new("SELECT ");
        sql.push(users::COLUMNS).push(" FROM users u WHERE u.id = ").push_bind(id);
        sql.build_query_as().fetch_optional(&mut *c).await
    })?;
    row.map(UserColumns::read).transpose()
}

impl Store {
    /// Stores a sign-in and deletes expired ones. If `open_max` others wait, it takes the place of the
    /// oldest of them that no person has approved. Returns `false` if there is none.
    pub async fn create_device_sign_in(
        &self,
        sign_in: &DeviceSignIn,
        open_max: u32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("create_device_sign_in").await?;
        let sql = "DELETE FROM device_sign_ins WHERE expires_at <= ?";
        execute!(&mut tx, sql, sign_in.created_at.0)?;
        let open: i64 = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM device_sign_ins").fetch_one(&mut *c).await
        })?;
        if open >= i64::from(open_max) {
            let oldest: Option<String> = in_tx!(&mut tx, |c| {
                let sql = "SELECT device_digest FROM device_sign_ins WHERE user_id IS NULL ORDER BY expires_at LIMIT 1";
                sqlx::query_scalar(sql).fetch_optional(&mut *c).await
            })?;
            let Some(oldest) = oldest else {
                // The deletion of expired ones stays.
                tx.commit().await?;
                return Ok(false);
            };
            let sql = "DELETE FROM device_sign_ins WHERE device_digest = ?";
            execute!(&mut tx, sql, oldest.as_str())?;
        }
        execute!(
            &mut tx,
            "INSERT INTO device_sign_ins (device_digest, user_digest, client, address, interval_s, created_at, expires_at, \
             polled_at, user_id, denied) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0)",
            sign_in.device_digest.as_str(),
            sign_in.user_digest.as_str(),
            sign_in.client.as_str(),
            sign_in.address.as_str(),
            i64::from(sign_in.interval_s),
            sign_in.created_at.0,
            sign_in.expires_at.0,
        )?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns whether there is a sign-in with this device code.
    pub async fn has_device_sign_in(&self, device: &Digest) -> Result<bool, StoreError> {
        let found: i64 = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM device_sign_ins WHERE device_digest = ?")
                .bind(device.as_str())
                .fetch_one(c)
                .await
        })?;
        Ok(found > 0)
    }

    /// Returns the sign-in with this user code if it waits for a decision.
    pub async fn device_sign_in(
        &self,
        user_digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<DeviceSignIn>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT ");
            sql.push(COLUMNS)
                .push(
                    " FROM device_sign_ins WHERE user_id IS NULL AND denied = 0 AND user_digest = ",
                )
                .push_bind(user_digest.as_str())
                .push(" AND expires_at > ")
                .push_bind(now.0);
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(Columns::read).transpose()
    }

    /// Approves or denies a sign-in that waits. Returns `false` if there is none with this code.
    pub async fn decide_device_sign_in(
        &self,
        user_digest: &Digest,
        user: &UserId,
        is_approved: bool,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("decide_device_sign_in").await?;
        let decided = execute!(
            &mut tx,
            "UPDATE device_sign_ins SET user_id = ?, denied = ? \
             WHERE user_digest = ? AND user_id IS NULL AND denied = 0 AND expires_at > ?",
            is_approved.then_some(user.as_str()),
            i64::from(!is_approved),
            user_digest.as_str(),
            entry.at.0,
        )?;
        if decided > 0 {
            access_audit::write(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(decided > 0)
    }

    /// Records a poll of a device. If the sign-in is approved, stores the token and removes the
    /// sign-in in one transaction. `issue` creates the token and the entry of the audit.
    pub async fn poll_device_sign_in(
        &self,
        device: &Digest,
        now: Timestamp,
        issue: impl FnOnce(&User, &DeviceSignIn) -> (ApiToken, AccessEntry) + Send,
    ) -> Result<DevicePoll, StoreError> {
        let mut tx = self.write_tx("poll_device_sign_in").await?;
        // Locks the row: one of two polls at the same time gets the token.
        let lock = "UPDATE device_sign_ins SET interval_s = interval_s WHERE device_digest = ?";
        execute!(&mut tx, lock, device.as_str())?;
        let row: Option<Columns> = in_tx!(&mut tx, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT ");
            sql.push(COLUMNS)
                .push(" FROM device_sign_ins WHERE device_digest = ")
                .push_bind(device.as_str());
            sql.build_query_as().fetch_optional(&mut *c).await
        })?;
        let Some(row) = row else {
            tx.rollback().await;
            return Ok(DevicePoll::Unknown);
        };
        let result = if row.expires_at <= now.0 {
            remove(&mut tx, device).await?;
            DevicePoll::Expired
        } else if row.denied != 0 {
            remove(&mut tx, device).await?;
            DevicePoll::Denied
        } else if let Some(id) = row.user_id.clone() {
            remove(&mut tx, device).await?;
            match account(&mut tx, &id).await?.filter(|user| user.disabled_at.is_none()) {
                Some(user) => {
                    let (token, entry) = issue(&user, &row.read()?);
                    api_tokens::make_room(&mut tx, self.quotas, &user, now).await?;
                    api_tokens::insert(&mut tx, &token).await?;
                    access_audit::write(&mut tx, &entry).await?;
                    DevicePoll::Approved(user)
                }
                // The account was deleted or disabled after its approval.
                None => DevicePoll::Denied,
            }
        } else {
            let earliest = row.polled_at.map(|at| at.saturating_add(row.interval_s * 1_000_000));
            let is_early = earliest.is_some_and(|earliest| now.0 < earliest);
            let interval = if is_early { row.interval_s + SLOW_DOWN_S } else { row.interval_s };
            execute!(
                &mut tx,
                "UPDATE device_sign_ins SET polled_at = ?, interval_s = ? WHERE device_digest = ?",
                now.0,
                interval.min(INTERVAL_S_MAX),
                device.as_str(),
            )?;
            if is_early { DevicePoll::SlowDown } else { DevicePoll::Pending }
        };
        tx.commit().await?;
        Ok(result)
    }
}
