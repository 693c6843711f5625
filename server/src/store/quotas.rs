//! Numbers of stored objects of each project, and their limits.
//!
//! The row of a project changes in the transaction that creates or deletes objects. Its UPDATE
//! compares with the limit and locks the row, so that requests at the same time cannot exceed it. It
//! comes before the rows of templates and tasks: the same order everywhere prevents deadlocks.

use std::collections::BTreeMap;

use flow_domain::id::{ProjectId, TemplateId};

use super::db::{Tx, execute, in_tx};
use super::error::StoreError;
use super::types::{Quotas, TaskUpdate};
use super::{Store, unsigned};

/// Number of objects of one kind, and their limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub used: u64,
    pub limit: u64,
}

/// Numbers of stored objects of a project, with their limits. Deleted tasks and templates, and the
/// runs of deleted tasks, do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectQuotas {
    pub tasks: Quota,
    pub runs: Quota,
    pub templates: Quota,
}

/// Limits of one project: `None` keeps a limit, `Some(None)` is the limit of the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaEdit {
    pub tasks: Option<Option<u32>>,
    pub runs: Option<Option<u32>>,
    pub templates: Option<Option<u32>>,
}

/// Change of one number.
#[derive(Debug, Clone, Copy, Default)]
struct Delta {
    change: i64,
    /// A request creates objects: the limit applies. Runs that repeat a failed one are not refused.
    is_limited: bool,
}

impl Delta {
    fn add(&mut self, change: i64, is_limited: bool) {
        self.change += change;
        self.is_limited |= is_limited;
    }

    /// Returns the change that the limit must allow.
    const fn limited(self) -> i64 {
        if self.is_limited { self.change } else { 0 }
    }
}

/// Changes of the numbers of one project.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    tasks: Delta,
    runs: Delta,
    templates: Delta,
}

impl Usage {
    /// New templates.
    pub(super) fn of_templates(count: usize) -> Self {
        let mut usage = Self::default();
        usage.templates.add(super::signed(count), count > 0);
        usage
    }

    /// Adds the change of one task.
    pub(super) fn add(&mut self, update: &TaskUpdate) {
        let task = &update.task;
        let runs = task.deleted_at.is_none().then_some(task.runs);
        let is_start =
            |run: &super::RunUpdate| run.before.is_none() && run.after.retry_of.is_none();
        let count = |runs: Option<u32>| i64::from(runs.unwrap_or(0));
        let tasks = i64::from(runs.is_some()) - i64::from(update.base_runs.is_some());
        self.tasks.add(tasks, update.insert);
        self.runs.add(count(runs) - count(update.base_runs), update.runs.iter().any(is_start));
    }
}

/// Counts the changes of tasks.
pub(super) async fn count_tasks(
    tx: &mut Tx,
    quotas: Quotas,
    updates: &[&TaskUpdate],
) -> Result<(), StoreError> {
    let mut projects: BTreeMap<&ProjectId, Usage> = BTreeMap::new();
    for update in updates {
        projects.entry(&update.task.project).or_default().add(update);
    }
    for (project, usage) in projects {
        count(tx, quotas, project, usage).await?;
    }
    Ok(())
}

/// Changes the numbers of a project; [`StoreError::Quota`] if a limit does not allow it.
pub(super) async fn count(
    tx: &mut Tx,
    quotas: Quotas,
    project: &ProjectId,
    usage: Usage,
) -> Result<(), StoreError> {
    let Usage { tasks, runs, templates } = usage;
    if [tasks, runs, templates].iter().all(|delta| delta.change == 0) {
        return Ok(());
    }
    let counted = execute!(
        &mut *tx,
        "UPDATE project_quotas SET tasks = tasks + ?, runs = runs + ?, templates = templates + ? WHERE project_id = ? \
         AND (? <= 0 OR tasks + ? <= COALESCE(tasks_max, ?)) AND (? <= 0 OR runs + ? <= COALESCE(runs_max, ?)) \
         AND (? <= 0 OR templates + ? <= COALESCE(templates_max, ?))",
        tasks.change,
        runs.change,
        templates.change,
        project.as_str(),
        tasks.limited(),
        tasks.change,
        i64::from(quotas.tasks),
        runs.limited(),
        runs.change,
        i64::from(quotas.runs),
        templates.limited(),
        templates.change,
        i64::from(quotas.templates),
    )?;
    let is_limited = [tasks, runs, templates].iter().any(|delta| delta.limited() > 0);
    if counted > 0 || !is_limited {
        Ok(())
    } else {
        Err(explain(tx, quotas, project, usage).await?)
    }
}

/// Returns the reason why a count matched no row.
async fn explain(
    tx: &mut Tx,
    quotas: Quotas,
    project: &ProjectId,
    usage: Usage,
) -> Result<StoreError, StoreError> {
    let row: Option<Columns> = in_tx!(tx, |c| {
        sqlx::query_as(
            "SELECT tasks, runs, templates, tasks_max, runs_max, templates_max FROM project_quotas WHERE project_id = ?",
        )
        .bind(project.as_str())
        .fetch_optional(&mut *c)
        .await
    })?;
    let Some(row) = row else { return Ok(StoreError::NoProject(project.clone())) };
    let found = row.read(quotas);
    let is_over = |delta: Delta, Quota { used, limit }| {
        delta.limited() > 0 && used.saturating_add(unsigned(delta.change)) > limit
    };
    let (what, limit, option, remedy) = if is_over(usage.tasks, found.tasks) {
        ("tasks", found.tasks.limit, "tasks", "delete tasks that are not needed")
    } else if is_over(usage.templates, found.templates) {
        ("templates", found.templates.limit, "templates", "delete templates that are not needed")
    } else {
        ("runs", found.runs.limit, "runs", "delete tasks whose runs are not needed")
    };
    Ok(StoreError::Quota(format!(
        "project {project} may have {limit} {what}: {remedy}, or ask a federation administrator to raise the quota (`flowctl project set-quota {project} --{option} NUMBER`)"
    )))
}

/// Subtracts a template that is about to be deleted.
pub(super) async fn forget_template(tx: &mut Tx, id: &TemplateId) -> Result<(), StoreError> {
    // A subquery would lock the template first.
    let project: Option<String> = in_tx!(&mut *tx, |c| {
        sqlx::query_scalar("SELECT project_id FROM templates WHERE id = ? AND tombstone = ''")
            .bind(id.as_str())
            .fetch_optional(&mut *c)
            .await
    })?;
    let sql = "UPDATE project_quotas SET templates = templates - 1 WHERE project_id = ?";
    execute!(tx, sql, project)?;
    Ok(())
}

/// Columns of a row.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(super) struct Columns {
    tasks: i64,
    runs: i64,
    templates: i64,
    tasks_max: Option<i64>,
    runs_max: Option<i64>,
    templates_max: Option<i64>,
}

impl Columns {
    pub(super) fn read(self, quotas: Quotas) -> ProjectQuotas {
        let Self { tasks, runs, templates, tasks_max, runs_max, templates_max } = self;
        let quota = |used, own: Option<i64>, limit: u32| Quota {
            used: unsigned(used),
            limit: own.map_or(u64::from(limit), unsigned),
        };
        ProjectQuotas {
            tasks: quota(tasks, tasks_max, quotas.tasks),
            runs: quota(runs, runs_max, quotas.runs),
            templates: quota(templates, templates_max, quotas.templates),
        }
    }
}

/// Changes the limits of a project.
pub(super) async fn edit(
    tx: &mut Tx,
    project: &ProjectId,
    edit: &QuotaEdit,
) -> Result<(), StoreError> {
    for (sql, limit) in [
        ("UPDATE project_quotas SET tasks_max = ? WHERE project_id = ?", edit.tasks),
        ("UPDATE project_quotas SET runs_max = ? WHERE project_id = ?", edit.runs),
        ("UPDATE project_quotas SET templates_max = ? WHERE project_id = ?", edit.templates),
    ] {
        if let Some(limit) = limit {
            execute!(&mut *tx, sql, limit.map(i64::from), project.as_str())?;
        }
    }
    Ok(())
}

impl Store {
    /// Returns the limits of the configuration.
    #[must_use]
    pub const fn quotas(&self) -> Quotas {
        self.quotas
    }
}
