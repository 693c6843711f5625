//! Webhooks of projects, with their secrets and their positions in the feed of events.

use flow_common::secret_file::Secret;
use flow_domain::id::{ProjectId, WebhookId};
use flow_domain::text::clip;
use flow_domain::time::Timestamp;
use flow_domain::webhook::{DeliveryState, EventFilter};

use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, in_tx, reading};
use super::error::{StoreError, is_unique_violation};
use super::page::into_page;
use super::types::{Page, PageRequest};
use super::{Store, json, signed, unsigned};

/// Longest reason of a disabled webhook, in characters.
const REASON_CHARS_MAX: usize = 200;
/// Cause of a delivery that failed without an attempt.
const WEBHOOK_DISABLED: &str = "the webhook was disabled";

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub project: ProjectId,
    pub name: String,
    pub url: String,
    pub filter: EventFilter,
    pub enabled: bool,
    /// The reason for which the hub has disabled the webhook.
    pub disabled_reason: Option<String>,
    /// Time of the first failed attempt since the last success.
    pub failing_since: Option<Timestamp>,
    /// Signs messages.
    pub secret: Secret,
    /// The secret before, and the time until which it signs too.
    pub former_secret: Option<(Secret, Timestamp)>,
    /// Number of the newest event of the feed for which a delivery was queued, if it needs one.
    pub position: i64,
    /// For `ETag`s.
    pub version: u64,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// Outcome of the creation of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookCreation {
    Done,
    /// Another webhook of the project has the name.
    NameTaken,
    /// The project has the largest number of webhooks.
    LimitReached,
}

/// Outcome of a change of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookChange {
    Done,
    NotFound,
    /// Another change came first.
    Stale,
    /// Another webhook of the project has the name.
    NameTaken,
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    project_id: String,
    name: String,
    url: String,
    kinds: String,
    labels: String,
    enabled: i64,
    disabled_reason: Option<String>,
    failing_since: Option<i64>,
    secret: String,
    former_secret: Option<String>,
    former_until: Option<i64>,
    feed_seq: i64,
    version: i64,
    created_at: i64,
    modified_at: i64,
}

const SELECT: &str = "SELECT id, project_id, name, url, kinds, labels, enabled, disabled_reason, failing_since, secret, \
                      former_secret, former_until, feed_seq, version, created_at, modified_at FROM webhooks";

impl Columns {
    fn read(self) -> Result<Webhook, StoreError> {
        let id = self.id;
        let corrupt =
            |column, problem: String| StoreError::corrupt("webhooks", column, &id, problem);
        Ok(Webhook {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            project: self
                .project_id
                .parse()
                .map_err(|problem| corrupt("project_id", format!("{problem}")))?,
            name: self.name,
            url: self.url,
            filter: EventFilter {
                kinds: serde_json::from_str(&self.kinds)
                    .map_err(|problem| corrupt("kinds", problem.to_string()))?,
                labels: serde_json::from_str(&self.labels)
                    .map_err(|problem| corrupt("labels", problem.to_string()))?,
            },
            enabled: self.enabled != 0,
            disabled_reason: self.disabled_reason,
            failing_since: self.failing_since.map(Timestamp),
            secret: Secret::new(self.secret),
            former_secret: self
                .former_secret
                .zip(self.former_until)
                .map(|(secret, until)| (Secret::new(secret), Timestamp(until))),
            position: self.feed_seq,
            version: unsigned(self.version),
            created_at: Timestamp(self.created_at),
            modified_at: Timestamp(self.modified_at),
        })
    }
}

async fn feed_head(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(in_tx!(tx, |c| {
        sqlx::query_scalar("SELECT seq FROM feed_head WHERE id = 1").fetch_one(&mut *c).await
    })?)
}

/// Returns the reason why a compare-and-swap matched no row.
async fn explain(tx: &mut Tx, id: &WebhookId) -> Result<WebhookChange, StoreError> {
    let found: Option<i64> = in_tx!(tx, |c| {
        sqlx::query_scalar("SELECT version FROM webhooks WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&mut *c)
            .await
    })?;
    Ok(if found.is_some() { WebhookChange::Stale } else { WebhookChange::NotFound })
}

/// Ends the waiting deliveries of a disabled webhook.
async fn fail_pending(tx: &mut Tx, webhook: &WebhookId) -> Result<(), StoreError> {
    execute!(
        tx,
        "UPDATE webhook_deliveries SET error = CASE WHEN error IS NULL THEN ? ELSE error END, state = ? WHERE state = ? AND webhook_id = ?",
        WEBHOOK_DISABLED,
        DeliveryState::Failed.as_str(),
        DeliveryState::Pending.as_str(),
        webhook.as_str(),
    )?;
    Ok(())
}

/// Disables a webhook of this version, which ends its waiting deliveries. Returns `false` if it has
/// another version or is disabled.
pub(super) async fn disable(
    tx: &mut Tx,
    id: &WebhookId,
    version: u64,
    reason: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let disabled = execute!(
        &mut *tx,
        "UPDATE webhooks SET enabled = 0, disabled_reason = ?, version = version + 1, modified_at = ? \
         WHERE id = ? AND version = ? AND enabled = 1",
        clip(reason, REASON_CHARS_MAX),
        at.0,
        id.as_str(),
        signed(version),
    )?;
    if disabled > 0 {
        fail_pending(tx, id).await?;
    }
    Ok(disabled > 0)
}

impl Store {
    /// Creates a webhook, which begins after the newest event of the feed.
    pub async fn create_webhook(
        &self,
        webhook: &Webhook,
        webhooks_max: u32,
        entry: &AccessEntry,
    ) -> Result<WebhookCreation, StoreError> {
        let mut tx = self.write_tx("create_webhook").await?;
        let known: i64 = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM webhooks WHERE project_id = ?")
                .bind(webhook.project.as_str())
                .fetch_one(&mut *c)
                .await
        })?;
        if known >= i64::from(webhooks_max) {
            tx.rollback().await;
            return Ok(WebhookCreation::LimitReached);
        }
        let head = feed_head(&mut tx).await?;
        let inserted = execute!(
            &mut tx,
            "INSERT INTO webhooks (id, project_id, name, url, kinds, labels, enabled, secret, feed_seq, version, created_at, modified_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            webhook.id.as_str(),
            webhook.project.as_str(),
            webhook.name.as_str(),
            webhook.url.as_str(),
            json(&webhook.filter.kinds),
            json(&webhook.filter.labels),
            i64::from(webhook.enabled),
            webhook.secret.expose(),
            head,
            webhook.created_at.0,
            webhook.modified_at.0,
        );
        match inserted {
            Err(error) if is_unique_violation(&error) => {
                tx.rollback().await;
                return Ok(WebhookCreation::NameTaken);
            }
            inserted => inserted?,
        };
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(WebhookCreation::Done)
    }

    pub async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(Columns::read).transpose()
    }

    pub async fn webhook_by_name(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<Webhook>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE project_id = ").push_bind(project.as_str());
            sql.push(" AND name = ").push_bind(name);
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(Columns::read).transpose()
    }

    /// Returns webhooks of a project, ordered by name.
    pub async fn webhooks(
        &self,
        project: &ProjectId,
        page: &PageRequest,
    ) -> Result<Page<Webhook>, StoreError> {
        let rows: Vec<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE project_id = ").push_bind(project.as_str());
            sql.push(" AND name > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY name LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let webhooks = rows.into_iter().map(Columns::read).collect::<Result<_, _>>()?;
        Ok(into_page(webhooks, page, |webhook: &Webhook| webhook.name.clone()))
    }

    /// Returns the enabled webhooks of all projects.
    pub async fn enabled_webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE enabled = 1");
            sql.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter().map(Columns::read).collect()
    }

    /// Replaces name, URL, filter and `enabled` of a webhook; only of version `base`, if given. An
    /// enabled webhook continues with new events, and its failures are forgotten. A disabled one has
    /// no waiting deliveries.
    pub async fn edit_webhook(
        &self,
        webhook: &Webhook,
        base: Option<u64>,
        entry: &AccessEntry,
    ) -> Result<WebhookChange, StoreError> {
        let mut tx = self.write_tx("edit_webhook").await?;
        let head = feed_head(&mut tx).await?;
        let edited = execute!(
            &mut tx,
            "UPDATE webhooks SET feed_seq = CASE WHEN enabled = 0 THEN ? ELSE feed_seq END, name = ?, url = ?, kinds = ?, labels = ?, \
             enabled = ?, disabled_reason = NULL, failing_since = NULL, version = version + 1, modified_at = ? \
             WHERE id = ? AND version = CASE WHEN ? = 1 THEN ? ELSE version END",
            head,
            webhook.name.as_str(),
            webhook.url.as_str(),
            json(&webhook.filter.kinds),
            json(&webhook.filter.labels),
            i64::from(webhook.enabled),
            webhook.modified_at.0,
            webhook.id.as_str(),
            i64::from(base.is_some()),
            base.map_or(0, signed),
        );
        let outcome = match edited {
            Err(error) if is_unique_violation(&error) => WebhookChange::NameTaken,
            Err(error) => return Err(error.into()),
            Ok(0) => explain(&mut tx, &webhook.id).await?,
            Ok(_) => {
                if !webhook.enabled {
                    fail_pending(&mut tx, &webhook.id).await?;
                }
                access_audit::write(&mut tx, entry).await?;
                tx.commit().await?;
                return Ok(WebhookChange::Done);
            }
        };
        tx.rollback().await;
        Ok(outcome)
    }

    /// Replaces the secret of a webhook. Until `former_until` the former one signs too.
    pub async fn rotate_webhook_secret(
        &self,
        id: &WebhookId,
        secret: &Secret,
        former_until: Option<Timestamp>,
        entry: &AccessEntry,
    ) -> Result<WebhookChange, StoreError> {
        let mut tx = self.write_tx("rotate_webhook_secret").await?;
        let former: Option<String> = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT secret FROM webhooks WHERE id = ?")
                .bind(id.as_str())
                .fetch_optional(&mut *c)
                .await
        })?;
        let Some(former) = former else {
            tx.rollback().await;
            return Ok(WebhookChange::NotFound);
        };
        execute!(
            &mut tx,
            "UPDATE webhooks SET secret = ?, former_secret = ?, former_until = ? WHERE id = ?",
            secret.expose(),
            former_until.map(|_| former),
            former_until.map(|until| until.0),
            id.as_str(),
        )?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(WebhookChange::Done)
    }

    /// Deletes a webhook with its deliveries; only version `base`, if given.
    pub async fn delete_webhook(
        &self,
        id: &WebhookId,
        base: Option<u64>,
        entry: &AccessEntry,
    ) -> Result<WebhookChange, StoreError> {
        let mut tx = self.write_tx("delete_webhook").await?;
        let deleted = execute!(
            &mut tx,
            "DELETE FROM webhooks WHERE id = ? AND version = CASE WHEN ? = 1 THEN ? ELSE version END",
            id.as_str(),
            i64::from(base.is_some()),
            base.map_or(0, signed),
        )?;
        if deleted == 0 {
            let outcome = explain(&mut tx, id).await?;
            tx.rollback().await;
            return Ok(outcome);
        }
        execute!(&mut tx, "DELETE FROM webhook_deliveries WHERE webhook_id = ?", id.as_str())?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(WebhookChange::Done)
    }

    /// Deletes former secrets that no longer sign.
    pub async fn purge_webhook_secrets(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write_tx("purge_webhook_secrets").await?;
        let sql =
            "UPDATE webhooks SET former_secret = NULL, former_until = NULL WHERE former_until <= ?";
        execute!(&mut tx, sql, now.0)?;
        tx.commit().await
    }
}
