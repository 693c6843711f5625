//! Tasks: loading them for a change, and listing them.
//!
//! Every filter a list offers leads to one index, and the statement names it: 50 of a million take as long as 50 of a
//! thousand. Of several filters the narrowest leads, which is looked up first; the others are checked row by row.

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

/// Entries of an index that may be walked without anybody noticing.
const NARROW: i64 = 1_000;

/// Which index leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Phase,
    Template,
    /// Both have an index of their own: a template that never fails must not be a walk over all failures.
    TemplateAndPhase,
    Party,
    Name,
    Newest,
}

impl Lead {
    /// Those that a filter offers, the one to be taken if all are wide last.
    fn offered(filter: &TaskFilter) -> Vec<Self> {
        let TaskFilter { project: _, name_prefix, phases, party, template } = filter;
        let offered = [
            (Self::Party, party.is_some()),
            (Self::Template, template.is_some() && phases.is_empty()),
            (Self::Phase, template.is_none() && !phases.is_empty()),
            (Self::TemplateAndPhase, template.is_some() && !phases.is_empty()),
            // A wide list by name can only be walked by name.
            (Self::Name, name_prefix.is_some()),
        ];
        offered.into_iter().filter_map(|(lead, given)| given.then_some(lead)).collect()
    }

    const fn is_by_phase(self) -> bool {
        matches!(self, Self::Phase | Self::TemplateAndPhase)
    }

    const fn is_by_template(self) -> bool {
        matches!(self, Self::Template | Self::TemplateAndPhase)
    }
}

/// What a list's statement is made of.
#[derive(Clone, Copy)]
struct Query<'a> {
    db: &'a Db,
    filter: &'a TaskFilter,
    lead: Lead,
    phases: &'a [Option<RunPhase>],
    after: Option<&'a str>,
}

impl Query<'_> {
    /// From FROM to what the leading index finds by itself.
    fn push_lead<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let Self { db, filter, lead, phases: _, after: _ } = self;
        let (hint, end) = db.index_hint();
        let text = str::to_owned;
        let index = match lead {
            Lead::Name => "tasks_name",
            Lead::Phase => "tasks_phase",
            Lead::Template => "tasks_template",
            Lead::TemplateAndPhase => "tasks_template_phase",
            Lead::Newest => "tasks_newest",
            Lead::Party => {
                let (from, join) = db.party_join();
                sql.push(from).push(join).push(" tasks t ON t.id = p.task_id WHERE p.project_id = ");
                sql.push_bind(text(filter.project.as_str()));
                sql.push(" AND p.party_id = ").push_bind(text(filter.party.as_ref().map_or("", |party| party.as_str())));
                return;
            }
        };
        sql.push(" FROM tasks t").push(hint).push(index).push(end);
        sql.push(" WHERE t.project_id = ").push_bind(text(filter.project.as_str())).push(" AND t.tombstone = ''");
        if *lead == Lead::Name {
            self.push_name(sql);
        }
        if lead.is_by_template() {
            self.push_template(sql);
        }
        if lead.is_by_phase() {
            self.push_phases(sql);
        }
    }

    /// From FROM to the end of WHERE.
    fn push<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        self.push_lead(sql);
        if self.lead != Lead::Name {
            self.push_name(sql);
        }
        if !self.lead.is_by_phase() {
            self.push_phases(sql);
        }
        if !self.lead.is_by_template() {
            self.push_template(sql);
        }
        if let (Some(party), true) = (&self.filter.party, self.lead != Lead::Party) {
            sql.push(" AND EXISTS (SELECT 1 FROM task_parties p WHERE p.task_id = t.id AND p.project_id = t.project_id AND p.party_id = ");
            sql.push_bind(party.to_string()).push(")");
        }
        if let Some(after) = self.after {
            sql.push(if self.by_name() {
                " AND t.name > "
            } else if self.lead == Lead::Party {
                " AND p.task_id < "
            } else {
                " AND t.id < "
            });
            sql.push_bind(after.to_owned());
        }
    }

    fn push_name<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if let Some(prefix) = &self.filter.name_prefix {
            sql.push(" AND t.name >= ").push_bind(prefix.clone());
            sql.push(" AND t.name < ").push_bind(after_prefix(prefix));
        }
    }

    fn push_phases<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if !self.phases.is_empty() {
            sql.push(" AND t.phase IN ");
            push_list!(sql, self.phases.iter().map(|phase| phase_text(*phase).to_owned()));
        }
    }

    fn push_template<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if let Some(template) = &self.filter.template {
            sql.push(" AND t.template_id = ").push_bind(template.to_string());
        }
    }

    const fn by_name(&self) -> bool {
        self.filter.name_prefix.is_some()
    }

    fn order(&self) -> &'static str {
        if self.by_name() {
            " ORDER BY t.name LIMIT "
        } else if self.lead == Lead::Party {
            " ORDER BY p.task_id DESC LIMIT "
        } else {
            " ORDER BY t.id DESC LIMIT "
        }
    }

    /// How many entries the leading index has, counted no further than needed to see that they are many.
    async fn width(&self) -> Result<i64, StoreError> {
        Ok(reading!(self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1");
            if self.lead == Lead::Party {
                // Without the join: the key alone tells.
                sql.push(" FROM task_parties WHERE project_id = ").push_bind(self.filter.project.to_string());
                sql.push(" AND party_id = ").push_bind(self.filter.party.as_ref().map(ToString::to_string));
            } else {
                self.push_lead(&mut sql);
            }
            sql.push(" LIMIT ").push_bind(NARROW + 1).push(") few");
            sql.build_query_scalar().fetch_one(c).await
        })?)
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
    /// A list's statement, led by the narrowest of the filters given; of one filter, that is clear without looking.
    async fn query<'a>(&'a self, filter: &'a TaskFilter, after: Option<&'a str>) -> Result<Query<'a>, StoreError> {
        let mut query = Query { db: &self.db, filter, lead: Lead::Newest, phases: &filter.phases, after };
        let offered = Lead::offered(filter);
        let mut best = i64::MAX;
        for lead in &offered {
            let candidate = Query { lead: *lead, ..query };
            let width = if offered.len() > 1 { candidate.width().await? } else { 0 };
            if width <= best {
                best = width;
                query = candidate;
            }
        }
        Ok(query)
    }

    /// Tasks that are not deleted: newest first, or by name if a name's beginning is asked for.
    pub async fn list_tasks(&self, filter: &TaskFilter, page: &PageRequest) -> Result<Page<TaskRow>, StoreError> {
        let limit = i64::from(page.limit) + 1;
        let query = self.query(filter, page.after.as_deref()).await?;
        let by_name = query.by_name();
        let rows = if query.lead.is_by_phase() && filter.phases.len() > 1 && !by_name {
            // One walk down the index per phase, merged here: a single statement would have to sort them all.
            let mut rows = Vec::new();
            for phase in &filter.phases {
                let of_phase = Query { phases: std::slice::from_ref(phase), ..query };
                rows.extend(of_phase.rows(0, limit + i64::from(page.offset)).await?);
            }
            rows.sort_by(|a, b| b.id.cmp(&a.id));
            rows.dedup_by(|a, b| a.id == b.id);
            rows.into_iter().skip(page.offset as usize).collect()
        } else {
            query.rows(page.offset, limit).await?
        };
        let rows = rows.into_iter().map(|row| Ok(row.read()?.0)).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(cut(rows, page, |row| if by_name { row.task.body.name.clone() } else { row.task.id.to_string() }))
    }

    /// How many tasks such a list has in all. Counts index entries: for callers that need it (v1) only.
    pub async fn count_tasks(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        let query = self.query(filter, None).await?;
        let count: i64 = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT COUNT(*)");
            query.push(&mut sql);
            sql.build_query_scalar().fetch_one(c).await
        })?;
        Ok(unsigned(count))
    }

    /// How the database would find such a list, in its own words: proof that an index leads.
    pub async fn explain_tasks(&self, filter: &TaskFilter) -> Result<String, StoreError> {
        let query = self.query(filter, None).await?;
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
