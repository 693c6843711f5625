//! Lists of tasks.
//!
//! Every filter has an index, and the statement names it: 50 of a million tasks take as long as 50
//! of a thousand. With several filters the narrowest leads, which is found by counting; the others
//! are checked row by row. If even the narrowest is wide, matching rows may be rare; a page
//! therefore scans at most [`SCANNED_ENTRIES_MAX`] entries of the index. A page may be short or
//! empty, and the next page starts where it stopped. This bounds every combination of filters on
//! every database without an index per combination, which each write would pay for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use flow_domain::run::RunPhase;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{COLUMNS, TaskColumns, phase_text};
use crate::store::db::{Db, push_list, reading};
use crate::store::error::StoreError;
use crate::store::page::{after_prefix, into_page};
use crate::store::types::{Page, PageRequest, QueryPlan, TaskFilter, TaskRow};
use crate::store::{Store, signed, unsigned};

/// Entries of the leading index that a page scans if other filters are checked row by row: they
/// take less than half of the 5 ms that a page may take. A list of no more entries is narrow, and
/// scanned completely.
const SCANNED_ENTRIES_MAX: usize = 500;

/// Instructions of SQLite's virtual machine per step of [`QueryPlan::steps`].
const STEP_INSTRUCTIONS: i32 = 100;

/// The index that leads a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeadingIndex {
    Phase,
    Template,
    /// One index for both: a template without failed tasks must not cause a scan of all failed
    /// tasks.
    TemplateAndPhase,
    Party,
    Name,
    Newest,
}

impl LeadingIndex {
    /// Returns the indexes that a filter allows; the last is used if all are wide.
    fn candidates(filter: &TaskFilter) -> Vec<Self> {
        let TaskFilter { project: _, name_prefix, phases, party, template } = filter;
        let candidates = [
            (Self::Party, party.is_some()),
            (Self::Template, template.is_some() && phases.is_empty()),
            (Self::Phase, template.is_none() && !phases.is_empty()),
            (Self::TemplateAndPhase, template.is_some() && !phases.is_empty()),
            // A wide list by name can only be scanned by name.
            (Self::Name, name_prefix.is_some()),
        ];
        candidates.into_iter().filter_map(|(lead, given)| given.then_some(lead)).collect()
    }

    const fn is_by_phase(self) -> bool {
        matches!(self, Self::Phase | Self::TemplateAndPhase)
    }

    const fn is_by_template(self) -> bool {
        matches!(self, Self::Template | Self::TemplateAndPhase)
    }
}

/// The parts of a list's statements.
#[derive(Clone, Copy)]
struct TaskQuery<'a> {
    db: &'a Db,
    filter: &'a TaskFilter,
    lead: LeadingIndex,
    /// The leading index has many entries, and other filters are checked row by row.
    is_wide: bool,
    phases: &'a [Option<RunPhase>],
    /// Cursor: the position that the page starts after.
    after: Option<&'a str>,
    /// The last position that the page scans.
    until: Option<&'a str>,
}

impl TaskQuery<'_> {
    /// Pushes SQL from FROM to the conditions of the leading index.
    fn push_lead<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let Self { db, filter, lead, .. } = self;
        let (hint, end) = db.index_hint();
        let index = match lead {
            LeadingIndex::Name => "tasks_name",
            LeadingIndex::Phase => "tasks_phase",
            LeadingIndex::Template => "tasks_template",
            LeadingIndex::TemplateAndPhase => "tasks_template_phase",
            LeadingIndex::Newest => "tasks_newest",
            LeadingIndex::Party => {
                sql.push(db.of_party());
                self.push_party(sql);
                return;
            }
        };
        sql.push(" FROM tasks t").push(hint).push(index).push(end);
        sql.push(" WHERE t.project_id = ")
            .push_bind(filter.project.to_string())
            .push(" AND t.tombstone = ''");
        if *lead == LeadingIndex::Name {
            self.push_name(sql);
        }
        if lead.is_by_template() {
            self.push_template(sql);
        }
        if lead.is_by_phase() {
            self.push_phases(sql);
        }
    }

    /// Pushes SQL from FROM to the end of WHERE.
    fn push<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if self.lead == LeadingIndex::Party {
            sql.push(self.db.of_party())
                .push(self.db.then_join())
                .push(" tasks t ON t.id = p.task_id");
            self.push_party(sql);
        } else {
            self.push_lead(sql);
            if self.filter.party.is_some() {
                // With EXISTS, MariaDB reverses the join and sorts.
                sql.push(" AND 0 < (SELECT COUNT(*) FROM task_parties p");
                self.push_party(sql);
                sql.push(" AND p.task_id = t.id)");
            }
        }
        if self.lead != LeadingIndex::Name {
            self.push_name(sql);
        }
        if !self.lead.is_by_phase() {
            self.push_phases(sql);
        }
        if !self.lead.is_by_template() {
            self.push_template(sql);
        }
        self.push_bounds(sql);
    }

    fn push_party<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        sql.push(" WHERE p.project_id = ").push_bind(self.filter.project.to_string());
        sql.push(" AND p.party_id = ")
            .push_bind(self.filter.party.as_ref().map(ToString::to_string).unwrap_or_default());
    }

    /// Pushes one lower and one upper bound of the names on this page. With several bounds, SQLite
    /// searches with the first and scans to the other, past every page before. (Names are compared
    /// bytewise everywhere, and the list found `until`.)
    fn push_name<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let Some(prefix) = &self.filter.name_prefix else { return };
        match self.after {
            Some(after) if after >= prefix.as_str() => {
                sql.push(" AND t.name > ").push_bind(after.to_owned())
            }
            _ => sql.push(" AND t.name >= ").push_bind(prefix.clone()),
        };
        match self.until {
            Some(until) => sql.push(" AND t.name <= ").push_bind(until.to_owned()),
            None => sql.push(" AND t.name < ").push_bind(after_prefix(prefix)),
        };
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

    fn push_bounds<DB: Database>(&self, sql: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if self.by_name() {
            return;
        }
        for (place, is) in [(self.after, " < "), (self.until, " >= ")] {
            if let Some(place) = place {
                sql.push(" AND ").push(self.place()).push(is).push_bind(place.to_owned());
            }
        }
    }

    /// Returns one scan of the index per phase: `phase IN (…)` would read and sort every task of
    /// these phases. (A narrow list by name is scanned completely, and sorted.)
    fn scans(self) -> Vec<Self> {
        if self.lead.is_by_phase() && !self.by_name() {
            self.phases.chunks(1).map(|phases| Self { phases, ..self }).collect()
        } else {
            vec![self]
        }
    }

    const fn by_name(&self) -> bool {
        self.filter.name_prefix.is_some()
    }

    /// Returns the column that orders the list.
    fn place(&self) -> &'static str {
        match self.lead {
            _ if self.by_name() => "t.name",
            LeadingIndex::Party => "p.task_id",
            _ => "t.id",
        }
    }

    fn push_order<DB: Database>(&self, sql: &mut QueryBuilder<DB>) {
        sql.push(" ORDER BY ")
            .push(self.place())
            .push(if self.by_name() { "" } else { " DESC" })
            .push(" LIMIT ");
    }

    fn push_rows<DB: Database>(&self, sql: &mut QueryBuilder<DB>, offset: u32, limit: i64)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        sql.push("SELECT ").push(COLUMNS);
        self.push(sql);
        self.push_order(sql);
        sql.push_bind(limit).push(" OFFSET ").push_bind(i64::from(offset));
    }

    /// Pushes the newest `limit` rows after the first `offset` of several scans, in any order. Each
    /// scan reads index entries only; the table is read for the rows of the page.
    fn push_merged<DB: Database>(
        scans: &[Self],
        sql: &mut QueryBuilder<DB>,
        offset: u32,
        limit: i64,
    ) where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let Some(Self { db, .. }) = scans.first() else { return };
        sql.push("SELECT ").push(COLUMNS).push(" FROM (");
        Self::push_union(scans, sql, |scan, sql| {
            sql.push("SELECT t.id AS place");
            scan.push(sql);
            scan.push_order(sql);
            sql.push_bind(limit + i64::from(offset));
        });
        sql.push(" ORDER BY place DESC LIMIT ")
            .push_bind(limit)
            .push(" OFFSET ")
            .push_bind(i64::from(offset));
        sql.push(") page").push(db.then_join()).push(" tasks t ON t.id = page.place");
    }

    /// Pushes the union of the positions that `push` selects for each scan; a filter may name a
    /// phase twice.
    fn push_union<DB: Database>(
        scans: &[Self],
        sql: &mut QueryBuilder<DB>,
        push: impl Fn(&Self, &mut QueryBuilder<DB>),
    ) {
        for (number, scan) in scans.iter().enumerate() {
            sql.push(if number == 0 {
                "SELECT place FROM ("
            } else {
                " UNION SELECT place FROM ("
            });
            push(scan, sql);
            sql.push(") scan");
        }
    }

    fn push_end<DB: Database>(&self, sql: &mut QueryBuilder<DB>, entries: usize)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        sql.push("SELECT ").push(self.place()).push(" AS place");
        self.push_lead(sql);
        self.push_bounds(sql);
        self.push_order(sql);
        sql.push("1 OFFSET ").push_bind(signed(entries) - 1);
    }

    /// Pushes the statement of the page, or the one that finds its end.
    fn push_page_or_end<DB: Database>(&self, sql: &mut QueryBuilder<DB>, end: bool)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if end { self.push_end(sql, SCANNED_ENTRIES_MAX) } else { self.push_rows(sql, 0, 51) }
    }

    /// Counts the entries of each leading index, up to the number that makes it wide.
    async fn widths(candidates: &[Self]) -> Result<Vec<i64>, StoreError> {
        let [Self { db, .. }, _, ..] = candidates else { return Ok(vec![0; candidates.len()]) };
        let mut widths: Vec<(i64, i64)> = reading!(db, |c| {
            let mut sql = QueryBuilder::new("");
            for (number, candidate) in candidates.iter().enumerate() {
                sql.push(if number == 0 { "SELECT " } else { " UNION ALL SELECT " });
                sql.push(number).push(", COUNT(*) FROM (SELECT 1");
                candidate.push_lead(&mut sql);
                sql.push(" LIMIT ").push_bind(signed(SCANNED_ENTRIES_MAX) + 1).push(") few");
            }
            sql.build_query_as().fetch_all(c).await
        })?;
        widths.sort_unstable();
        Ok(widths.into_iter().map(|(_, width)| width).collect())
    }

    /// Returns the position that all scans reach within [`SCANNED_ENTRIES_MAX`] entries together;
    /// `None` if there are fewer.
    async fn end(scans: &[Self]) -> Result<Option<String>, StoreError> {
        let Some(Self { db, .. }) = scans.first() else { return Ok(None) };
        let ends: Vec<String> = reading!(db, |c| {
            let mut sql = QueryBuilder::new("");
            Self::push_union(scans, &mut sql, |scan, sql| {
                scan.push_end(sql, SCANNED_ENTRIES_MAX / scans.len())
            });
            sql.build_query_scalar().fetch_all(c).await
        })?;
        // Several scans run from the newest to the oldest task; a scan by name has one end.
        Ok(ends.into_iter().max())
    }

    async fn rows(scans: &[Self], offset: u32, limit: i64) -> Result<Vec<TaskColumns>, StoreError> {
        let Some(Self { db, .. }) = scans.first() else { return Ok(Vec::new()) };
        let mut rows: Vec<TaskColumns> = reading!(db, |c| {
            let mut sql = QueryBuilder::new("");
            match scans {
                [scan] => scan.push_rows(&mut sql, offset, limit),
                _ => Self::push_merged(scans, &mut sql, offset, limit),
            }
            sql.build_query_as().fetch_all(c).await
        })?;
        if scans.len() > 1 {
            rows.sort_unstable_by(|a, b| b.id.cmp(&a.id));
        }
        Ok(rows)
    }
}

impl Store {
    /// Returns the query of a list, led by the narrowest of the filters. A single filter needs no
    /// count.
    async fn query<'a>(
        &'a self,
        filter: &'a TaskFilter,
        after: Option<&'a str>,
    ) -> Result<TaskQuery<'a>, StoreError> {
        let newest = TaskQuery {
            db: &self.db,
            filter,
            lead: LeadingIndex::Newest,
            is_wide: false,
            phases: &filter.phases,
            after,
            until: None,
        };
        let candidates: Vec<_> = LeadingIndex::candidates(filter)
            .into_iter()
            .map(|lead| TaskQuery { lead, ..newest })
            .collect();
        let widths = TaskQuery::widths(&candidates).await?;
        // The last of several that are equally narrow.
        let narrowest = candidates.into_iter().zip(widths).rev().min_by_key(|(_, width)| *width);
        Ok(narrowest.map_or(newest, |(query, width)| TaskQuery {
            is_wide: width > signed(SCANNED_ENTRIES_MAX),
            ..query
        }))
    }

    /// Returns tasks that are not deleted: newest first, or by name with a name prefix. With
    /// several wide filters a page may be short or empty; follow `next` until it is `None`. (A page
    /// by `offset` is always full.)
    pub async fn list_tasks(
        &self,
        filter: &TaskFilter,
        page: &PageRequest,
    ) -> Result<Page<TaskRow>, StoreError> {
        let limit = i64::from(page.limit) + 1;
        let query = self.query(filter, page.after.as_deref()).await?;
        let by_name = query.by_name();
        let mut scans = query.scans();
        let until =
            if query.is_wide && page.offset == 0 { TaskQuery::end(&scans).await? } else { None };
        scans.iter_mut().for_each(|scan| scan.until = until.as_deref());
        let rows = TaskQuery::rows(&scans, page.offset, limit).await?;
        let rows = rows
            .into_iter()
            .map(|row| Ok(row.read()?.0))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let page = into_page(rows, page, |row| {
            if by_name { row.task.body.name.clone() } else { row.task.id.to_string() }
        });
        Ok(Page { next: page.next.or(until), ..page })
    }

    /// Counts all tasks of the list by scanning the index. For callers that need the total (v1)
    /// only.
    pub async fn count_tasks(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        let query = self.query(filter, None).await?;
        let count: i64 = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT COUNT(*)");
            query.push(&mut sql);
            sql.build_query_scalar().fetch_one(c).await
        })?;
        Ok(unsigned(count))
    }

    /// Explains the statements of a page, so that tests can check the leading index and the cost of
    /// pages far into a list. One plan per scan; with several wide filters, the plan that finds the
    /// page's end comes first.
    pub async fn explain_tasks(
        &self,
        filter: &TaskFilter,
        after: Option<&str>,
    ) -> Result<Vec<QueryPlan>, StoreError> {
        let mut plans = Vec::new();
        for scan in self.query(filter, after).await?.scans() {
            let end = if scan.is_wide { TaskQuery::end(&[scan]).await? } else { None };
            let page = TaskQuery { until: end.as_deref(), ..scan };
            plans.extend(if scan.is_wide { Some(self.explain(&scan, true).await?) } else { None });
            plans.push(self.explain(&page, false).await?);
        }
        Ok(plans)
    }

    async fn explain(&self, query: &TaskQuery<'_>, end: bool) -> Result<QueryPlan, StoreError> {
        Ok(match &*self.db {
            Db::Sqlite(pools, _) => {
                let mut connection = pools.read.acquire().await?;
                let mut sql = QueryBuilder::new("EXPLAIN QUERY PLAN ");
                query.push_page_or_end(&mut sql, end);
                let words: Vec<(i64, i64, i64, String)> =
                    sql.build_query_as().fetch_all(&mut *connection).await?;
                let steps = Arc::new(AtomicU32::new(0));
                let counted = Arc::clone(&steps);
                let count = move || {
                    counted.fetch_add(1, Ordering::Relaxed);
                    true
                };
                connection.lock_handle().await?.set_progress_handler(STEP_INSTRUCTIONS, count);
                let mut sql = QueryBuilder::new("");
                query.push_page_or_end(&mut sql, end);
                let found = sql.build().fetch_all(&mut *connection).await;
                connection.lock_handle().await?.remove_progress_handler();
                found?;
                let words = words.into_iter().map(|(.., detail)| detail + "\n").collect();
                QueryPlan { words, steps: Some(steps.load(Ordering::Relaxed)) }
            }
            Db::MySql(pools) => {
                let mut sql = QueryBuilder::new("EXPLAIN FORMAT=JSON ");
                query.push_page_or_end(&mut sql, end);
                QueryPlan {
                    words: sql.build_query_scalar().fetch_one(&pools.read).await?,
                    steps: None,
                }
            }
        })
    }
}
