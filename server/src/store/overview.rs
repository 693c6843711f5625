//! Counts and newest objects of a project for its overview. Each statement reads a part of one index.

use std::collections::BTreeMap;

use flow_domain::id::{PartyId, ProjectId, RunId};
use flow_domain::run::{Run, RunPhase};
use flow_domain::time::Timestamp;

use super::db::reading;
use super::error::StoreError;
use super::{Store, unsigned};

/// Queue times below this one are in the first bin, in microseconds; each further bin is twice as
/// wide.
const FIRST_BIN_US: i64 = 100_000;
/// Bins of queue times: the last one begins at 14 hours.
const BINS: u32 = 20;
/// Runs of a phase that are read: those of deleted tasks are left out.
const CANDIDATES_MAX: usize = 50;

/// Runs of a project in one part of a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunBucket {
    pub started: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Median of the queue times of the runs that ended, in microseconds; an estimate for many runs.
    pub queued_us_p50: Option<i64>,
    pub queued_us_max: Option<i64>,
}

/// Runs that need attention, each with the name of its task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttentionRuns {
    /// Newest first.
    pub failed: Vec<(Run, String)>,
    /// Oldest first.
    pub waiting: Vec<(Run, String)>,
}

/// A party whose agent has disconnected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentParty {
    pub party: PartyId,
    pub since: Timestamp,
}

/// Queue times in one bin.
#[derive(Debug, Clone, Copy)]
struct Bin {
    runs: u64,
    total_us: i64,
}

/// Returns the mean of the bin that contains the median.
fn median(bins: &BTreeMap<i64, Bin>) -> Option<i64> {
    let all: u64 = bins.values().map(|bin| bin.runs).sum();
    let mut before = 0;
    let middle = bins.values().find(|bin| {
        before += bin.runs;
        before >= all.div_ceil(2)
    })?;
    middle.total_us.checked_div(i64::try_from(middle.runs).unwrap_or(i64::MAX))
}

/// Returns the SQL that finds the bin of `queued_us`.
fn bin_sql() -> String {
    let bounds =
        (0..BINS).map(|bin| format!(" WHEN queued_us < {} THEN {bin}", FIRST_BIN_US << bin));
    let bounds: String = bounds.collect();
    format!("CASE WHEN queued_us IS NULL THEN -1{bounds} ELSE {BINS} END")
}

impl Store {
    /// Counts the tasks of a project by the phase of their newest run.
    pub async fn count_by_phase(
        &self,
        project: &ProjectId,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let (hint, end) = self.db.index_hint();
        let rows: Vec<(String, i64)> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT t.phase, COUNT(*) FROM tasks t");
            sql.push(hint).push("tasks_phase").push(end);
            sql.push(" WHERE t.project_id = ").push_bind(project.as_str());
            sql.push(" AND t.tombstone = '' GROUP BY t.phase");
            sql.build_query_as().fetch_all(c).await
        })?;
        Ok(rows.into_iter().map(|(phase, count)| (phase, unsigned(count))).collect())
    }

    /// Counts the runs of a project in `count` parts of `width_us` microseconds from `from` on.
    pub async fn run_buckets(
        &self,
        project: &ProjectId,
        from: Timestamp,
        width_us: i64,
        count: usize,
    ) -> Result<Vec<RunBucket>, StoreError> {
        let before = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(width_us);
        let before = from.0.saturating_add(before);
        let (hint, end) = self.db.index_hint();
        let started: Vec<(i64, i64)> = reading!(&*self.db, |c| {
            let mut sql =
                sqlx::QueryBuilder::new("SELECT place, COUNT(*) FROM (SELECT t.created_at - ");
            sql.push_bind(from.0).push(" - (t.created_at - ").push_bind(from.0);
            sql.push(") % ").push_bind(width_us).push(" AS place FROM runs t");
            sql.push(hint).push("runs_created").push(end);
            sql.push(" WHERE t.project_id = ").push_bind(project.as_str());
            sql.push(" AND t.created_at >= ").push_bind(from.0);
            sql.push(" AND t.created_at < ").push_bind(before).push(") started GROUP BY place");
            sql.build_query_as().fetch_all(c).await
        })?;
        let ended: Vec<(i64, String, i64, i64, i64, i64)> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "SELECT place, phase, bin, COUNT(*), CAST(COALESCE(SUM(queued_us), 0) AS SIGNED INTEGER), \
                 COALESCE(MAX(queued_us), 0) FROM (SELECT phase, queued_us, finished_at - ",
            );
            sql.push_bind(from.0).push(" - (finished_at - ").push_bind(from.0);
            sql.push(") % ").push_bind(width_us).push(" AS place, ").push(bin_sql());
            sql.push(" AS bin FROM finished_runs WHERE project_id = ").push_bind(project.as_str());
            sql.push(" AND finished_at >= ").push_bind(from.0);
            sql.push(" AND finished_at < ").push_bind(before);
            sql.push(") ended GROUP BY place, phase, bin");
            sql.build_query_as().fetch_all(c).await
        })?;
        let mut buckets = vec![RunBucket::default(); count];
        let place = |offset: i64| usize::try_from(offset / width_us).unwrap_or(usize::MAX);
        for (offset, runs) in started {
            if let Some(bucket) = buckets.get_mut(place(offset)) {
                bucket.started = unsigned(runs);
            }
        }
        let mut queued: BTreeMap<usize, BTreeMap<i64, Bin>> = BTreeMap::new();
        for (offset, phase, bin, runs, total_us, longest) in ended {
            let Some(bucket) = buckets.get_mut(place(offset)) else { continue };
            let runs = unsigned(runs);
            match phase.parse() {
                Ok(RunPhase::Succeeded) => bucket.succeeded += runs,
                Ok(RunPhase::Failed) => bucket.failed += runs,
                Ok(RunPhase::Cancelled) => bucket.cancelled += runs,
                _ => {}
            }
            if bin >= 0 {
                bucket.queued_us_max = bucket.queued_us_max.max(Some(longest));
                let bins = queued.entry(place(offset)).or_default();
                let bin = bins.entry(bin).or_insert(Bin { runs: 0, total_us: 0 });
                bin.runs += runs;
                bin.total_us += total_us;
            }
        }
        for (place, bins) in queued {
            buckets[place].queued_us_p50 = median(&bins);
        }
        Ok(buckets)
    }

    /// Returns up to `limit` newest failed runs that ended at `from` or later, and up to `limit` oldest
    /// runs that wait.
    pub async fn attention_runs(
        &self,
        project: &ProjectId,
        from: Timestamp,
        limit: usize,
    ) -> Result<AttentionRuns, StoreError> {
        let (hint, end) = self.db.index_hint();
        let phases = [
            (RunPhase::Failed, " DESC"),
            (RunPhase::Queued, ""),
            (RunPhase::Reserving, ""),
            (RunPhase::Starting, ""),
        ];
        let rows: Vec<(String, String, String)> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("");
            for (index, (phase, order)) in phases.into_iter().enumerate() {
                sql.push(if index == 0 { "" } else { " UNION ALL " });
                sql.push("SELECT c.id, n.name, c.phase FROM (SELECT t.id, t.task_id, t.phase FROM runs t");
                sql.push(hint).push("runs_phase").push(end);
                sql.push(" WHERE t.project_id = ").push_bind(project.as_str());
                sql.push(" AND t.phase = ").push_bind(phase.as_str());
                sql.push(" ORDER BY t.id").push(order).push(" LIMIT ");
                sql.push(CANDIDATES_MAX.to_string());
                sql.push(") c JOIN tasks n ON n.id = c.task_id AND n.tombstone = ''");
            }
            sql.build_query_as().fetch_all(c).await
        })?;
        let (mut failed, mut waiting): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(.., phase)| phase == RunPhase::Failed.as_str());
        failed.sort_by(|(a, ..), (b, ..)| b.cmp(a));
        failed.truncate(limit);
        waiting.sort();
        waiting.truncate(CANDIDATES_MAX);
        let mut names: BTreeMap<RunId, String> = BTreeMap::new();
        for (id, name, _) in failed.into_iter().chain(waiting) {
            let id =
                id.parse().map_err(|problem| StoreError::corrupt("runs", "id", &id, problem))?;
            names.insert(id, name);
        }
        let ids: Vec<RunId> = names.keys().cloned().collect();
        let mut found = AttentionRuns::default();
        // Ids grow with time.
        let mut runs = self.runs_by_id(&ids).await?;
        runs.sort_by(|a, b| a.id.cmp(&b.id));
        for run in runs {
            let Some(name) = names.remove(&run.id) else { continue };
            if run.finished_at.is_some_and(|at| at >= from) && run.phase == RunPhase::Failed {
                found.failed.insert(0, (run, name));
            } else if run.is_active() && run.waiting.is_some() && found.waiting.len() < limit {
                found.waiting.push((run, name));
            }
        }
        Ok(found)
    }

    /// Returns up to `limit` parties of a project whose agents have disconnected, newest absence first.
    /// Disabled parties are left out.
    pub async fn absent_parties(
        &self,
        project: &ProjectId,
        limit: u32,
    ) -> Result<Vec<AbsentParty>, StoreError> {
        let rows: Vec<(String, i64)> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "SELECT p.id, p.since FROM parties p LEFT JOIN disabled_parties d ON d.party_id = p.id \
                 WHERE p.connected = 0 AND p.epoch > 0 AND d.party_id IS NULL \
                 AND (EXISTS (SELECT 1 FROM projects j WHERE j.all_parties = 1 AND j.id = ",
            );
            sql.push_bind(project.as_str());
            sql.push(
                ") OR p.id IN (SELECT o.party_id FROM project_parties o WHERE o.project_id = ",
            );
            sql.push_bind(project.as_str());
            sql.push(")) ORDER BY p.since DESC LIMIT ").push_bind(i64::from(limit));
            sql.build_query_as().fetch_all(c).await
        })?;
        let read = |(party, since): (String, i64)| {
            Ok(AbsentParty {
                party: party
                    .parse()
                    .map_err(|problem| StoreError::corrupt("parties", "id", &party, problem))?,
                since: Timestamp(since),
            })
        };
        rows.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_exact_for_few_runs_and_within_its_bin_for_many() {
        assert_eq!(median(&BTreeMap::new()), None);
        let bins = |bins: &[(i64, u64, i64)]| {
            bins.iter()
                .map(|(at, runs, total_us)| (*at, Bin { runs: *runs, total_us: *total_us }))
                .collect()
        };
        assert_eq!(median(&bins(&[(3, 1, 700_000)])), Some(700_000));
        assert_eq!(median(&bins(&[(0, 1, 5), (3, 1, 700_000), (9, 1, 30_000_000)])), Some(700_000));
        assert_eq!(median(&bins(&[(0, 9, 90), (9, 2, 60_000_000)])), Some(10));
    }
}
