//! Deliveries of webhooks: the queue of messages that wait, and the log of the others. A delivery is
//! queued in the transaction that advances the position of its webhook in the feed, so that no event
//! is lost or queued twice.

use flow_domain::id::{DeliveryId, ProjectId, TaskId, WebhookId};
use flow_domain::text::clip;
use flow_domain::time::Timestamp;
use flow_domain::webhook::DeliveryState;

use super::db::{Tx, execute, insert_rows, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Page, PageRequest};
use super::webhooks::{self, Webhook};
use super::{Store, signed, unsigned};

/// Longest cause of a failed attempt, in characters.
const ERROR_CHARS_MAX: usize = 300;
/// Deliveries that one statement deletes.
const PURGED_DELIVERIES_MAX: i64 = 500;

/// A delivery: one message of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Grows with time.
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub project: ProjectId,
    /// Kind of the event, or `ping`.
    pub kind: String,
    /// Number of the event in the feed.
    pub number: Option<i64>,
    pub task: Option<TaskId>,
    /// Text that the hub sends and signs.
    pub body: String,
    pub state: DeliveryState,
    /// Attempts since the delivery was queued or requested again.
    pub attempts: u32,
    pub created_at: Timestamp,
    pub attempted_at: Option<Timestamp>,
    /// Earliest time of the next attempt of a pending delivery.
    pub next_at: Timestamp,
    /// Status of the last response.
    pub status: Option<u16>,
    /// Cause of the last failure.
    pub error: Option<String>,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub at: Timestamp,
    pub state: DeliveryState,
    /// For a pending delivery.
    pub next_at: Timestamp,
    pub status: Option<u16>,
    pub error: Option<String>,
    /// Disable the webhook for this reason.
    pub disable: Option<String>,
}

/// The waiting deliveries of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDeliveries {
    pub webhook: WebhookId,
    pub count: u64,
    /// Earliest time of an attempt.
    pub next_at: Timestamp,
    /// Time at which the oldest was queued.
    pub oldest_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    webhook_id: String,
    project_id: String,
    kind: String,
    feed_seq: Option<i64>,
    task_id: Option<String>,
    body: String,
    state: String,
    attempts: i64,
    created_at: i64,
    attempted_at: Option<i64>,
    next_at: i64,
    status: Option<i64>,
    error: Option<String>,
}

const SELECT: &str = "SELECT id, webhook_id, project_id, kind, feed_seq, task_id, body, state, attempts, created_at, \
                      attempted_at, next_at, status, error FROM webhook_deliveries";

impl Columns {
    fn read(self) -> Result<Delivery, StoreError> {
        let id = self.id;
        let corrupt = |column, problem: String| {
            StoreError::corrupt("webhook_deliveries", column, &id, problem)
        };
        Ok(Delivery {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            webhook: self
                .webhook_id
                .parse()
                .map_err(|problem| corrupt("webhook_id", format!("{problem}")))?,
            project: self
                .project_id
                .parse()
                .map_err(|problem| corrupt("project_id", format!("{problem}")))?,
            kind: self.kind,
            number: self.feed_seq,
            task: self
                .task_id
                .map(|text| text.parse())
                .transpose()
                .map_err(|problem| corrupt("task_id", format!("{problem}")))?,
            body: self.body,
            state: self.state.parse().map_err(|problem| corrupt("state", problem))?,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            created_at: Timestamp(self.created_at),
            attempted_at: self.attempted_at.map(Timestamp),
            next_at: Timestamp(self.next_at),
            status: self.status.and_then(|status| u16::try_from(status).ok()),
            error: self.error,
        })
    }
}

async fn insert(tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), StoreError> {
    insert_rows!(
        tx,
        "INSERT INTO webhook_deliveries (id, webhook_id, project_id, kind, feed_seq, task_id, body, state, attempts, created_at, next_at) ",
        "",
        deliveries,
        |delivery| 200 + delivery.body.len(),
        |row, delivery| {
            row.push_bind(delivery.id.as_str())
                .push_bind(delivery.webhook.as_str())
                .push_bind(delivery.project.as_str())
                .push_bind(delivery.kind.as_str())
                .push_bind(delivery.number)
                .push_bind(delivery.task.as_ref().map(TaskId::as_str))
                .push_bind(delivery.body.as_str())
                .push_bind(delivery.state.as_str())
                .push_bind(i64::from(delivery.attempts))
                .push_bind(delivery.created_at.0)
                .push_bind(delivery.next_at.0)
        }
    );
    Ok(())
}

/// Finds an enabled webhook and locks its row. Returns `false` if there is none.
async fn lock_enabled(tx: &mut Tx, webhook: &WebhookId) -> Result<bool, StoreError> {
    let sql = "UPDATE webhooks SET enabled = 1 WHERE id = ? AND enabled = 1";
    Ok(execute!(tx, sql, webhook.as_str())? > 0)
}

impl Store {
    /// Queues deliveries and advances the position of their webhook to `position`. Returns `false`,
    /// and stores nothing, if the webhook has another position by now, or is disabled or deleted.
    pub async fn queue_deliveries(
        &self,
        webhook: &Webhook,
        position: i64,
        deliveries: &[Delivery],
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("queue_deliveries").await?;
        let advanced = execute!(
            &mut tx,
            "UPDATE webhooks SET feed_seq = ? WHERE id = ? AND feed_seq = ? AND version = ? AND enabled = 1",
            position,
            webhook.id.as_str(),
            webhook.position,
            signed(webhook.version),
        )?;
        if advanced == 0 {
            tx.rollback().await;
            return Ok(false);
        }
        if !deliveries.is_empty() {
            insert(&mut tx, deliveries).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Queues one delivery without an event. Returns `false` if its webhook is disabled or deleted.
    pub async fn queue_delivery(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("queue_delivery").await?;
        if !lock_enabled(&mut tx, &delivery.webhook).await? {
            tx.rollback().await;
            return Ok(false);
        }
        insert(&mut tx, std::slice::from_ref(delivery)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Queues a delivery again, with all of its attempts. Returns `false` if its webhook is disabled
    /// or one of both was deleted.
    pub async fn redeliver(&self, delivery: &Delivery, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("redeliver").await?;
        let is_enabled = lock_enabled(&mut tx, &delivery.webhook).await?;
        let sql = "UPDATE webhook_deliveries SET state = ?, attempts = 0, next_at = ? WHERE id = ?";
        let pending = DeliveryState::Pending.as_str();
        if !is_enabled || execute!(&mut tx, sql, pending, now.0, delivery.id.as_str())? == 0 {
            tx.rollback().await;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Returns deliveries of a webhook, newest first.
    pub async fn deliveries(
        &self,
        webhook: &WebhookId,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let rows: Vec<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE webhook_id = ").push_bind(webhook.as_str());
            if let Some(after) = &page.after {
                sql.push(" AND id < ").push_bind(after.as_str());
            }
            sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let deliveries = rows.into_iter().map(Columns::read).collect::<Result<_, _>>()?;
        Ok(into_page(deliveries, page, |delivery: &Delivery| delivery.id.to_string()))
    }

    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(Columns::read).transpose()
    }

    /// Returns the waiting deliveries of each webhook, the earliest attempt first.
    pub async fn pending_deliveries(&self) -> Result<Vec<PendingDeliveries>, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT webhook_id, COUNT(*), MIN(next_at), MIN(created_at) FROM webhook_deliveries WHERE state = ? GROUP BY webhook_id ORDER BY MIN(next_at)",
            )
            .bind(DeliveryState::Pending.as_str())
            .fetch_all(c)
            .await
        })?;
        let read = |(webhook, count, next_at, oldest_at): (String, i64, i64, i64)| {
            let id = webhook.parse().map_err(|problem| {
                StoreError::corrupt(
                    "webhook_deliveries",
                    "webhook_id",
                    &webhook,
                    format!("{problem}"),
                )
            })?;
            Ok(PendingDeliveries {
                webhook: id,
                count: unsigned(count),
                next_at: Timestamp(next_at),
                oldest_at: Timestamp(oldest_at),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns the waiting delivery of a webhook with the earliest attempt.
    pub async fn next_delivery(&self, webhook: &WebhookId) -> Result<Option<Delivery>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE state = ").push_bind(DeliveryState::Pending.as_str());
            sql.push(" AND webhook_id = ").push_bind(webhook.as_str());
            sql.push(" ORDER BY next_at, id LIMIT 1");
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(Columns::read).transpose()
    }

    /// Stores the result of an attempt for a webhook of this version. Returns `true` if it disables
    /// the webhook.
    pub async fn record_attempt(
        &self,
        webhook: &Webhook,
        delivery: &DeliveryId,
        attempt: &Attempt,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("record_attempt").await?;
        execute!(
            &mut tx,
            "UPDATE webhook_deliveries SET state = ?, attempts = attempts + 1, attempted_at = ?, next_at = ?, status = ?, error = ? WHERE id = ?",
            attempt.state.as_str(),
            attempt.at.0,
            attempt.next_at.0,
            attempt.status.map(i64::from),
            attempt.error.as_deref().map(|error| clip(error, ERROR_CHARS_MAX)),
            delivery.as_str(),
        )?;
        if attempt.state == DeliveryState::Delivered {
            let sql = "UPDATE webhooks SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL";
            execute!(&mut tx, sql, webhook.id.as_str())?;
        } else {
            let sql = "UPDATE webhooks SET failing_since = ? WHERE id = ? AND version = ? AND failing_since IS NULL";
            execute!(&mut tx, sql, attempt.at.0, webhook.id.as_str(), signed(webhook.version))?;
        }
        let disabled = match &attempt.disable {
            Some(reason) => {
                webhooks::disable(&mut tx, &webhook.id, webhook.version, reason, attempt.at).await?
            }
            None => false,
        };
        tx.commit().await?;
        Ok(disabled)
    }

    /// Deletes ended deliveries from before this moment, and of each webhook those beyond the
    /// newest `kept_max`.
    pub async fn purge_deliveries(
        &self,
        before: Option<Timestamp>,
        kept_max: u32,
    ) -> Result<(), StoreError> {
        let webhooks: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT id FROM webhooks").fetch_all(c).await
        })?;
        for webhook in webhooks {
            let newest_purged: Option<String> = reading!(&*self.db, |c| {
                sqlx::query_scalar("SELECT id FROM webhook_deliveries WHERE webhook_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?")
                    .bind(webhook.as_str())
                    .bind(i64::from(kept_max))
                    .fetch_optional(c)
                    .await
            })?;
            loop {
                let ids: Vec<String> = reading!(&*self.db, |c| {
                    let sql = "SELECT id FROM webhook_deliveries WHERE webhook_id = ? AND state <> ? AND (id <= ? OR created_at < ?) ORDER BY id LIMIT ?";
                    sqlx::query_scalar(sql)
                        .bind(webhook.as_str())
                        .bind(DeliveryState::Pending.as_str())
                        .bind(newest_purged.as_deref().unwrap_or_default())
                        .bind(before.map_or(i64::MIN, |before| before.0))
                        .bind(PURGED_DELIVERIES_MAX)
                        .fetch_all(c)
                        .await
                })?;
                let (Some(first), Some(last)) = (ids.first(), ids.last()) else { break };
                let mut tx = self.write_tx("purge_deliveries").await?;
                let sql = "DELETE FROM webhook_deliveries WHERE webhook_id = ? AND id >= ? AND id <= ? AND state <> ?";
                let pending = DeliveryState::Pending.as_str();
                execute!(&mut tx, sql, webhook.as_str(), first.as_str(), last.as_str(), pending)?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}
