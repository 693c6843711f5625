//! Progress: the newest value of each member, and its series.
//!
//! Progress is separate from state: short transactions of its own, no events, and the latest value
//! wins. A series has at most [`SERIES_POINTS_MAX`] points. A full series deletes every second
//! point and doubles its stride; from then on it keeps every stride-th point and the newest one.
//! The size is bounded, and the points still span the whole run. Points are stored in chunks: a new
//! point rewrites one chunk, not the series.
//!
//! Within a series, a point with a greater step is added, a point with the newest step replaces its
//! value, and a point with a smaller step is ignored. Therefore an agent can send progress again if
//! the hub may have been killed before it stored the progress.

use std::collections::BTreeMap;

use flow_domain::id::{PartyId, ProjectId, RunId};
use flow_domain::progress::{Point, Progress, SeriesSummary};
use flow_domain::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::db::{Tx, execute, id_batches, in_tx, insert_rows, push_list, reading};
use super::error::StoreError;
use super::types::{ProgressRow, ProgressWrite, Series, SeriesSummaries};
use super::{Store, json, signed, unsigned};

/// Points per series.
const SERIES_POINTS_MAX: usize = 2_000;
/// Points per chunk.
const CHUNK_POINTS: usize = 100;
/// Series per member. More names are a defect of the workload and are not stored.
const MEMBER_SERIES_MAX: usize = 64;
/// Bytes of a series' name; and of a value.
const NAME_BYTES_MAX: usize = 255;
const VALUE_BYTES_MAX: usize = 64;
/// Members per transaction; writes of state may run in between.
const TRANSACTION_MEMBERS_MAX: usize = 64;

/// Step and value.
type StoredPoint = (u64, String);

/// The points with the smallest and the largest finite value.
#[derive(Default, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Extremes {
    lowest: Option<StoredPoint>,
    highest: Option<StoredPoint>,
}

impl Extremes {
    fn include(&mut self, point: &StoredPoint) {
        let Some(value) = finite(point) else { return };
        let beats = |known: &Option<StoredPoint>, better: fn(&f64, &f64) -> bool| {
            known.as_ref().and_then(finite).is_none_or(|known| better(&value, &known))
        };
        if beats(&self.lowest, f64::lt) {
            self.lowest = Some(point.clone());
        }
        if beats(&self.highest, f64::gt) {
            self.highest = Some(point.clone());
        }
    }
}

fn finite((_, value): &StoredPoint) -> Option<f64> {
    value.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Content of the column `tail`.
#[derive(Default, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct TailBody {
    /// The newest points. The last is the newest of all, even if it is not a stride-th point.
    points: Vec<StoredPoint>,
    /// Extremes of all points before the newest, which may be measured again.
    extremes: Extremes,
}

/// The column `tail` of this version, and of the first one.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyTail {
    Body(TailBody),
    Points(Vec<StoredPoint>),
}

impl From<AnyTail> for TailBody {
    fn from(tail: AnyTail) -> Self {
        match tail {
            AnyTail::Body(body) => body,
            AnyTail::Points(points) => {
                let mut extremes = Extremes::default();
                points.iter().rev().skip(1).for_each(|point| extremes.include(point));
                Self { points, extremes }
            }
        }
    }
}

/// A series while points are added.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
struct SeriesTail {
    stride: u64,
    seen: u64,
    chunks: usize,
    tail: TailBody,
}

impl SeriesTail {
    /// Adds a point with a new step. Returns a chunk that became full, with its number.
    fn add(&mut self, step: u64, value: String) -> Option<(usize, Vec<StoredPoint>)> {
        let TailBody { points, extremes } = &mut self.tail;
        match points.last_mut() {
            Some((newest, _)) if step < *newest => return None,
            Some((newest, stored)) if step == *newest => {
                *stored = value;
                return None;
            }
            Some(newest) => extremes.include(newest),
            None => {}
        }
        // The previous newest point is not a stride-th point.
        if self.seen > 0 && !(self.seen - 1).is_multiple_of(self.stride.max(1)) {
            points.pop();
        }
        self.seen += 1;
        points.push((step, value));
        if points.len() <= CHUNK_POINTS {
            return None;
        }
        self.chunks += 1;
        Some((self.chunks - 1, points.drain(..CHUNK_POINTS).collect()))
    }

    const fn is_full(&self) -> bool {
        self.chunks * CHUNK_POINTS >= SERIES_POINTS_MAX
    }

    /// Keeps every second point of all chunks, in new chunks.
    fn thin(&mut self, chunks: Vec<Vec<StoredPoint>>) -> Vec<Vec<StoredPoint>> {
        let kept: Vec<StoredPoint> = chunks.into_iter().flatten().step_by(2).collect();
        self.stride = self.stride.max(1) * 2;
        self.chunks = kept.len() / CHUNK_POINTS;
        self.tail.points.splice(0..0, kept[self.chunks * CHUNK_POINTS..].iter().cloned());
        kept.chunks_exact(CHUNK_POINTS).map(<[StoredPoint]>::to_vec).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesOwner<'a> {
    run: &'a RunId,
    party: &'a PartyId,
    project: &'a ProjectId,
}

impl SeriesOwner<'_> {
    async fn tails(&self, tx: &mut Tx) -> Result<BTreeMap<String, SeriesTail>, StoreError> {
        let rows: Vec<(String, i64, i64, i64, String)> = in_tx!(tx, |c| {
            sqlx::query_as("SELECT name, stride, seen, chunks, tail FROM series WHERE run_id = ? AND party_id = ?")
                .bind(self.run.as_str())
                .bind(self.party.as_str())
                .fetch_all(&mut *c)
                .await
        })?;
        rows.into_iter()
            .map(|(name, stride, seen, chunks, tail)| {
                let tail: AnyTail = points("series", "tail", &self.key(&name), &tail)?;
                let chunks = usize::try_from(chunks).map_err(|problem| {
                    StoreError::corrupt("series", "chunks", self.key(&name), problem)
                })?;
                Ok((
                    name,
                    SeriesTail {
                        stride: unsigned(stride),
                        seen: unsigned(seen),
                        chunks,
                        tail: tail.into(),
                    },
                ))
            })
            .collect()
    }

    async fn chunks(&self, tx: &mut Tx, name: &str) -> Result<Vec<Vec<StoredPoint>>, StoreError> {
        let rows: Vec<String> = in_tx!(tx, |c| {
            sqlx::query_scalar("SELECT points FROM series_chunks WHERE run_id = ? AND party_id = ? AND name = ? ORDER BY chunk")
                .bind(self.run.as_str())
                .bind(self.party.as_str())
                .bind(name)
                .fetch_all(&mut *c)
                .await
        })?;
        let key = self.key(name);
        rows.iter().map(|text| points("series_chunks", "points", &key, text)).collect()
    }

    async fn insert_chunks(
        &self,
        tx: &mut Tx,
        name: &str,
        chunks: &[(usize, Vec<StoredPoint>)],
    ) -> Result<(), StoreError> {
        insert_rows!(
            tx,
            "INSERT INTO series_chunks (run_id, party_id, name, chunk, project_id, points) ",
            "",
            chunks,
            |_| CHUNK_POINTS * 32,
            |row, (number, points)| {
                row.push_bind(self.run.as_str())
                    .push_bind(self.party.as_str())
                    .push_bind(name)
                    .push_bind(signed(*number))
                    .push_bind(self.project.as_str())
                    .push_bind(json(points))
            }
        );
        Ok(())
    }

    async fn append(
        &self,
        tx: &mut Tx,
        name: &str,
        tail: &mut SeriesTail,
        new: Vec<&Point>,
    ) -> Result<(), StoreError> {
        for point in new {
            let Some(full) = tail.add(point.step, point.value.clone()) else { continue };
            self.insert_chunks(&mut *tx, name, &[full]).await?;
            if tail.is_full() {
                let thinned = tail.thin(self.chunks(&mut *tx, name).await?);
                execute!(
                    &mut *tx,
                    "DELETE FROM series_chunks WHERE run_id = ? AND party_id = ? AND name = ?",
                    self.run.as_str(),
                    self.party.as_str(),
                    name,
                )?;
                let numbered: Vec<_> = thinned.into_iter().enumerate().collect();
                self.insert_chunks(&mut *tx, name, &numbered).await?;
            }
        }
        Ok(())
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.run, self.party)
    }
}

fn points<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    key: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|problem| StoreError::corrupt(table, column, key, problem))
}

fn without_points(progress: &Progress) -> Progress {
    let Progress { epoch, epochs, parties, metrics, points: _, complete } = progress;
    Progress {
        epoch: *epoch,
        epochs: *epochs,
        parties: parties.clone(),
        metrics: metrics.clone(),
        points: Vec::new(),
        complete: *complete,
    }
}

async fn write(tx: &mut Tx, writes: &[ProgressWrite]) -> Result<(), StoreError> {
    let latest: Vec<(&ProgressWrite, String)> =
        writes.iter().map(|write| (write, json(&without_points(&write.progress)))).collect();
    let tail = tx.or_update("run_id, party_id", &["at", "body"]);
    let head = "INSERT INTO progress (run_id, party_id, project_id, at, body) ";
    insert_rows!(tx, head, tail, latest, |(_, body)| body.len() + 200, |row, (write, body)| {
        row.push_bind(write.run.as_str())
            .push_bind(write.party.as_str())
            .push_bind(write.project.as_str())
            .push_bind(write.at.0)
            .push_bind(body.as_str())
    });
    let mut new: BTreeMap<SeriesOwner<'_>, BTreeMap<&str, Vec<&Point>>> = BTreeMap::new();
    for ProgressWrite { project, run, party, at: _, progress } in writes {
        for point in &progress.points {
            if point.series.len() <= NAME_BYTES_MAX && point.value.len() <= VALUE_BYTES_MAX {
                new.entry(SeriesOwner { run, party, project })
                    .or_default()
                    .entry(&point.series)
                    .or_default()
                    .push(point);
            }
        }
    }
    let mut rows: Vec<(SeriesOwner<'_>, &str, SeriesTail)> = Vec::new();
    for (owner, series) in new {
        let mut tails = owner.tails(&mut *tx).await?;
        let mut room = MEMBER_SERIES_MAX.saturating_sub(tails.len());
        for (name, points) in series {
            let mut tail = match tails.remove(name) {
                Some(tail) => tail,
                None if room == 0 => continue,
                None => {
                    room -= 1;
                    SeriesTail { stride: 1, ..SeriesTail::default() }
                }
            };
            owner.append(&mut *tx, name, &mut tail, points).await?;
            rows.push((owner, name, tail));
        }
    }
    let tail = tx.or_update("run_id, party_id, name", &["stride", "seen", "chunks", "tail"]);
    let head =
        "INSERT INTO series (run_id, party_id, name, project_id, stride, seen, chunks, tail) ";
    insert_rows!(tx, head, tail, rows, |(.., series)| series.tail.points.len() * 32 + 300, |row,
                                                                                            (
        owner,
        name,
        series,
    )| {
        row.push_bind(owner.run.as_str())
            .push_bind(owner.party.as_str())
            .push_bind(*name)
            .push_bind(owner.project.as_str())
            .push_bind(signed(series.stride))
            .push_bind(signed(series.seen))
            .push_bind(signed(series.chunks))
            .push_bind(json(&series.tail))
    });
    Ok(())
}

impl Store {
    /// Stores the newest progress of members and adds their points, in several transactions. After
    /// a failure all of it may be written again.
    pub async fn write_progress(&self, writes: &[ProgressWrite]) -> Result<(), StoreError> {
        for some in writes.chunks(TRANSACTION_MEMBERS_MAX) {
            let mut tx = self.write_tx("write_progress").await?;
            match write(&mut tx, some).await {
                Ok(()) => tx.commit().await?,
                Err(error) => {
                    tx.rollback().await;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Returns the newest progress of all members of these runs.
    pub async fn progress(&self, runs: &[RunId]) -> Result<Vec<ProgressRow>, StoreError> {
        let mut found = Vec::new();
        for batch in id_batches(runs) {
            let rows: Vec<(String, String, i64, String)> = reading!(&*self.db, |c| {
                let mut sql = sqlx::QueryBuilder::new(
                    "SELECT run_id, party_id, at, body FROM progress WHERE run_id IN ",
                );
                push_list!(sql, batch.iter().copied().map(RunId::as_str));
                sql.push(" ORDER BY run_id, party_id");
                sql.build_query_as().fetch_all(c).await
            })?;
            for (run, party, at, body) in rows {
                let corrupt = |column, problem: String| {
                    StoreError::corrupt("progress", column, format!("{run}/{party}"), problem)
                };
                found.push(ProgressRow {
                    run: run.parse().map_err(|problem| corrupt("run_id", format!("{problem}")))?,
                    party: party
                        .parse()
                        .map_err(|problem| corrupt("party_id", format!("{problem}")))?,
                    at: Timestamp(at),
                    progress: serde_json::from_str(&body)
                        .map_err(|problem| corrupt("body", problem.to_string()))?,
                });
            }
        }
        Ok(found)
    }

    /// Returns the series of a member by name.
    pub async fn series(&self, run: &RunId, party: &PartyId) -> Result<Series, StoreError> {
        let project = super::DEFAULT_PROJECT.parse().expect("a constant slug");
        let owner = SeriesOwner { run, party, project: &project };
        let mut tx = self.db.snapshot().await?;
        let mut series = Series::new();
        for (name, tail) in owner.tails(&mut tx).await? {
            let chunks =
                if tail.chunks > 0 { owner.chunks(&mut tx, &name).await? } else { Vec::new() };
            let points = chunks.into_iter().flatten().chain(tail.tail.points);
            let points =
                points.map(|(step, value)| Point { series: name.clone(), step, value }).collect();
            series.insert(name, points);
        }
        Ok(series)
    }

    /// Summarises the first `limit` series of a run, by party and name.
    pub async fn series_summaries(
        &self,
        run: &RunId,
        limit: u32,
    ) -> Result<SeriesSummaries, StoreError> {
        let rows: Vec<(String, String, String)> = reading!(&*self.db, |c| {
            sqlx::query_as("SELECT party_id, name, tail FROM series WHERE run_id = ? ORDER BY party_id, name LIMIT ?")
                .bind(run.as_str())
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        let mut summaries = SeriesSummaries::new();
        for (party, name, tail) in rows {
            let key = format!("{run}/{party}/{name}");
            let tail: AnyTail = points("series", "tail", &key, &tail)?;
            let TailBody { points, mut extremes } = tail.into();
            // A stored series has at least one point.
            let Some(newest) = points.last() else { continue };
            extremes.include(newest);
            let number = |point: StoredPoint| Some((point.0, finite(&point)?));
            let summary = SeriesSummary {
                last: (newest.0, finite(newest)),
                lowest: extremes.lowest.and_then(number),
                highest: extremes.highest.and_then(number),
            };
            let party = party
                .parse()
                .map_err(|problem| StoreError::corrupt("series", "party_id", &key, problem))?;
            summaries.insert((party, name), summary);
        }
        Ok(summaries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the steps that are stored after `count` points, and the end of the series.
    fn run(count: u64) -> (Vec<u64>, SeriesTail) {
        let mut tail = SeriesTail { stride: 1, ..SeriesTail::default() };
        let mut chunks: Vec<Vec<StoredPoint>> = Vec::new();
        for step in 0..count {
            if let Some((number, full)) = tail.add(step, step.to_string()) {
                assert_eq!(number, chunks.len(), "chunks are numbered in order");
                chunks.push(full);
                if tail.is_full() {
                    chunks = tail.thin(chunks);
                }
            }
        }
        (
            chunks
                .into_iter()
                .flatten()
                .chain(tail.tail.points.clone())
                .map(|(step, _)| step)
                .collect(),
            tail,
        )
    }

    #[test]
    fn short_series_keeps_every_point() {
        assert_eq!(run(1_999).0, (0..1_999).collect::<Vec<_>>());
    }

    #[test]
    fn long_series_keeps_evenly_spaced_points_within_the_limit() {
        for count in [2_000, 2_001, 10_000, 123_456] {
            let (kept, _) = run(count);
            let stride = kept[1] - kept[0];
            assert!(
                kept.len() <= SERIES_POINTS_MAX && kept.len() >= SERIES_POINTS_MAX / 2 - 1,
                "{count}: {}",
                kept.len()
            );
            let (newest, regular) = kept.split_last().unwrap();
            assert!(
                regular.iter().zip(0..).all(|(step, index)| *step == index * stride),
                "{count}: stride {stride}"
            );
            assert_eq!(*newest, count - 1, "the end is there");
        }
    }

    #[test]
    fn extremes_survive_thinning_and_repeated_measurements() {
        let mut tail = SeriesTail { stride: 1, ..SeriesTail::default() };
        let value = |step: u64| match step {
            777 => "-5".to_owned(),
            1_001 => "1e9".to_owned(),
            _ => step.to_string(),
        };
        for step in 0..10_001 {
            // The first measurement of each step is replaced.
            tail.add(step, "1e12".to_owned());
            tail.add(step, value(step));
        }
        tail.add(10_001, "NaN".to_owned());
        tail.add(10_002, "7".to_owned());
        let Extremes { lowest, highest } = tail.tail.extremes;
        assert_eq!(
            (lowest, highest),
            (Some((777, "-5".to_owned())), Some((1_001, "1e9".to_owned())))
        );
        let former: AnyTail = serde_json::from_str(r#"[[1,"4"],[2,"3"],[3,"9"]]"#).unwrap();
        let TailBody { points, extremes } = former.into();
        assert_eq!((points.len(), extremes.highest), (3, Some((1, "4".to_owned()))));
    }

    #[test]
    fn repeated_points_change_nothing() {
        for count in [1, 99, 100, 101, 2_000, 2_001, 10_000] {
            let (_, before) = run(count);
            let mut after = before.clone();
            for step in 0..count {
                assert_eq!(after.add(step, step.to_string()), None);
            }
            assert_eq!(after, before, "{count}");
            after.add(count - 1, "again".to_owned());
            assert_eq!(
                after.tail.points.last(),
                Some(&(count - 1, "again".to_owned())),
                "the newest may be measured again"
            );
        }
    }
}
