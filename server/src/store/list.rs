//! Pages of filtered lists.
//!
//! Every filter has an index, and the statement names it: 50 of a million rows take as long as 50
//! of a thousand. With several filters the narrowest leads, which is found by counting; the others
//! are checked row by row. If even the narrowest is wide, an index in the order of the list leads.
//! Matching rows may be rare then; a page therefore scans at most [`SCANNED_ENTRIES_MAX`] entries of
//! the index. A page may be short or empty, and the next page starts where it stopped. This bounds
//! every combination of filters and orders on every database without an index per combination,
//! which each write would pay for.
//!
//! The alias of the listed table is `t`. A position of a list is the key of a row, and for times
//! also its id: rows that are inserted or removed move no other row.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::mysql::MySqlRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Database, Encode, FromRow, QueryBuilder, Type};

use super::db::{Db, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Page, PageRequest, QueryPlan};
use super::{signed, unsigned};

/// Entries of the leading index that a page scans if other filters are checked row by row: they
/// take less than half of the 5 ms that a page may take. A list of no more entries is narrow, and
/// scanned completely.
const SCANNED_ENTRIES_MAX: usize = 500;

/// Instructions of SQLite's virtual machine per step of [`QueryPlan::steps`].
const STEP_INSTRUCTIONS: i32 = 100;

/// A value in a statement.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

#[derive(Debug, Clone)]
enum Part {
    Text(Cow<'static, str>),
    Value(Value),
}

/// SQL with its values, for every database.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql(Vec<Part>);

impl Sql {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self::default().text(text)
    }

    /// Appends SQL, which must not contain foreign text.
    pub(super) fn text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Part::Text(text.into()));
        self
    }

    pub(super) fn value(mut self, value: impl Into<Value>) -> Self {
        self.0.push(Part::Value(value.into()));
        self
    }

    /// Appends `(?, ?, …)`; there must be at least one value.
    pub(super) fn values(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        let mut separator = "(";
        for value in values {
            self = self.text(separator).value(value);
            separator = ", ";
        }
        self.text(")")
    }

    pub(super) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn build<DB: Database>(self) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let mut sql = QueryBuilder::new("");
        for part in self.0 {
            match part {
                Part::Text(text) => sql.push(text),
                Part::Value(Value::Text(text)) => sql.push_bind(text),
                Part::Value(Value::Number(number)) => sql.push_bind(number),
            };
        }
        sql
    }
}

/// The order of a list or an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Id,
    /// Unique in the list.
    Name,
    /// Time of creation, then the id.
    Created,
    /// Time of the last edit, then the id.
    Modified,
}

impl Key {
    const fn column(self) -> &'static str {
        match self {
            Self::Id => "t.id",
            Self::Name => "t.name",
            Self::Created => "t.created_at",
            Self::Modified => "t.modified_at",
        }
    }

    const fn is_time(self) -> bool {
        matches!(self, Self::Created | Self::Modified)
    }

    /// Returns the text of the position of a row with this time of the key.
    pub(super) fn at(time: i64, id: &str) -> String {
        format!("{time}.{id}")
    }

    fn position(self, text: &str) -> Result<Position, StoreError> {
        if !self.is_time() {
            return Ok(Position { value: text.into(), id: None });
        }
        let (time, id) = text.split_once('.').ok_or(StoreError::Cursor)?;
        let time: i64 = time.parse().map_err(|_| StoreError::Cursor)?;
        Ok(Position { value: time.into(), id: Some(id.to_owned()) })
    }
}

/// A place in a list.
#[derive(Debug, Clone)]
struct Position {
    value: Value,
    /// Id of the row, if the key is not unique.
    id: Option<String>,
}

/// A range of a key: lower bound inclusive, upper bound exclusive.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) key: Key,
    pub(super) from: Option<Value>,
    pub(super) before: Option<Value>,
}

/// A condition of the list, as ` AND …`.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) condition: Sql,
    /// The same as alternatives, of which each leaves the index in the order of ids. Empty if the
    /// condition does.
    pub(super) alternatives: Vec<Sql>,
}

impl From<Sql> for Filter {
    fn from(condition: Sql) -> Self {
        Self { condition, alternatives: Vec::new() }
    }
}

/// An index that can lead a list.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    /// ` FROM table alias`, with the index.
    pub(super) from: Sql,
    /// Conditions of the index besides those of its filters.
    pub(super) condition: Sql,
    /// Join of the listed table, if the index belongs to another one, whose `condition` includes the
    /// filters of the lead.
    pub(super) joined: Option<&'static str>,
    /// Column of the id of the listed row.
    pub(super) id: &'static str,
    /// Order of its entries.
    pub(super) key: Key,
    /// Filters that the index covers.
    pub(super) filters: Vec<usize>,
}

/// A list of one table.
pub(super) struct List<'a> {
    pub(super) db: &'a Db,
    /// Columns of a row.
    pub(super) columns: &'static str,
    /// The listed table with its alias `t`.
    pub(super) table: &'static str,
    pub(super) key: Key,
    pub(super) descending: bool,
    pub(super) filters: Vec<Filter>,
    pub(super) ranges: Vec<Range>,
    /// Indexes of the filters and ranges, of which the last is used if all are wide. There must be
    /// one with the order of the list.
    pub(super) leads: Vec<Lead>,
}

/// One scan of the leading index.
#[derive(Clone, Copy)]
struct Scan<'a> {
    list: &'a List<'a>,
    lead: &'a Lead,
    /// The leading index has many entries, and other filters are checked row by row.
    is_wide: bool,
    /// Alternative of the filter that has some.
    alternative: Option<usize>,
    /// The page starts after it.
    after: Option<&'a Position>,
    /// The last position that the page scans.
    until: Option<&'a Position>,
}

impl<'a> Scan<'a> {
    /// Returns SQL from FROM to the conditions of the leading index.
    fn lead_sql(&self) -> Sql {
        self.lead.from.clone().then(self.conditions(false))
    }

    /// Returns SQL from FROM to the end of WHERE.
    fn sql(&self) -> Sql {
        let from = self.lead.from.clone();
        let joined = match self.lead.joined {
            Some(join) => from.text(self.list.db.then_join()).text(join),
            None => from,
        };
        joined.then(self.conditions(true))
    }

    fn conditions(&self, all: bool) -> Sql {
        let Self { list, lead, .. } = self;
        let mut sql = Sql::new(" WHERE ").then(lead.condition.clone());
        for (index, filter) in list.filters.iter().enumerate() {
            let leads = lead.filters.contains(&index);
            if if lead.joined.is_some() { leads || !all } else { !leads && !all } {
                continue;
            }
            let alternative = self.alternative.and_then(|index| filter.alternatives.get(index));
            sql = sql.then(alternative.unwrap_or(&filter.condition).clone());
        }
        for Range { key, from, before } in &list.ranges {
            if *key == list.key || !(all || *key == lead.key) {
                continue;
            }
            // The table of the lead may be another one.
            let column = if *key == Key::Id { lead.id } else { key.column() };
            for (sign, bound) in [(" >= ", from), (" < ", before)] {
                if let Some(bound) = bound {
                    sql = sql.text(" AND ").text(column).text(sign).value(bound.clone());
                }
            }
        }
        if all || list.key == lead.key { sql.then(self.bounds()) } else { sql }
    }

    /// Returns one lower and one upper bound of the keys on this page. With several bounds, SQLite
    /// searches with the first and scans to the other, past every page before. (Texts are compared
    /// bytewise everywhere, and the list found `until`.)
    fn bounds(&self) -> Sql {
        let list = self.list;
        let range = list.ranges.iter().find(|range| range.key == list.key);
        let (from, before) =
            range.map_or((None, None), |range| (range.from.as_ref(), range.before.as_ref()));
        let (after, until) =
            (self.after.map(|after| (after, "")), self.until.map(|until| (until, "=")));
        let (lower, upper) = if list.descending { (until, after) } else { (after, until) };
        let mut sql = Sql::default();
        match lower.filter(|(lower, _)| from.is_none_or(|from| lower.value >= *from)) {
            Some((position, equal)) => sql = self.beyond(sql, ">", equal, position),
            None => {
                if let Some(from) = from {
                    sql = sql.text(" AND ").text(self.key()).text(" >= ").value(from.clone());
                }
            }
        }
        match upper.filter(|(upper, _)| before.is_none_or(|before| upper.value < *before)) {
            Some((position, equal)) => sql = self.beyond(sql, "<", equal, position),
            None => {
                if let Some(before) = before {
                    sql = sql.text(" AND ").text(self.key()).text(" < ").value(before.clone());
                }
            }
        }
        sql
    }

    fn beyond(
        &self,
        sql: Sql,
        sign: &'static str,
        equal: &'static str,
        Position { value, id }: &Position,
    ) -> Sql {
        let key = self.key();
        let sql = sql.text(" AND ").text(key);
        match id {
            None => sql.text(format!(" {sign}{equal} ")).value(value.clone()),
            Some(id) => sql
                .text(format!(" {sign}= "))
                .value(value.clone())
                .text(format!(" AND ({key} {sign} "))
                .value(value.clone())
                .text(format!(" OR t.id {sign}{equal} "))
                .value(id.clone())
                .text(")"),
        }
    }

    /// Returns the column that orders the list.
    const fn key(&self) -> &'static str {
        match self.list.key {
            Key::Id => self.lead.id,
            key => key.column(),
        }
    }

    fn order(&self) -> Cow<'static, str> {
        let direction = if self.list.descending { " DESC" } else { "" };
        let key = self.key();
        if self.list.key.is_time() {
            format!(" ORDER BY {key}{direction}, t.id{direction} LIMIT ").into()
        } else {
            format!(" ORDER BY {key}{direction} LIMIT ").into()
        }
    }

    fn rows_sql(&self, offset: u32, limit: i64) -> Sql {
        let sql = Sql::new("SELECT ").text(self.list.columns).then(self.sql()).text(self.order());
        sql.value(limit).text(" OFFSET ").value(i64::from(offset))
    }

    /// Returns the SQL of the first `limit` rows after the first `offset` of several scans, in any
    /// order. Each scan reads index entries only; the table is read for the rows of the page.
    fn merged_sql(scans: &[Self], offset: u32, limit: i64) -> Sql {
        let Some(Self { list, .. }) = scans.first() else { return Sql::default() };
        let rows = Self::union(scans, |scan| {
            Sql::new("SELECT t.id AS place")
                .then(scan.sql())
                .text(scan.order())
                .value(limit + i64::from(offset))
        });
        Sql::new("SELECT ")
            .text(list.columns)
            .text(" FROM (")
            .then(rows)
            .text(if list.descending {
                " ORDER BY place DESC LIMIT "
            } else {
                " ORDER BY place LIMIT "
            })
            .value(limit)
            .text(" OFFSET ")
            .value(i64::from(offset))
            .text(") page")
            .text(list.db.then_join())
            .text(" ")
            .text(list.table)
            .text(" ON t.id = page.place")
    }

    /// Returns the union of the positions that `select` returns for each scan; a filter may name an
    /// alternative twice.
    fn union(scans: &[Self], select: impl Fn(&Self) -> Sql) -> Sql {
        scans.iter().enumerate().fold(Sql::default(), |sql, (number, scan)| {
            let head =
                if number == 0 { "SELECT place FROM (" } else { " UNION SELECT place FROM (" };
            sql.text(head).then(select(scan)).text(") scan")
        })
    }

    fn end_sql(&self, entries: usize) -> Sql {
        let key = self.key();
        let place = match self.list.key.is_time() {
            true => format!("SELECT CONCAT({key}, '.', t.id) AS place").into(),
            false => Cow::from(format!("SELECT {key} AS place")),
        };
        let sql = Sql::new(place).then(self.lead_sql()).text(self.order());
        sql.text("1 OFFSET ").value(signed(entries) - 1)
    }

    /// Returns the statement of the page, or the one that finds its end.
    fn page_or_end_sql(&self, end: bool) -> Sql {
        if end { self.end_sql(SCANNED_ENTRIES_MAX) } else { self.rows_sql(0, 51) }
    }

    /// Returns one scan of the index per alternative: one scan of all of them would read and sort
    /// every row. (A narrow list in another order is scanned completely, and sorted.)
    fn parts(self) -> Vec<Self> {
        let alternatives = self.lead.filters.iter().find_map(|index| {
            let count = self.list.filters[*index].alternatives.len();
            (count > 0).then_some(count)
        });
        match alternatives.filter(|_| self.list.key == Key::Id) {
            Some(count) => {
                (0..count).map(|index| Self { alternative: Some(index), ..self }).collect()
            }
            None => vec![self],
        }
    }

    /// Returns the position that all scans reach within [`SCANNED_ENTRIES_MAX`] entries together;
    /// `None` if there are fewer.
    async fn end(scans: &[Self]) -> Result<Option<String>, StoreError> {
        let Some(Self { list, .. }) = scans.first() else { return Ok(None) };
        let sql = Self::union(scans, |scan| scan.end_sql(SCANNED_ENTRIES_MAX / scans.len()));
        let ends: Vec<String> =
            reading!(list.db, |c| sql.build().build_query_scalar().fetch_all(c).await)?;
        Ok(if list.descending { ends.into_iter().max() } else { ends.into_iter().min() })
    }
}

/// A row of a list, from every database.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow> + Send + Unpin
{
}

impl<T> Row for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow> + Send + Unpin
{
}

impl List<'_> {
    /// Returns a scan of the narrowest of the leading indexes, or of one in the order of the list. A
    /// single index needs no count.
    async fn scan<'a>(&'a self, after: Option<&'a Position>) -> Result<Scan<'a>, StoreError> {
        let of_lead =
            |lead| Scan { list: self, lead, is_wide: false, alternative: None, after, until: None };
        let scans: Vec<Scan<'a>> = self.leads.iter().map(of_lead).collect();
        let widths = self.widths(&scans).await?;
        // The last of several that are equally narrow.
        let narrowest = scans.iter().zip(&widths).rev().min_by_key(|(_, width)| **width);
        if let Some((scan, width)) = narrowest
            && *width <= signed(SCANNED_ENTRIES_MAX)
        {
            return Ok(*scan);
        }
        let in_order = scans.iter().rev().find(|scan| scan.lead.key == self.key);
        let wide = in_order.map(|scan| Scan { is_wide: true, ..*scan });
        wide.ok_or_else(|| StoreError::Config("the list has no index in its order".to_owned()))
    }

    /// Counts the entries of each leading index, up to the number that makes it wide.
    async fn widths(&self, scans: &[Scan<'_>]) -> Result<Vec<i64>, StoreError> {
        if scans.len() < 2 {
            return Ok(vec![0; scans.len()]);
        }
        let sql = scans.iter().enumerate().fold(Sql::default(), |sql, (number, scan)| {
            sql.text(if number == 0 { "SELECT " } else { " UNION ALL SELECT " })
                .text(format!("{number}, COUNT(*) FROM (SELECT 1"))
                .then(scan.lead_sql())
                .text(" LIMIT ")
                .value(signed(SCANNED_ENTRIES_MAX) + 1)
                .text(") few")
        });
        let mut widths: Vec<(i64, i64)> =
            reading!(self.db, |c| sql.build().build_query_as().fetch_all(c).await)?;
        widths.sort_unstable();
        Ok(widths.into_iter().map(|(_, width)| width).collect())
    }

    fn position(&self, text: Option<&str>) -> Result<Option<Position>, StoreError> {
        text.map(|text| self.key.position(text)).transpose()
    }

    /// Returns a page. `place` returns the position of a row. With several wide filters a page may
    /// be short or empty; follow `next` until it is `None`. (A page by `offset` is always full.)
    pub(super) async fn page<T: Row>(
        &self,
        page: &PageRequest,
        place: impl Fn(&T) -> String,
    ) -> Result<Page<T>, StoreError> {
        let after = self.position(page.after.as_deref())?;
        let scan = self.scan(after.as_ref()).await?;
        let mut parts = scan.parts();
        let end = if scan.is_wide && page.offset == 0 { Scan::end(&parts).await? } else { None };
        let until = self.position(end.as_deref())?;
        parts.iter_mut().for_each(|part| part.until = until.as_ref());
        let limit = i64::from(page.limit) + 1;
        let sql = match parts.as_slice() {
            [part] => part.rows_sql(page.offset, limit),
            parts => Scan::merged_sql(parts, page.offset, limit),
        };
        let mut rows: Vec<T> =
            reading!(self.db, |c| sql.build().build_query_as().fetch_all(c).await)?;
        if parts.len() > 1 {
            rows.sort_by_cached_key(&place);
            if self.descending {
                rows.reverse();
            }
        }
        let page = into_page(rows, page, place);
        Ok(Page { next: page.next.or(end), ..page })
    }

    /// Counts all rows, or at most so many, by scanning the index. For callers that need the total
    /// (v1) only.
    pub(super) async fn count(&self, most: Option<u32>) -> Result<u64, StoreError> {
        let scan = self.scan(None).await?;
        // Other tables have entries of rows that are not deleted only.
        let is_covered = self.ranges.is_empty() && self.filters.len() == scan.lead.filters.len();
        let rows = if is_covered { scan.lead_sql() } else { scan.sql() };
        let sql = match most {
            None => Sql::new("SELECT COUNT(*)").then(rows),
            Some(most) => Sql::new("SELECT COUNT(*) FROM (SELECT 1")
                .then(rows)
                .text(" LIMIT ")
                .value(i64::from(most))
                .text(") counted"),
        };
        let count: i64 =
            reading!(self.db, |c| sql.build().build_query_scalar().fetch_one(c).await)?;
        Ok(unsigned(count))
    }

    /// Explains the statements of a page: one plan per scan; with several wide filters, the plan
    /// that finds the page's end comes first.
    pub(super) async fn explain(&self, after: Option<&str>) -> Result<Vec<QueryPlan>, StoreError> {
        let after = self.position(after)?;
        let mut plans = Vec::new();
        for scan in self.scan(after.as_ref()).await?.parts() {
            let end = if scan.is_wide { Scan::end(&[scan]).await? } else { None };
            let end = self.position(end.as_deref())?;
            let page = Scan { until: end.as_ref(), ..scan };
            plans.extend(if scan.is_wide { Some(self.plan(&scan, true).await?) } else { None });
            plans.push(self.plan(&page, false).await?);
        }
        Ok(plans)
    }

    async fn plan(&self, scan: &Scan<'_>, end: bool) -> Result<QueryPlan, StoreError> {
        let sql = scan.page_or_end_sql(end);
        Ok(match self.db {
            Db::Sqlite(pools, _) => {
                let mut connection = pools.read.acquire().await?;
                let explained = Sql::new("EXPLAIN QUERY PLAN ").then(sql.clone());
                let words: Vec<(i64, i64, i64, String)> =
                    explained.build().build_query_as().fetch_all(&mut *connection).await?;
                let steps = Arc::new(AtomicU32::new(0));
                let counted = Arc::clone(&steps);
                let count = move || {
                    counted.fetch_add(1, Ordering::Relaxed);
                    true
                };
                connection.lock_handle().await?.set_progress_handler(STEP_INSTRUCTIONS, count);
                let found = sql.build().build().fetch_all(&mut *connection).await;
                connection.lock_handle().await?.remove_progress_handler();
                found?;
                let words = words.into_iter().map(|(.., detail)| detail + "\n").collect();
                QueryPlan { words, steps: Some(steps.load(Ordering::Relaxed)) }
            }
            Db::MySql(pools) => {
                let explained = Sql::new("EXPLAIN FORMAT=JSON ").then(sql);
                QueryPlan {
                    words: explained.build().build_query_scalar().fetch_one(&pools.read).await?,
                    steps: None,
                }
            }
        })
    }
}
