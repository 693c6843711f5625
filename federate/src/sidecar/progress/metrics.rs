//! `metrics.jsonl` in the output directory: one JSON object a line, written by the workload (spec iflearner-framework §8).
//! A line says by `step`, or else by `epoch`, where on its series it lies; one that does not is numbered, from 1 on.
//!
//! The writer is not trusted: lines may be cut, endless or no JSON, the file may be replaced, a pipe or a link. Memory is
//! bounded; what cannot be understood is skipped.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use flow_domain::progress::{Point, Progress};
use serde_json::{Map, Value};

/// Longest line looked at.
const LINE_LIMIT: usize = 64 << 10;

/// Most bytes read in one look.
const READ_LIMIT: usize = 1 << 20;

/// Most different series, and the longest name of one.
const SERIES_LIMIT: usize = 256;
const NAME_LIMIT: usize = 128;

/// The file, and how far it was read.
#[derive(Debug)]
pub struct MetricsFile {
    path: PathBuf,
    open: Option<(File, u64)>,
    line: Vec<u8>,
    /// The line being read is too long: skip to its end.
    skipping: bool,
    series: std::collections::BTreeSet<String>,
    /// Lines understood so far: the step of one that names none.
    lines: u64,
    behind: bool,
}

impl MetricsFile {
    /// The file at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, open: None, line: Vec::new(), skipping: false, series: std::collections::BTreeSet::new(), lines: 0, behind: false }
    }

    /// The last look stopped at its limit.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Add what was appended since the last look.
    pub fn read(&mut self, seen: &mut Progress) {
        self.behind = false;
        let Some((mut file, mut offset)) = self.reopen() else { return };
        let mut part = vec![0; 16 << 10];
        let mut total = 0;
        loop {
            if total >= READ_LIMIT {
                self.behind = true;
                break;
            }
            match file.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    total += count;
                    offset += count as u64;
                    self.feed(&part[..count], seen);
                }
            }
        }
        self.open = Some((file, offset));
    }

    /// The file at its place now, at the offset reached; from the beginning if it was replaced or cut.
    fn reopen(&mut self) -> Option<(File, u64)> {
        let now = self.path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
        if let Some((file, offset)) = self.open.take() {
            let same = file.metadata().is_ok_and(|old| (old.dev(), old.ino()) == (now.dev(), now.ino()));
            if same && now.len() >= offset {
                return Some((file, offset));
            }
        }
        self.line.clear();
        self.skipping = false;
        // The file may have become a link or a pipe since it was looked at.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path).ok()?;
        file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        file.seek(SeekFrom::Start(0)).ok()?;
        Some((file, 0))
    }

    fn feed(&mut self, bytes: &[u8], seen: &mut Progress) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if !self.skipping && self.line.len() + piece.len() > LINE_LIMIT {
                self.skipping = true;
                self.line = Vec::new();
            }
            if !self.skipping {
                self.line.extend_from_slice(piece);
            }
            if ends {
                if let Ok(Value::Object(object)) = serde_json::from_slice(&self.line) {
                    self.take(&object, seen);
                }
                self.line.clear();
                self.skipping = false;
            }
        }
    }

    fn take(&mut self, object: &Map<String, Value>, seen: &mut Progress) {
        let number = |key: &str| object.get(key).and_then(Value::as_u64);
        let small = |key: &str| number(key).and_then(|value| u32::try_from(value).ok());
        seen.epoch = small("epoch").or(seen.epoch);
        seen.epochs = small("epochs").or(seen.epochs);
        self.lines += 1;
        let step = number("step").or_else(|| number("epoch")).unwrap_or(self.lines);
        let event = object.get("event").and_then(Value::as_str);
        let nested = object.get("metrics").and_then(Value::as_object).into_iter().flatten();
        for (key, value) in object.iter().chain(nested) {
            let Value::Number(value) = value else { continue };
            if matches!(key.as_str(), "epoch" | "epochs" | "step" | "time") {
                continue;
            }
            let series = event.map_or_else(|| key.clone(), |event| format!("{event}/{key}"));
            if series.len() > NAME_LIMIT || (self.series.len() >= SERIES_LIMIT && !self.series.contains(&series)) {
                continue;
            }
            self.series.insert(series.clone());
            seen.metrics.insert(series.clone(), value.to_string());
            seen.points.push(Point { series, step, value: value.to_string() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
        file: MetricsFile,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a directory");
            let path = folder.path().join("metrics.jsonl");
            Self { file: MetricsFile::new(path.clone()), path, _folder: folder }
        }

        fn append(&mut self, text: &str) -> Progress {
            let mut out = OpenOptions::new().append(true).create(true).open(&self.path).expect("open");
            out.write_all(text.as_bytes()).expect("written");
            self.look()
        }

        fn look(&mut self) -> Progress {
            let mut seen = Progress::default();
            self.file.read(&mut seen);
            seen
        }
    }

    #[test]
    fn the_lines_of_the_contract_become_series() {
        let mut it = Fixture::new();
        assert_eq!(it.look(), Progress::default(), "not there yet");
        let seen = it.append(
            "{\"event\": \"local\", \"party\": \"a\", \"epoch\": 2, \"epochs\": 5, \"loss\": 0.25, \"acc\": 0.5011, \"time\": 1.5}\n\
             {\"epoch\": 3, \"metrics\": {\"f1\": 1}}\n",
        );
        assert_eq!((seen.epoch, seen.epochs), (Some(3), Some(5)));
        let metrics: Vec<_> = seen.metrics.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(metrics, [("f1", "1"), ("local/acc", "0.5011"), ("local/loss", "0.25")]);
        let steps: Vec<u64> = seen.points.iter().map(|point| point.step).collect();
        assert_eq!(steps, [2, 2, 3]);
        assert_eq!(it.look(), Progress::default(), "nothing is told twice");
    }

    #[test]
    fn lines_that_name_no_step_are_numbered_also_in_a_file_that_was_replaced() {
        let mut it = Fixture::new();
        let steps = |seen: Progress| seen.points.iter().map(|point| point.step).collect::<Vec<_>>();
        assert_eq!(steps(it.append("{\"loss\": 3}\nrubbish\n{\"loss\": 2}\n")), [1, 2]);
        assert_eq!(steps(it.append("{\"loss\": 1}\n{\"loss\": 0, \"step\": 70}\n")), [3, 70]);
        fs::remove_file(&it.path).expect("removed");
        assert_eq!(steps(it.append("{\"loss\": 5}\n")), [5], "never a step that was told before");
    }

    #[test]
    fn a_line_counts_when_it_is_whole_and_rubbish_is_skipped() {
        let mut it = Fixture::new();
        assert_eq!(it.append("rubbish\n[1]\n\u{0}\n{\"acc\": ").metrics.len(), 0);
        assert_eq!(it.append("0.5}\n").metrics["acc"], "0.5");
    }

    #[test]
    fn an_endless_line_is_skipped_and_the_next_one_counts() {
        let mut it = Fixture::new();
        let long = "x".repeat(LINE_LIMIT);
        assert_eq!(it.append(&format!("{{\"a\": 1, \"b\": \"{long}")).metrics.len(), 0);
        assert!(it.file.line.capacity() <= LINE_LIMIT);
        let seen = it.append(&format!("{long}\"}}\n{{\"acc\": 1}}\n"));
        assert_eq!(seen.metrics.keys().collect::<Vec<_>>(), ["acc"]);
    }

    #[test]
    fn a_flood_is_read_in_parts_and_its_names_are_bounded() {
        let mut it = Fixture::new();
        let flood: String = (0..60_000).map(|n| format!("{{\"metric-number-{n}\": {n}}}\n")).collect();
        let mut seen = it.append(&flood);
        assert!(it.file.is_behind());
        while it.file.is_behind() {
            seen.metrics.extend(it.look().metrics);
        }
        assert_eq!(seen.metrics.len(), SERIES_LIMIT);
    }

    #[test]
    fn a_replaced_file_is_read_from_its_beginning_and_a_pipe_or_link_not_at_all() {
        let mut it = Fixture::new();
        it.append("{\"a\": 1}\n");
        fs::remove_file(&it.path).expect("removed");
        assert_eq!(it.append("{\"b\": 1}\n").metrics.keys().collect::<Vec<_>>(), ["b"]);
        fs::remove_file(&it.path).expect("removed");
        nix::unistd::mkfifo(&it.path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert_eq!(it.look(), Progress::default());
        fs::remove_file(&it.path).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", &it.path).expect("a link");
        assert_eq!(it.look(), Progress::default());
    }
}
