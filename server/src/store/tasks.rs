//! Tasks: loading them for a change, and listing them.
//!
//! Every filter a list offers leads to one index, and the statement names it: 50 of a million take as long as 50 of a
//! thousand. Of several filters the one most likely to be narrow leads; the others are checked row by row.

use flow_domain::id::{ProjectId, TaskId};
use flow_domain::run::RunPhase;
use flow_domain::task::Task;
use flow_domain::time::Timestamp;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::apply::{NEVER_STARTED, phase_text};
use super::db::{Db, id_batches, in_tx, push_list, reading};
use super::error::StoreError;
use super::runs::{Body, assemble};
use super::types::{Aggregate, Page, PageRequest, TaskFilter, TaskRow};
use super::{Store, unsigned};

/// A row of `tasks` as it lies there.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    project_id: String,
    phase: String,
    latest_run: Option<String>,
    runs: i64,
    version: i64,
    event_seq: i64,
    due_at: Option<i64>,
    created_at: i64,
    modified_at: i64,
    deleted_at: Option<i64>,
    body: String,
}

const COLUMNS: &str = "t.id, t.project_id, t.phase, t.latest_run, t.runs, t.version, t.event_seq, t.due_at, t.created_at, t.modified_at, \
                       t.deleted_at, t.body";

impl Row {
    fn read(self) -> Result<(TaskRow, Option<Timestamp>), StoreError> {
        let Self { id, project_id, phase, latest_run, runs, version, event_seq, due_at, created_at, modified_at, deleted_at, body } = self;
        let corrupt = |column, problem: String| StoreError::corrupt("tasks", column, &id, problem);
        let task = Task {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            project: project_id.parse().map_err(|problem| corrupt("project_id", format!("{problem}")))?,
            body: serde_json::from_str(&body).map_err(|problem| corrupt("body", problem.to_string()))?,
            created_at: Timestamp(created_at),
            modified_at: Timestamp(modified_at),
            runs: u32::try_from(runs).map_err(|problem| corrupt("runs", problem.to_string()))?,
            deleted_at: deleted_at.map(Timestamp),
        };
        let row = TaskRow {
            task,
            version: u64::try_from(version).map_err(|problem| corrupt("version", problem.to_string()))?,
            event_seq,
            phase: match phase.as_str() {
                NEVER_STARTED => None,
                text => Some(text.parse().map_err(|problem| corrupt("phase", problem))?),
            },
            latest_run: match latest_run {
                None => None,
                Some(text) => Some(text.parse().map_err(|problem| corrupt("latest_run", format!("{problem}")))?),
            },
        };
        Ok((row, due_at.map(Timestamp)))
    }
}

/// The page out of rows of which one more than the limit was asked for.
pub(super) fn cut<T>(mut rows: Vec<T>, page: &PageRequest, place: impl Fn(&T) -> String) -> Page<T> {
    let limit = page.limit as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.last().map(place) } else { None };
    Page { items: rows, next }
}

/// The place a page begins after, where lists are ordered by a number.
pub(super) fn after_number(page: &PageRequest) -> Result<Option<i64>, StoreError> {
    page.after.as_deref().map(|text| text.parse().map_err(|_| StoreError::Cursor)).transpose()
}

/// The smallest text greater than every text that begins with `prefix`.
pub(super) fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Which index leads.
#[derive(Clone, Copy)]
enum Lead {
    Name,
    Party,
    Phase,
    Template,
    Newest,
}

impl Lead {
    const fn of(filter: &TaskFilter) -> Self {
        if filter.name_prefix.is_some() {
            Self::Name
        } else if filter.party.is_some() {
            Self::Party
        } else if !filter.phases.is_empty() {
            Self::Phase
        } else if filter.template.is_some() {
            Self::Template
        } else {
            Self::Newest
        }
    }
}

/// What a list's statement is made of.
struct Query<'a> {
    db: &'a Db,
    filter: &'a TaskFilter,
    lead: Lead,
    phases: &'a [Option<RunPhase>],
    after: Option<&'a str>,
}

impl Query<'_> {
    /// From FROM to the end of WHERE.
    fn push<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let Self { db, filter, lead, phases, after } = self;
        let (hint, end) = db.index_hint();
        let text = str::to_owned;
        let index = |sql: &mut QueryBuilder<DB>, name: &str| {
            sql.push(" FROM tasks t").push(hint).push(name).push(end);
            sql.push(" WHERE t.project_id = ").push_bind(text(filter.project.as_str())).push(" AND t.tombstone = ''");
        };
        match lead {
            Lead::Name => {
                let prefix = filter.name_prefix.as_deref().unwrap_or_default();
                index(sql, "tasks_name");
                sql.push(" AND t.name >= ").push_bind(text(prefix));
                sql.push(" AND t.name < ").push_bind(after_prefix(prefix));
                if let Some(after) = after {
                    sql.push(" AND t.name > ").push_bind(text(after));
                }
            }
            Lead::Party => {
                let (from, join) = db.party_join();
                sql.push(from).push(join).push(" tasks t ON t.id = p.task_id WHERE p.project_id = ");
                sql.push_bind(text(filter.project.as_str()));
                sql.push(" AND p.party_id = ").push_bind(text(filter.party.as_ref().map_or("", |party| party.as_str())));
                if let Some(after) = after {
                    sql.push(" AND p.task_id < ").push_bind(text(after));
                }
            }
            Lead::Phase => index(sql, "tasks_phase"),
            Lead::Template => index(sql, "tasks_template"),
            Lead::Newest => index(sql, "tasks_newest"),
        }
        if let (Lead::Phase | Lead::Template | Lead::Newest, Some(after)) = (lead, after) {
            sql.push(" AND t.id < ").push_bind(text(after));
        }
        match phases {
            [] => {}
            [one] => {
                sql.push(" AND t.phase = ").push_bind(text(phase_text(*one)));
            }
            several => {
                sql.push(" AND t.phase IN ");
                push_list!(sql, several.iter().map(|phase| text(phase_text(*phase))));
            }
        }
        if let Some(template) = &filter.template {
            sql.push(" AND t.template_id = ").push_bind(text(template.as_str()));
        }
        if let (Some(party), Lead::Name) = (&filter.party, lead) {
            sql.push(" AND EXISTS (SELECT 1 FROM task_parties p WHERE p.task_id = t.id AND p.project_id = t.project_id AND p.party_id = ");
            sql.push_bind(text(party.as_str())).push(")");
        }
    }

    const fn order(&self) -> &'static str {
        match self.lead {
            Lead::Name => " ORDER BY t.name LIMIT ",
            Lead::Party => " ORDER BY p.task_id DESC LIMIT ",
            Lead::Phase | Lead::Template | Lead::Newest => " ORDER BY t.id DESC LIMIT ",
        }
    }

    async fn rows(&self, offset: u32, limit: i64) -> Result<Vec<Row>, StoreError> {
        Ok(reading!(self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT ");
            sql.push(COLUMNS);
            self.push(&mut sql);
            sql.push(self.order()).push_bind(limit).push(" OFFSET ").push_bind(i64::from(offset));
            sql.build_query_as().fetch_all(c).await
        })?)
    }
}

impl Store {
    fn query<'a>(&'a self, filter: &'a TaskFilter, phases: &'a [Option<RunPhase>], after: Option<&'a str>) -> Query<'a> {
        Query { db: &self.db, filter, lead: Lead::of(filter), phases, after }
    }

    /// Tasks that are not deleted: newest first, or by name if a name's beginning is asked for.
    pub async fn list_tasks(&self, filter: &TaskFilter, page: &PageRequest) -> Result<Page<TaskRow>, StoreError> {
        let after = page.after.as_deref();
        let limit = i64::from(page.limit) + 1;
        let rows = if matches!(Lead::of(filter), Lead::Phase) && filter.phases.len() > 1 {
            // One walk down the index per phase, merged here: a single statement would have to sort them all.
            let mut rows = Vec::new();
            for phase in &filter.phases {
                rows.extend(self.query(filter, std::slice::from_ref(phase), after).rows(0, limit + i64::from(page.offset)).await?);
            }
            rows.sort_by(|a, b| b.id.cmp(&a.id));
            rows.dedup_by(|a, b| a.id == b.id);
            rows.into_iter().skip(page.offset as usize).collect()
        } else {
            self.query(filter, &filter.phases, after).rows(page.offset, limit).await?
        };
        let rows = rows.into_iter().map(|row| Ok(row.read()?.0)).collect::<Result<Vec<_>, StoreError>>()?;
        let by_name = filter.name_prefix.is_some();
        Ok(cut(rows, page, |row| if by_name { row.task.body.name.clone() } else { row.task.id.to_string() }))
    }

    /// How many tasks such a list has in all. Counts index entries: for callers that need it (v1) only.
    pub async fn count_tasks(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        let query = self.query(filter, &filter.phases, None);
        let count: i64 = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT COUNT(*)");
            query.push(&mut sql);
            sql.build_query_scalar().fetch_one(c).await
        })?;
        Ok(unsigned(count))
    }

    /// How the database would find such a list, in its own words: proof that an index leads.
    pub async fn explain_tasks(&self, filter: &TaskFilter) -> Result<String, StoreError> {
        let first = filter.phases.get(..filter.phases.len().min(1)).unwrap_or_default();
        let query = self.query(filter, first, None);
        let statement = |sql: &mut dyn FnMut(&str)| {
            sql("SELECT ");
            sql(COLUMNS);
        };
        Ok(match &*self.db {
            Db::Sqlite(pools) => {
                let mut sql = QueryBuilder::new("EXPLAIN QUERY PLAN ");
                statement(&mut |text| {
                    sql.push(text);
                });
                query.push(&mut sql);
                sql.push(query.order()).push_bind(51_i64);
                let rows: Vec<(i64, i64, i64, String)> = sql.build_query_as().fetch_all(&pools.read).await?;
                rows.into_iter().map(|(.., detail)| detail + "\n").collect()
            }
            Db::MySql(pools) => {
                let mut sql = QueryBuilder::new("EXPLAIN FORMAT=JSON ");
                statement(&mut |text| {
                    sql.push(text);
                });
                query.push(&mut sql);
                sql.push(query.order()).push_bind(51_i64);
                sql.build_query_scalar().fetch_one(&pools.read).await?
            }
        })
    }

    /// A task that is not deleted, as a list shows it.
    pub async fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        let row: Option<Row> = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT ");
            sql.push(COLUMNS).push(" FROM tasks t WHERE t.tombstone = '' AND t.id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        Ok(row.map(Row::read).transpose()?.map(|(row, _)| row))
    }

    /// The not deleted task of this name.
    pub async fn task_by_name(&self, project: &ProjectId, name: &str) -> Result<Option<TaskRow>, StoreError> {
        let row: Option<Row> = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT ");
            sql.push(COLUMNS).push(" FROM tasks t WHERE t.project_id = ").push_bind(project.as_str());
            sql.push(" AND t.tombstone = '' AND t.name = ").push_bind(name);
            sql.build_query_as().fetch_optional(c).await
        })?;
        Ok(row.map(Row::read).transpose()?.map(|(row, _)| row))
    }

    /// A task as a change needs it, deleted or not.
    pub async fn load_task(&self, id: &TaskId) -> Result<Option<Aggregate>, StoreError> {
        Ok(self.load_tasks(std::slice::from_ref(id)).await?.pop())
    }

    /// These tasks as changes need them, in the order of their ids; unknown ones are left out.
    pub async fn load_tasks(&self, ids: &[TaskId]) -> Result<Vec<Aggregate>, StoreError> {
        let mut loaded = Vec::with_capacity(ids.len());
        let mut tx = self.db.snapshot().await?;
        for batch in id_batches(ids) {
            let (tasks, runs, members) = in_tx!(&mut tx, |c| {
                // Still able to move, or the newest.
                let wanted = " AND (r.settled_at IS NULL OR r.id = t.latest_run)";
                let mut sql = QueryBuilder::new("SELECT ");
                sql.push(COLUMNS).push(" FROM tasks t WHERE t.id IN ");
                push_list!(sql, batch.iter().map(TaskId::as_str));
                sql.push(" ORDER BY t.id");
                let tasks: Vec<Row> = sql.build_query_as().fetch_all(&mut *c).await?;
                let mut sql = QueryBuilder::new("SELECT r.id, r.body FROM tasks t JOIN runs r ON r.task_id = t.id WHERE t.id IN ");
                push_list!(sql, batch.iter().map(TaskId::as_str));
                sql.push(wanted).push(" ORDER BY r.task_id, r.number");
                let runs: Vec<Body> = sql.build_query_as().fetch_all(&mut *c).await?;
                let mut sql = QueryBuilder::new(
                    "SELECT m.run_id, m.body FROM tasks t JOIN runs r ON r.task_id = t.id JOIN members m ON m.run_id = r.id WHERE t.id IN ",
                );
                push_list!(sql, batch.iter().map(TaskId::as_str));
                sql.push(wanted).push(" ORDER BY m.run_id, m.position");
                let members: Vec<Body> = sql.build_query_as().fetch_all(&mut *c).await?;
                (tasks, runs, members)
            });
            let mut runs = assemble(runs, members)?.into_iter().peekable();
            let start = loaded.len();
            for row in tasks {
                let (TaskRow { task, version, event_seq, phase: _, latest_run: _ }, due) = row.read()?;
                loaded.push(Aggregate { task, version, event_seq, due, runs: Vec::new() });
            }
            for aggregate in &mut loaded[start..] {
                while let Some(run) = runs.next_if(|run| run.task == aggregate.task.id) {
                    aggregate.runs.push(run);
                }
            }
            if let Some(run) = runs.next() {
                return Err(StoreError::corrupt("runs", "body", run.id.as_str(), "it names another task than its row"));
            }
        }
        loaded.sort_by(|a, b| a.task.id.cmp(&b.task.id));
        Ok(loaded)
    }

    /// Tasks whose timer has run out, the longest overdue first.
    pub async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<TaskId>, StoreError> {
        let ids: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT id FROM tasks WHERE due_at <= ? ORDER BY due_at LIMIT ?")
                .bind(now.0)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        task_ids("tasks", ids)
    }

    /// When the next timer runs out.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let next: Option<i64> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT due_at FROM tasks WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1").fetch_optional(c).await
        })?;
        Ok(next.map(Timestamp))
    }

    /// Tasks with a run that can still move, deleted ones too.
    pub async fn active_tasks(&self) -> Result<Vec<TaskId>, StoreError> {
        let ids: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT DISTINCT task_id FROM runs WHERE settled_at IS NULL ORDER BY task_id").fetch_all(c).await
        })?;
        task_ids("runs", ids)
    }
}

fn task_ids(table: &'static str, ids: Vec<String>) -> Result<Vec<TaskId>, StoreError> {
    ids.into_iter().map(|id| id.parse().map_err(|problem| StoreError::corrupt(table, "id", &id, problem))).collect()
}
