//! Totals of lists. A database counts by reading each entry of an index: a million of them take a
//! tenth of a second or more. Totals of long lists are therefore remembered for some seconds, or
//! longer if a count takes long: counting takes at most a twentieth of the time of a processor.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use parking_lot::Mutex;

use super::list::task_list;
use crate::store::Store;
use crate::store::db::Db;
use crate::store::error::StoreError;
use crate::store::types::TaskFilter;

/// Rows of a list that is always counted.
pub(super) const COUNTED_ROWS_MAX: u32 = 5_000;
/// Age at which a total is counted again while it is in use.
const FRESH_PERIOD: Duration = Duration::from_secs(5);
/// Age of the oldest total that is in use, in times of the age at which it is counted again.
const USE_PERIODS: u32 = 3;
/// Shortest age at which a total is counted again, in times of the duration of its count.
const COUNT_INTERVALS: u32 = 20;
/// Totals remembered; some are forgotten beyond.
const TOTALS_MAX: usize = 1_000;

#[derive(Debug)]
struct Total {
    filter: TaskFilter,
    rows: u64,
    counted_at: Monotonic,
    /// Age at which it is counted again.
    fresh: Duration,
    /// A task counts again.
    is_counting: bool,
}

/// The totals of long lists.
#[derive(Debug, Default)]
pub(in crate::store) struct Totals {
    known: Mutex<Vec<Total>>,
    /// Held during the first count of a list: callers that wait for the same list share it, and
    /// counts do not take all connections to the database.
    first_count: tokio::sync::Mutex<()>,
}

impl Totals {
    /// Returns the total if it is not too old, and whether the caller must count it again.
    fn get(&self, filter: &TaskFilter) -> Option<(u64, bool)> {
        let mut known = self.known.lock();
        known.retain(|total| {
            total.is_counting || total.counted_at.elapsed() < total.fresh * USE_PERIODS
        });
        let total = known.iter_mut().find(|total| total.filter == *filter)?;
        let is_due = !total.is_counting && total.counted_at.elapsed() >= total.fresh;
        total.is_counting |= is_due;
        Some((total.rows, is_due))
    }

    /// Remembers the total of a long list, or forgets it after a failed count.
    fn set(&self, filter: &TaskFilter, rows: Option<u64>, took: Duration) {
        let mut known = self.known.lock();
        known.retain(|total| total.filter != *filter);
        if known.len() >= TOTALS_MAX {
            known.clear();
        }
        known.extend(rows.filter(|rows| *rows > u64::from(COUNTED_ROWS_MAX)).map(|rows| {
            let (filter, counted_at) = (filter.clone(), monotonic());
            let fresh = FRESH_PERIOD.max(took * COUNT_INTERVALS);
            Total { filter, rows, counted_at, fresh, is_counting: false }
        }));
    }
}

impl Store {
    /// Counts all tasks of the list. The total of a list with more than [`COUNTED_ROWS_MAX`] tasks
    /// may be some seconds old. For callers that need the total (v1) only.
    pub async fn count_tasks(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        match self.totals.get(filter) {
            Some((rows, false)) => Ok(rows),
            Some((rows, true)) => {
                let (db, totals) = (Arc::clone(&self.db), Arc::clone(&self.totals));
                let filter = filter.clone();
                tokio::spawn(async move {
                    if let Err(error) = count(&db, &totals, &filter).await {
                        tracing::debug!(%error, "cannot count the tasks of a list");
                    }
                });
                Ok(rows)
            }
            None => {
                let rows = task_list(&self.db, filter).count(Some(COUNTED_ROWS_MAX + 1)).await?;
                if rows <= u64::from(COUNTED_ROWS_MAX) {
                    return Ok(rows);
                }
                let _turn = self.totals.first_count.lock().await;
                match self.totals.get(filter) {
                    Some((rows, false)) => Ok(rows),
                    _ => count(&self.db, &self.totals, filter).await,
                }
            }
        }
    }
}

async fn count(db: &Db, totals: &Totals, filter: &TaskFilter) -> Result<u64, StoreError> {
    let started = monotonic();
    let counted = task_list(db, filter).count(None).await;
    totals.set(filter, counted.as_ref().ok().copied(), started.elapsed());
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(project: &str) -> TaskFilter {
        TaskFilter::project(project.parse().expect("a name"))
    }

    #[test]
    fn totals_are_remembered_by_filter_and_bounded() {
        let totals = Totals::default();
        assert_eq!(totals.get(&of("a")), None);
        totals.set(&of("a"), Some(6_000), Duration::ZERO);
        totals.set(&of("b"), Some(7_000), Duration::ZERO);
        assert_eq!(totals.get(&of("a")), Some((6_000, false)));
        assert_eq!(totals.get(&of("b")), Some((7_000, false)));
        totals.set(&of("a"), None, Duration::ZERO);
        assert_eq!(totals.get(&of("a")), None);
        for number in 0..2 * TOTALS_MAX {
            totals.set(&of(&format!("p{number}")), Some(6_000), Duration::ZERO);
        }
        assert!(totals.known.lock().len() <= TOTALS_MAX);
    }

    #[test]
    fn one_caller_counts_an_old_total_again() {
        let totals = Totals::default();
        totals.set(&of("a"), Some(6_000), Duration::ZERO);
        let ago = |age: Duration| {
            Monotonic::from_origin(monotonic().since(Monotonic::default()).saturating_sub(age))
        };
        totals.known.lock()[0].counted_at = ago(FRESH_PERIOD);
        assert_eq!(totals.get(&of("a")), Some((6_000, true)));
        assert_eq!(totals.get(&of("a")), Some((6_000, false)));
        totals.set(&of("a"), Some(6_001), Duration::ZERO);
        totals.known.lock()[0].counted_at = ago(FRESH_PERIOD * USE_PERIODS);
        assert_eq!(totals.get(&of("a")), None);
        totals.set(&of("a"), Some(6_002), Duration::from_secs(1));
        totals.known.lock()[0].counted_at = ago(FRESH_PERIOD);
        assert_eq!(totals.get(&of("a")), Some((6_002, false)), "its count takes long");
    }
}
