//! Follows `metrics.jsonl` in the output directory: one JSON object per line, written by the
//! workload (spec iflearner-framework §8). The position of a line in its series is its `step`, else
//! its `epoch`, else the number of the line, from 1.
//!
//! NaN and Infinity, which Python writes and JSON does not have, are values like any number. A last
//! line without a line break counts after the workload has ended.
//!
//! The writer is not trusted: lines may be incomplete, endless or no JSON, the file may be
//! replaced, a pipe or a link. Memory is bounded, and a line that cannot be parsed is skipped.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use flow_domain::progress::{Point, Progress};
use serde_json::{Map, Value};

/// Limit of a line in bytes; a longer one is skipped.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Limit of one read in bytes.
const READ_BYTES_MAX: usize = 1 << 20;

/// Limit of the number of series.
const SERIES_MAX: usize = 256;

/// Limit of a series' name in bytes.
const SERIES_NAME_BYTES_MAX: usize = 128;

/// The file and the read position.
#[derive(Debug)]
pub struct MetricsFile {
    path: PathBuf,
    open: Option<(File, u64)>,
    line: Vec<u8>,
    /// The current line is too long: skip to its end.
    skipping: bool,
    series: std::collections::BTreeSet<String>,
    /// Number of parsed lines: the step of a line without one.
    lines: u64,
    behind: bool,
}

impl MetricsFile {
    /// The file at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            line: Vec::new(),
            skipping: false,
            series: std::collections::BTreeSet::new(),
            lines: 0,
            behind: false,
        }
    }

    /// True if the last read stopped at its limit.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Adds what was appended since the last read.
    pub fn read(&mut self, seen: &mut Progress) {
        self.behind = false;
        let Some((mut file, mut offset)) = self.reopen() else { return };
        let mut part = vec![0; 16 << 10];
        let mut total = 0;
        loop {
            if total >= READ_BYTES_MAX {
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

    /// The file at its path now and the offset; the offset is 0 if the file was replaced or
    /// truncated.
    fn reopen(&mut self) -> Option<(File, u64)> {
        let now = self.path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
        if let Some((file, offset)) = self.open.take() {
            let same =
                file.metadata().is_ok_and(|old| (old.dev(), old.ino()) == (now.dev(), now.ino()));
            if same && now.len() >= offset {
                return Some((file, offset));
            }
        }
        self.line.clear();
        self.skipping = false;
        // The file may have become a link or a pipe since the check.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path).ok()?;
        file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        file.seek(SeekFrom::Start(0)).ok()?;
        Some((file, 0))
    }

    fn feed(&mut self, bytes: &[u8], seen: &mut Progress) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if !self.skipping && self.line.len() + piece.len() > LINE_BYTES_MAX {
                self.skipping = true;
                self.line = Vec::new();
            }
            if !self.skipping {
                self.line.extend_from_slice(piece);
            }
            if ends {
                self.end_line(seen);
            }
        }
    }

    /// Parses the last line, which has no line break: the workload has ended and will not complete
    /// it.
    pub fn finish(&mut self, seen: &mut Progress) {
        self.end_line(seen);
    }

    fn end_line(&mut self, seen: &mut Progress) {
        if let Some(object) = parse(&self.line) {
            self.take(&object, seen);
        }
        self.line.clear();
        self.skipping = false;
    }

    fn take(&mut self, object: &Map<String, Value>, seen: &mut Progress) {
        let number = |key: &str| object.get(key).and_then(whole);
        let small = |key: &str| number(key).and_then(|value| u32::try_from(value).ok());
        seen.epoch = small("epoch").or(seen.epoch);
        seen.epochs = small("epochs").or(seen.epochs);
        self.lines += 1;
        let step = number("step").or_else(|| number("epoch")).unwrap_or(self.lines);
        let event = object.get("event").and_then(Value::as_str);
        let nested = object.get("metrics").and_then(Value::as_object).into_iter().flatten();
        for (key, value) in object.iter().chain(nested) {
            let value = match value {
                Value::Number(value) => value.to_string(),
                Value::String(text) => match text.strip_prefix(NOT_FINITE) {
                    Some(text) => text.to_owned(),
                    None => continue,
                },
                _ => continue,
            };
            if matches!(key.as_str(), "epoch" | "epochs" | "step" | "time") {
                continue;
            }
            let series = event.map_or_else(|| key.clone(), |event| format!("{event}/{key}"));
            if series.len() > SERIES_NAME_BYTES_MAX
                || (self.series.len() >= SERIES_MAX && !self.series.contains(&series))
            {
                continue;
            }
            self.series.insert(series.clone());
            seen.metrics.insert(series.clone(), value.clone());
            seen.points.push(Point { series, step, value });
        }
    }
}

/// Prefix of the string that replaces a token of [`TOKENS`] while a line is parsed.
const NOT_FINITE: &str = "\0";

/// Output of Python's json module for numbers that JSON does not have, longest first.
const TOKENS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

fn parse(line: &[u8]) -> Option<Map<String, Value>> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    match serde_json::from_slice(line)
        .or_else(|_| serde_json::from_slice(&with_tokens_as_text(line)))
    {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Returns the line with each of [`TOKENS`] outside of strings replaced by a JSON string.
fn with_tokens_as_text(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() + 64);
    let (mut at, mut in_text) = (0, false);
    while let Some(byte) = line.get(at) {
        let token =
            TOKENS.iter().find(|token| !in_text && line[at..].starts_with(token.as_bytes()));
        if let Some(token) = token {
            out.extend_from_slice(b"\"\\u0000");
            out.extend_from_slice(token.as_bytes());
            out.push(b'"');
            at += token.len();
            continue;
        }
        let escape = usize::from(in_text && *byte == b'\\');
        in_text ^= *byte == b'"';
        out.extend_from_slice(&line[at..(at + 1 + escape).min(line.len())]);
        at += 1 + escape;
    }
    out
}

/// A whole number, also if written as `2.0`.
fn whole(value: &Value) -> Option<u64> {
    /// A float represents every whole number up to this one exactly (2^53).
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let float =
        || value.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=EXACT_MAX).contains(float));
    value.as_u64().or_else(|| float().map(|float| float as u64))
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
            let mut out =
                OpenOptions::new().append(true).create(true).open(&self.path).expect("open");
            out.write_all(text.as_bytes()).expect("written");
            self.read()
        }

        fn read(&mut self) -> Progress {
            let mut seen = Progress::default();
            self.file.read(&mut seen);
            seen
        }
    }

    #[test]
    fn lines_of_the_contract_become_series() {
        let mut it = Fixture::new();
        assert_eq!(it.read(), Progress::default(), "the file does not exist yet");
        let seen = it.append(
            "{\"event\": \"local\", \"party\": \"a\", \"epoch\": 2, \"epochs\": 5, \"loss\": 0.25, \"acc\": 0.5011, \"time\": 1.5}\n\
             {\"epoch\": 3, \"metrics\": {\"f1\": 1}}\n",
        );
        assert_eq!((seen.epoch, seen.epochs), (Some(3), Some(5)));
        let metrics: Vec<_> =
            seen.metrics.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(metrics, [("f1", "1"), ("local/acc", "0.5011"), ("local/loss", "0.25")]);
        let steps: Vec<u64> = seen.points.iter().map(|point| point.step).collect();
        assert_eq!(steps, [2, 2, 3]);
        assert_eq!(it.read(), Progress::default(), "no value is returned twice");
    }

    #[test]
    fn lines_without_a_step_are_numbered_also_in_a_replaced_file() {
        let mut it = Fixture::new();
        let steps = |seen: Progress| seen.points.iter().map(|point| point.step).collect::<Vec<_>>();
        assert_eq!(steps(it.append("{\"loss\": 3}\nrubbish\n{\"loss\": 2}\n")), [1, 2]);
        assert_eq!(steps(it.append("{\"loss\": 1}\n{\"loss\": 0, \"step\": 70}\n")), [3, 70]);
        fs::remove_file(&it.path).expect("removed");
        assert_eq!(steps(it.append("{\"loss\": 5}\n")), [5], "no step occurs twice");
    }

    #[test]
    fn line_counts_when_it_is_complete_and_an_invalid_one_is_skipped() {
        let mut it = Fixture::new();
        assert_eq!(it.append("rubbish\n[1]\n\u{0}\n{\"acc\": ").metrics.len(), 0);
        assert_eq!(it.append("0.5}\n").metrics["acc"], "0.5");
    }

    #[test]
    fn b4_line_with_nan_keeps_its_epoch_and_all_values() {
        let mut it = Fixture::new();
        let seen =
            it.append("{\"epoch\": 3, \"loss\": NaN, \"acc\": 0.3, \"up\": Infinity, \"down\":-Infinity, \"note\": \"is \\\"NaN\"}\n");
        assert_eq!(seen.epoch, Some(3));
        let metrics: Vec<_> =
            seen.metrics.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            metrics,
            [("acc", "0.3"), ("down", "-Infinity"), ("loss", "NaN"), ("up", "Infinity")]
        );
        assert!(
            seen.metrics.values().all(|value| value.parse::<f64>().is_ok()),
            "the hub can parse every value"
        );
        assert_eq!(it.append("{\"epoch\": NaN, \"acc\": 1}\n{\"acc\": Na}\n").points.len(), 1);
    }

    #[test]
    fn b13_last_line_without_a_line_break_counts_at_the_end_and_whole_numbers_are_integers() {
        let mut it = Fixture::new();
        assert_eq!(
            it.append("{\"epoch\": 2.0, \"acc\": 1}\n{\"epoch\": 3, \"epochs\": 3.0}").epoch,
            Some(2)
        );
        let mut seen = Progress::default();
        it.file.finish(&mut seen);
        assert_eq!((seen.epoch, seen.epochs), (Some(3), Some(3)));
        let mut again = Progress::default();
        it.file.finish(&mut again);
        assert_eq!(again, Progress::default());
        assert_eq!(
            it.append("\n{\"epoch\": 4.5, \"acc\": 1}\n{\"epoch\": 1e3}\r\n").epoch,
            Some(1000)
        );
    }

    #[test]
    fn too_long_line_is_skipped_and_the_next_one_counts() {
        let mut it = Fixture::new();
        let long = "x".repeat(LINE_BYTES_MAX);
        assert_eq!(it.append(&format!("{{\"a\": 1, \"b\": \"{long}")).metrics.len(), 0);
        assert!(it.file.line.capacity() <= LINE_BYTES_MAX);
        let seen = it.append(&format!("{long}\"}}\n{{\"acc\": 1}}\n"));
        assert_eq!(seen.metrics.keys().collect::<Vec<_>>(), ["acc"]);
    }

    #[test]
    fn large_file_is_read_in_parts_and_its_series_are_bounded() {
        let mut it = Fixture::new();
        let flood: String =
            (0..60_000).map(|n| format!("{{\"metric-number-{n}\": {n}}}\n")).collect();
        let mut seen = it.append(&flood);
        assert!(it.file.is_behind());
        while it.file.is_behind() {
            seen.metrics.extend(it.read().metrics);
        }
        assert_eq!(seen.metrics.len(), SERIES_MAX);
    }

    #[test]
    fn replaced_file_is_read_from_its_start_and_a_pipe_or_link_is_ignored() {
        let mut it = Fixture::new();
        it.append("{\"a\": 1}\n");
        fs::remove_file(&it.path).expect("removed");
        assert_eq!(it.append("{\"b\": 1}\n").metrics.keys().collect::<Vec<_>>(), ["b"]);
        fs::remove_file(&it.path).expect("removed");
        nix::unistd::mkfifo(&it.path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert_eq!(it.read(), Progress::default());
        fs::remove_file(&it.path).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", &it.path).expect("a link");
        assert_eq!(it.read(), Progress::default());
    }
}
