//! Observes a workload's progress once a second, in a thread of its own, so that a status page that
//! does not respond cannot delay a stop.
//!
//! The thread follows `metrics.jsonl` for every framework and also polls the status page of an
//! iflearner aggregator.

mod metrics;
mod status;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flow_domain::progress::{Point, Progress};
use nix::sys::eventfd::EventFd;
use parking_lot::Mutex;

use self::metrics::MetricsFile;
pub use self::status::StatusPage;

/// Delay between two polls. The framework prints a line for each (hazard L16).
const POLL_PERIOD: Duration = Duration::from_secs(1);

/// Limit of the points kept for a disconnected agent; the oldest are dropped. The file at the party
/// contains all.
const POINTS_MAX: usize = 2000;

/// Limit of the reads after the workload's end, if the workload wrote faster than the thread read.
const FINAL_READS_MAX: u32 = 16;

/// The metrics file in a workload's output directory.
#[must_use]
pub fn metrics_file(outputs: &Path) -> PathBuf {
    outputs.join("metrics.jsonl")
}

/// The latest progress and the past points.
#[derive(Debug, Default)]
pub struct ProgressHistory {
    progress: Progress,
    points: VecDeque<Point>,
    /// Number of all points, including dropped ones: the cursor of subscribers.
    total: u64,
    version: u64,
}

impl ProgressHistory {
    /// Number of changes; 0 = no progress yet.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The progress with all kept points.
    #[must_use]
    pub fn full(&self) -> Option<Progress> {
        (self.version > 0).then(|| self.since(&mut 0, POINTS_MAX))
    }

    /// The progress with at most `points_max` points after `cursor`, which moves on.
    pub fn since(&self, cursor: &mut u64, points_max: usize) -> Progress {
        let first = self.total - self.points.len() as u64;
        let skip = usize::try_from(cursor.saturating_sub(first)).unwrap_or(usize::MAX);
        let points: Vec<Point> = self.points.iter().skip(skip).take(points_max).cloned().collect();
        *cursor = (*cursor).max(first) + points.len() as u64;
        Progress { points, ..self.progress.clone() }
    }

    /// True if there are points after `cursor`.
    #[must_use]
    pub fn has_more(&self, cursor: u64) -> bool {
        cursor < self.total
    }

    fn merge(&mut self, new: Progress) {
        let Progress { epoch, epochs, parties, metrics, points, complete } = new;
        let before = (self.progress.clone(), self.total);
        self.progress.epoch = epoch.or(self.progress.epoch);
        self.progress.epochs = epochs.or(self.progress.epochs);
        if !parties.is_empty() {
            self.progress.parties = parties;
        }
        self.progress.metrics.extend(metrics);
        // Completion stays: the page may disappear while the workload ends.
        self.progress.complete |= complete;
        self.total += points.len() as u64;
        self.points.extend(points);
        self.points.drain(..self.points.len().saturating_sub(POINTS_MAX));
        if before != (self.progress.clone(), self.total) {
            self.version += 1;
        }
    }
}

/// The thread that observes progress.
#[derive(Debug)]
pub struct Watcher {
    history: Arc<Mutex<ProgressHistory>>,
    has_workload_ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Starts the thread. `changed` becomes readable at each change.
    pub fn start(
        metrics: PathBuf,
        page: Option<StatusPage>,
        changed: Arc<EventFd>,
    ) -> std::io::Result<Self> {
        let history = Arc::new(Mutex::new(ProgressHistory::default()));
        let has_workload_ended = Arc::new(AtomicBool::new(false));
        let thread =
            thread::Builder::new().name("progress".to_owned()).stack_size(256 << 10).spawn({
                let (history, ended) = (history.clone(), has_workload_ended.clone());
                move || {
                    let _wake = WakeAtEnd(&changed);
                    observe(MetricsFile::new(metrics), page.as_ref(), &history, &ended, &changed);
                }
            })?;
        Ok(Self { history, has_workload_ended, thread })
    }

    pub fn with<T>(&self, read: impl FnOnce(&ProgressHistory) -> T) -> T {
        read(&self.history.lock())
    }

    /// True if the thread has panicked.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Reads the rest of the metrics after the workload's end and returns the final progress.
    pub fn finish(self) -> ProgressHistory {
        self.has_workload_ended.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic of the thread is in the sidecar's log; the progress before it is kept.
        let _ = self.thread.join();
        std::mem::take(&mut self.history.lock())
    }
}

/// Makes the event readable when the thread ends, also by a panic.
struct WakeAtEnd<'a>(&'a EventFd);

impl Drop for WakeAtEnd<'_> {
    fn drop(&mut self) {
        let _ = self.0.write(1);
    }
}

fn observe(
    mut metrics: MetricsFile,
    page: Option<&StatusPage>,
    history: &Mutex<ProgressHistory>,
    has_workload_ended: &AtomicBool,
    changed: &EventFd,
) {
    let mut final_reads = FINAL_READS_MAX;
    while final_reads > 0 {
        let ended = has_workload_ended.load(Ordering::Acquire);
        let mut seen = Progress::default();
        metrics.read(&mut seen);
        if ended && !metrics.is_behind() {
            metrics.finish(&mut seen);
        }
        if let Some(page) = page.filter(|_| !ended)
            && let Some(status) = page.fetch()
        {
            seen = Progress { metrics: seen.metrics, points: seen.points, ..status };
        }
        let has_changed = {
            let mut history = history.lock();
            let before = history.version;
            history.merge(seen);
            history.version != before
        };
        if has_changed {
            // Fails only after 2^64 unread changes.
            let _ = changed.write(1);
        }
        match (ended, metrics.is_behind()) {
            (true, true) => final_reads -= 1,
            (true, false) => final_reads = 0,
            (false, true) => {}
            (false, false) => thread::park_timeout(POLL_PERIOD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(step: u64) -> Point {
        Point { series: "s".to_owned(), step, value: "1".to_owned() }
    }

    #[test]
    fn subscriber_gets_each_kept_point_once_in_parts() {
        let mut history = ProgressHistory::default();
        history.merge(Progress { points: (0..2500).map(point).collect(), ..Progress::default() });
        let mut cursor = 0;
        let mut steps = Vec::new();
        while history.has_more(cursor) {
            steps
                .extend(history.since(&mut cursor, 300).points.into_iter().map(|point| point.step));
        }
        assert_eq!(steps, (500..2500).collect::<Vec<_>>());
        history.merge(Progress { points: vec![point(2500)], ..Progress::default() });
        assert_eq!(history.since(&mut cursor, 300).points, [point(2500)]);
    }

    #[test]
    fn b13_incomplete_last_line_counts_after_the_workload_has_ended() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = metrics_file(folder.path());
        let changed = Arc::new(EventFd::new().expect("an event"));
        let watcher = Watcher::start(path.clone(), None, changed).expect("a thread");
        std::fs::write(path, "{\"epoch\": 2}\n{\"epoch\": 3}").expect("written");
        assert_eq!(watcher.finish().full().and_then(|progress| progress.epoch), Some(3));
    }

    #[test]
    fn completion_is_kept_and_a_poll_without_new_values_is_no_change() {
        let mut history = ProgressHistory::default();
        history.merge(Progress::default());
        assert_eq!((history.version(), history.full()), (0, None));
        history.merge(Progress { complete: true, epoch: Some(3), ..Progress::default() });
        history.merge(Progress::default());
        assert_eq!(history.version(), 1);
        assert!(
            history.full().is_some_and(|progress| progress.complete && progress.epoch == Some(3))
        );
    }
}
