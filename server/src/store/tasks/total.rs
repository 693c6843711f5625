//! Totals of lists. A database counts by reading each entry of an index: a million of them take a
//! tenth of a second or more. Totals of long lists are therefore remembered for some seconds.

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
/// Age of the oldest total that is in use.
const USE_PERIOD: Duration = Duration::from_secs(15);
/// Totals remembered; some are forgotten beyond.
const TOTALS_MAX: usize = 1_000;

#[derive(Debug)]
struct Total {
    filter: TaskFilter,
    rows: u64,
    counted_at: Monotonic,
    /// A task counts again.
    is_counting: bool,
}

/// The totals of long lists.
#[derive(Debug, Default)]
pub(in crate::store) struct Totals(Mutex<Vec<Total>>);

impl Totals {
    /// Returns the total if it is not too old, and whether the caller must count it again.
    fn get(&self, filter: &TaskFilter) -> Option<(u64, bool)> {
        let mut known = self.0.lock();
        known.retain(|total| total.is_counting || total.counted_at.elapsed() < USE_PERIOD);
        let total = known.iter_mut().find(|total| total.filter == *filter)?;
        let is_due = !total.is_counting && total.counted_at.elapsed() >= FRESH_PERIOD;
        total.is_counting |= is_due;
        Some((total.rows, is_due))
    }

    /// Remembers a total, or forgets it after a failed count.
    fn set(&self, filter: &TaskFilter, rows: Option<u64>) {
        let mut known = self.0.lock();
        known.retain(|total| total.filter != *filter);
        if known.len() >= TOTALS_MAX {
            known.clear();
        }
        known.extend(rows.map(|rows| {
            let filter = filter.clone();
            Total { filter, rows, counted_at: monotonic(), is_counting: false }
        }));
    }
}

impl Store {
    /// Counts all tasks of the list. The total of a list with more than [`COUNTED_ROWS_MAX`] tasks
    /// may be some seconds old. For callers that need the total (v1) only.
    pub async fn count_tasks(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        let rows = task_list(&self.db, filter).count(Some(COUNTED_ROWS_MAX + 1)).await?;
        if rows <= u64::from(COUNTED_ROWS_MAX) {
            return Ok(rows);
        }
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
            None => count(&self.db, &self.totals, filter).await,
        }
    }
}

async fn count(db: &Db, totals: &Totals, filter: &TaskFilter) -> Result<u64, StoreError> {
    let counted = task_list(db, filter).count(None).await;
    totals.set(filter, counted.as_ref().ok().copied());
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
        totals.set(&of("a"), Some(6_000));
        totals.set(&of("b"), Some(7_000));
        assert_eq!(totals.get(&of("a")), Some((6_000, false)));
        assert_eq!(totals.get(&of("b")), Some((7_000, false)));
        totals.set(&of("a"), None);
        assert_eq!(totals.get(&of("a")), None);
        for number in 0..2 * TOTALS_MAX {
            totals.set(&of(&format!("p{number}")), Some(6_000));
        }
        assert!(totals.0.lock().len() <= TOTALS_MAX);
    }

    #[test]
    fn one_caller_counts_an_old_total_again() {
        let totals = Totals::default();
        totals.set(&of("a"), Some(6_000));
        let ago = |age: Duration| {
            Monotonic::from_origin(monotonic().since(Monotonic::default()).saturating_sub(age))
        };
        totals.0.lock()[0].counted_at = ago(FRESH_PERIOD);
        assert_eq!(totals.get(&of("a")), Some((6_000, true)));
        assert_eq!(totals.get(&of("a")), Some((6_000, false)));
        totals.set(&of("a"), Some(6_001));
        totals.0.lock()[0].counted_at = ago(USE_PERIOD);
        assert_eq!(totals.get(&of("a")), None);
    }
}
