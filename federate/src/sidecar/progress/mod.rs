//! How a workload gets on: looked at once a second by a thread of its own, so that a status page which hangs cannot hold
//! up a stop.
//!
//! `metrics.jsonl` is followed whatever the framework is; an iflearner aggregator's status page is polled besides.

mod metrics;
mod status;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flow_domain::progress::{Point, Progress};
use nix::sys::eventfd::EventFd;

use self::metrics::MetricsFile;
pub use self::status::StatusPage;

/// Pause between two looks. The framework prints a line at each (hazard L16).
const PERIOD: Duration = Duration::from_secs(1);

/// Points kept for an agent that is away; older ones are dropped. The file at the party has them all.
const POINTS_KEPT: usize = 2000;

/// Looks at a file that a workload filled faster than it was read, after the workload's end.
const LAST_ROUNDS: u32 = 16;

/// Where a workload writes its metrics, given its output directory.
#[must_use]
pub fn metrics_file(outputs: &Path) -> PathBuf {
    outputs.join("metrics.jsonl")
}

/// What is known so far, and the points of the past.
#[derive(Debug, Default)]
pub struct Known {
    progress: Progress,
    points: VecDeque<Point>,
    /// Points there ever were: a cursor for subscribers.
    total: u64,
    /// Changes so far.
    version: u64,
}

impl Known {
    /// Changes so far; 0 = nothing to tell.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The progress, with all points that are kept.
    #[must_use]
    pub fn whole(&self) -> Option<Progress> {
        (self.version > 0).then(|| self.since(&mut 0, POINTS_KEPT))
    }

    /// Progress with at most `most` of the points after `cursor`, which is moved on.
    pub fn since(&self, cursor: &mut u64, most: usize) -> Progress {
        let first = self.total - self.points.len() as u64;
        let skip = usize::try_from(cursor.saturating_sub(first)).unwrap_or(usize::MAX);
        let points: Vec<Point> = self.points.iter().skip(skip).take(most).cloned().collect();
        *cursor = (*cursor).max(first) + points.len() as u64;
        Progress { points, ..self.progress.clone() }
    }

    /// Whether there are points after `cursor`.
    #[must_use]
    pub fn has_more(&self, cursor: u64) -> bool {
        cursor < self.total
    }

    fn take(&mut self, seen: Progress) {
        let Progress { epoch, epochs, parties, metrics, points, complete } = seen;
        let before = (self.progress.clone(), self.total);
        self.progress.epoch = epoch.or(self.progress.epoch);
        self.progress.epochs = epochs.or(self.progress.epochs);
        if !parties.is_empty() {
            self.progress.parties = parties;
        }
        self.progress.metrics.extend(metrics);
        // A fact once it was true: the page may vanish while the workload ends.
        self.progress.complete |= complete;
        self.total += points.len() as u64;
        self.points.extend(points);
        self.points.drain(..self.points.len().saturating_sub(POINTS_KEPT));
        if before != (self.progress.clone(), self.total) {
            self.version += 1;
        }
    }
}

/// The thread that looks.
#[derive(Debug)]
pub struct Watcher {
    known: Arc<Mutex<Known>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Begin to look. `changed` becomes readable at each change.
    pub fn start(
        metrics: PathBuf,
        page: Option<StatusPage>,
        changed: Arc<EventFd>,
    ) -> std::io::Result<Self> {
        let known = Arc::new(Mutex::new(Known::default()));
        let over = Arc::new(AtomicBool::new(false));
        let thread =
            thread::Builder::new().name("progress".to_owned()).stack_size(256 << 10).spawn({
                let (known, over) = (known.clone(), over.clone());
                move || {
                    let _wake = WakeAtEnd(&changed);
                    look(MetricsFile::new(metrics), page.as_ref(), &known, &over, &changed);
                }
            })?;
        Ok(Self { known, over, thread })
    }

    /// Look at what is known.
    pub fn with<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the thread has ended though nobody asked for that: it panicked.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// The workload has ended: read the rest of its metrics and answer the last progress.
    pub fn finish(self) -> Known {
        self.over.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic there has been written to the sidecar's log; what was known before it still is.
        let _ = self.thread.join();
        std::mem::take(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Wakes whoever waits for changes when the thread ends, by a panic too.
struct WakeAtEnd<'a>(&'a EventFd);

impl Drop for WakeAtEnd<'_> {
    fn drop(&mut self) {
        let _ = self.0.write(1);
    }
}

fn look(
    mut metrics: MetricsFile,
    page: Option<&StatusPage>,
    known: &Mutex<Known>,
    over: &AtomicBool,
    changed: &EventFd,
) {
    let mut last_rounds = LAST_ROUNDS;
    while last_rounds > 0 {
        let ended = over.load(Ordering::Acquire);
        let mut seen = Progress::default();
        metrics.read(&mut seen);
        if ended && !metrics.is_behind() {
            metrics.finish(&mut seen);
        }
        if let Some(page) = page.filter(|_| !ended)
            && let Some(shown) = page.look()
        {
            seen = Progress { metrics: seen.metrics, points: seen.points, ..shown };
        }
        let news = {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let before = known.version;
            known.take(seen);
            known.version != before
        };
        if news {
            // Full only if nobody has looked for 2^64 changes.
            let _ = changed.write(1);
        }
        match (ended, metrics.is_behind()) {
            (true, true) => last_rounds -= 1,
            (true, false) => last_rounds = 0,
            (false, true) => {}
            (false, false) => thread::park_timeout(PERIOD),
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
    fn every_subscriber_gets_each_kept_point_once_in_parts() {
        let mut known = Known::default();
        known.take(Progress { points: (0..2500).map(point).collect(), ..Progress::default() });
        let mut cursor = 0;
        let mut steps = Vec::new();
        while known.has_more(cursor) {
            steps.extend(known.since(&mut cursor, 300).points.into_iter().map(|point| point.step));
        }
        assert_eq!(steps, (500..2500).collect::<Vec<_>>());
        known.take(Progress { points: vec![point(2500)], ..Progress::default() });
        assert_eq!(known.since(&mut cursor, 300).points, [point(2500)]);
    }

    #[test]
    fn b13_the_watcher_takes_the_last_line_once_the_workload_has_ended() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = metrics_file(folder.path());
        let changed = Arc::new(EventFd::new().expect("an event"));
        let watcher = Watcher::start(path.clone(), None, changed).expect("a thread");
        std::fs::write(path, "{\"epoch\": 2}\n{\"epoch\": 3}").expect("written");
        assert_eq!(watcher.finish().whole().and_then(|progress| progress.epoch), Some(3));
    }

    #[test]
    fn completion_is_kept_and_a_look_without_news_is_no_change() {
        let mut known = Known::default();
        known.take(Progress::default());
        assert_eq!((known.version(), known.whole()), (0, None));
        known.take(Progress { complete: true, epoch: Some(3), ..Progress::default() });
        known.take(Progress::default());
        assert_eq!(known.version(), 1);
        assert!(
            known.whole().is_some_and(|progress| progress.complete && progress.epoch == Some(3))
        );
    }
}
