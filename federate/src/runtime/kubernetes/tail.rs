//! Follows the output of one container from its first to its last line, across interruptions.
//!
//! The API server has no offsets. It can prefix each line with its time and start at a time. Times
//! may decrease from line to line, because the two outputs of a container get their times
//! separately and are written in any order. The position of a disconnected reader is the newest
//! line that it read and the number of lines that it read after that one; every later line in the
//! log is new, whatever its time.
//!
//! A connection between API server and kubelet that fails looks like the end of the log. The log
//! has ended only when a read after the container's end returns the last line again and nothing
//! after it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::AsyncBufReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp as Moment;
use kube::Api;
use kube::api::LogParams;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::runtime::backoff::Backoff;

const CHUNK_BYTES_MAX: usize = 64 << 10;
/// Limit of the time at the start of a line in bytes, with a margin.
const TIMESTAMP_BYTES_MAX: usize = 64;
/// Limit of the delay with which a line is written after a later one, in seconds.
const LINE_DELAY_MAX_S: i64 = 5;
/// Bounds of the delay before an interrupted log is requested again.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);
/// Limit of the reads after a container's end. Its node, and the log with it, may be gone.
const FINAL_READS_MAX: u32 = 4;

/// Note in the log where a resumed reader found neither its last line nor an earlier one.
pub const GAP_NOTE: &[u8] =
    b"\n[output may be missing here: the node had rotated away the lines before this one]\n";

/// The output to follow.
#[derive(Debug, Clone)]
pub struct Source {
    pub pods: Api<Pod>,
    /// Name of the Pod.
    pub pod: String,
    pub container: String,
    /// Notified when output arrives.
    pub activity: Arc<Notify>,
}

/// A position in a log between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Time of the newest line before it.
    pub time: Moment,
    /// Number of lines between that one and this position.
    pub after: u64,
}

impl LogPosition {
    /// The start time of a request that finds this position. The client rounds to whole seconds,
    /// upward.
    fn since(self) -> Moment {
        Moment::from_second(self.time.as_second() - LINE_DELAY_MAX_S).unwrap_or(Moment::UNIX_EPOCH)
    }

    /// The position after a line with this time.
    fn next(this: Option<Self>, time: Moment) -> Self {
        match this {
            // An older line is not part of the response to the request for this position.
            Some(place) if time <= place.time => {
                Self { after: place.after + u64::from(time >= place.since()), ..place }
            }
            Some(_) | None => Self { time, after: 0 },
        }
    }
}

/// The destination of the output.
pub trait Sink: Send {
    /// Takes output without times. `at` is the position after the last complete line.
    fn take(&mut self, bytes: Vec<u8>, at: Option<LogPosition>) -> impl Future<Output = ()> + Send;
}

/// Reads until a read after `ended` returns nothing new, or the Pod is gone. Waits for an API
/// server that does not respond. Returns `true` if, as far as it can be known, nothing is missing.
pub async fn follow(
    source: &Source,
    from: Option<LogPosition>,
    sink: &mut impl Sink,
    ended: impl Fn() -> bool,
) -> bool {
    let mut is_complete = false;
    let mut filter = TimestampFilter::new(from);
    let mut backoff = Backoff::new(RETRY_DELAY_MIN, RETRY_DELAY_MAX);
    let mut final_reads = FINAL_READS_MAX;
    loop {
        // Check before the read, which then returns all output.
        let has_ended = ended();
        let before = filter.passed;
        let read = read(source, &mut filter, sink).await;
        let has_news = filter.passed != before;
        match read {
            Ok(()) if has_ended && !has_news && (filter.is_at_end() || final_reads <= 1) => {
                return filter.is_at_end();
            }
            Ok(()) => {
                is_complete = true;
                final_reads -= u32::from(has_ended && !has_news);
            }
            // The Pod is deleted after its containers: a log that ended before was complete.
            Err(kube::Error::Api(status)) if status.code == 404 => return is_complete,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!("the log of Pod {} cannot be read: {}", source.pod, status.message);
                return false;
            }
            Err(error @ kube::Error::Api(_)) if has_ended && final_reads <= 1 => {
                tracing::warn!(error = %error, pod = source.pod, "the end of a Pod's log cannot be read");
                return false;
            }
            Err(error) => {
                tracing::debug!(error = %error, pod = source.pod, "the read of a Pod's log was interrupted; retrying");
                is_complete = false;
                if matches!(error, kube::Error::Api(_)) {
                    final_reads -= u32::from(has_ended);
                } else {
                    // The failure is not of the log: the reader continues when the API server
                    // responds again.
                    source.activity.notify_one();
                }
            }
        }
        filter.disconnect();
        if has_news {
            backoff.reset();
        }
        backoff.sleep().await;
    }
}

async fn read(
    source: &Source,
    filter: &mut TimestampFilter,
    sink: &mut impl Sink,
) -> kube::Result<()> {
    let params = LogParams {
        container: Some(source.container.clone()),
        follow: true,
        timestamps: true,
        since_time: filter.at.map(LogPosition::since),
        ..LogParams::default()
    };
    let mut stream = std::pin::pin!(source.pods.log_stream(&source.pod, &params).await?);
    loop {
        let bytes = match stream.fill_buf().await {
            Ok([]) => return Ok(()),
            Ok(bytes) => &bytes[..bytes.len().min(CHUNK_BYTES_MAX)],
            Err(error) => return Err(kube::Error::ReadEvents(io::Error::other(error))),
        };
        let (count, clean) = (bytes.len(), filter.filter(bytes));
        stream.consume_unpin(count);
        if !clean.is_empty() {
            sink.take(clean, filter.at).await;
        }
        source.activity.notify_one();
    }
}

/// Removes the times from the lines and drops the lines that were read before.
#[derive(Debug)]
struct TimestampFilter {
    /// Position after the last complete line.
    at: Option<LogPosition>,
    /// The part of this stream that was read before.
    overlap: Overlap,
    /// The start of a line whose time is incomplete.
    head: Vec<u8>,
    state: Line,
    /// Time of the interrupted line and the number of its bytes that were passed on.
    partial: Option<(Moment, usize)>,
    /// True while a resumed reader has not found its position. The kubelet shows only the newest
    /// file of a log.
    has_lost_position: bool,
    /// Number of bytes passed on of lines with a time.
    passed: u64,
    /// The kubelet sent a message instead of a log in this stream.
    has_kubelet_message: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Reading the time.
    Head,
    /// Passing the line on.
    Passing {
        time: Option<Moment>,
        /// Number of bytes of the line in this stream.
        passed: usize,
        /// Number of the next bytes that were passed on before the interruption.
        again: usize,
    },
    /// Dropping a line that was read before.
    Dropping,
}

/// The part of a stream from its start to the first new line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlap {
    /// It reaches to this position.
    To(LogPosition),
    /// It has `count` more lines, none newer than `newest`.
    Past { count: u64, newest: Moment },
    /// Every following line is new.
    Done,
}

impl Overlap {
    fn to(place: Option<LogPosition>) -> Self {
        place.map_or(Self::Done, Self::To)
    }

    /// Consumes a line with this time. Returns `true` if it was read before.
    fn consume(&mut self, time: Moment) -> bool {
        let (seen, next) = match *self {
            Self::To(place) if time == place.time => (true, Self::past(place.after, time)),
            Self::To(place) => {
                (time < place.time, if time < place.time { *self } else { Self::Done })
            }
            Self::Past { count, newest } if time <= newest => (true, Self::past(count - 1, newest)),
            Self::Past { .. } | Self::Done => (false, Self::Done),
        };
        *self = next;
        seen
    }

    fn past(count: u64, newest: Moment) -> Self {
        if count == 0 { Self::Done } else { Self::Past { count, newest } }
    }
}

impl TimestampFilter {
    fn new(at: Option<LogPosition>) -> Self {
        let (overlap, has_lost_position) = (Overlap::to(at), at.is_some());
        Self {
            at,
            overlap,
            head: Vec::new(),
            state: Line::Head,
            partial: None,
            has_lost_position,
            passed: 0,
            has_kubelet_message: false,
        }
    }

    /// True if the stream has reached the end of the previous one.
    fn is_at_end(&self) -> bool {
        match self.state {
            Line::Head => {
                self.head.is_empty()
                    && self.partial.is_none()
                    && self.overlap == Overlap::Done
                    && !self.has_kubelet_message
            }
            Line::Passing { again, .. } => again == 0 && !self.has_kubelet_message,
            Line::Dropping => false,
        }
    }

    /// Ends the stream: an incomplete line comes again with its time in the next one.
    fn disconnect(&mut self) {
        self.head.clear();
        if let Line::Passing { time: Some(time), passed, again } = self.state {
            self.partial = Some((time, passed + again));
        }
        self.state = Line::Head;
        (self.overlap, self.has_kubelet_message, self.has_lost_position) =
            (Overlap::to(self.at), false, self.at.is_some() || self.partial.is_some());
    }

    fn filter(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.part(part, &mut out);
        }
        out
    }

    /// Filters a part of one line.
    fn part(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let mut rest = part;
        if self.state == Line::Head {
            let space = rest.iter().position(|byte| *byte == b' ');
            let taken = space.map_or(rest.len(), |space| space + 1);
            self.head.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            // A message of the kubelet has no time.
            if space.is_none()
                && self.head.len() < TIMESTAMP_BYTES_MAX
                && !self.head.ends_with(b"\n")
            {
                return;
            }
            let head = std::mem::take(&mut self.head);
            let time = std::str::from_utf8(&head)
                .ok()
                .and_then(|text| text.trim_end().parse::<Moment>().ok());
            self.state = match time {
                Some(time) if self.overlap.consume(time) => {
                    self.has_lost_position = false;
                    Line::Dropping
                }
                time => {
                    let again = match self.partial.take() {
                        Some((of, passed)) if Some(of) == time => {
                            self.has_lost_position = false;
                            passed
                        }
                        // The rest of the interrupted line is gone, and this is another line.
                        Some(_) if !self.has_lost_position => {
                            out.push(b'\n');
                            0
                        }
                        Some(_) | None => 0,
                    };
                    if time.is_some() && std::mem::take(&mut self.has_lost_position) {
                        out.extend_from_slice(GAP_NOTE);
                    }
                    Line::Passing { time, passed: 0, again }
                }
            };
            if time.is_none() {
                self.has_kubelet_message = true;
                out.extend_from_slice(&head);
                if head.ends_with(b"\n") {
                    self.state = Line::Head;
                    return;
                }
            }
        }
        if let Line::Passing { time, passed, again } = &mut self.state {
            let known = rest.len().min(*again);
            *again -= known;
            *passed += rest.len();
            out.extend_from_slice(&rest[known..]);
            self.passed += if time.is_some() { (rest.len() - known) as u64 } else { 0 };
        }
        if rest.ends_with(b"\n") {
            if let Line::Passing { time: Some(time), .. } = self.state {
                self.at = Some(LogPosition::next(self.at, time));
            }
            self.state = Line::Head;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-02T03:04:05.000000001Z one\n2026-01-02T03:04:05.000000002Z \n2026-01-02T03:04:06Z three with 2026-01-02T03:04:09Z in it\n";

    /// The position after a line with this time.
    fn at(text: &str) -> Option<LogPosition> {
        text.parse().ok().map(|time| LogPosition { time, after: 0 })
    }

    #[test]
    fn times_are_removed_whatever_the_chunks_of_the_stream() {
        for size in 1..LOG.len() {
            let mut filter = TimestampFilter::new(None);
            let out: Vec<u8> =
                LOG.as_bytes().chunks(size).flat_map(|piece| filter.filter(piece)).collect();
            assert_eq!(
                String::from_utf8(out).expect("text"),
                "one\n\nthree with 2026-01-02T03:04:09Z in it\n",
                "pieces of {size}"
            );
            assert_eq!(filter.at, at("2026-01-02T03:04:06Z"));
        }
    }

    #[test]
    fn disconnected_reader_resumes_at_any_position() {
        let whole = "one\n\nthree with 2026-01-02T03:04:09Z in it\n";
        for first in 0..LOG.len() {
            for second in 0..LOG.len() {
                let mut filter = TimestampFilter::new(None);
                let mut out = Vec::new();
                for end in [first, second, LOG.len(), LOG.len()] {
                    out.extend(filter.filter(&LOG.as_bytes()[..end]));
                    filter.disconnect();
                }
                assert_eq!(
                    String::from_utf8(out).expect("text"),
                    whole,
                    "interrupted at {first} and {second}"
                );
            }
        }
    }

    #[test]
    fn stream_is_at_its_end_only_where_the_previous_one_ended() {
        for log in [LOG, LOG.trim_end(), ""] {
            for end in 0..=log.len() {
                let mut filter = TimestampFilter::new(None);
                filter.filter(log.as_bytes());
                filter.disconnect();
                let before = filter.passed;
                filter.filter(&log.as_bytes()[..end]);
                assert_eq!(
                    (filter.is_at_end(), filter.passed),
                    (end == log.len(), before),
                    "of {} bytes {end}",
                    log.len()
                );
            }
        }
        let mut filter = TimestampFilter::new(None);
        filter.filter(b"unable to retrieve container logs\n");
        assert!(!filter.is_at_end() && filter.passed == 0);
    }

    #[test]
    fn incomplete_line_is_not_joined_with_the_next() {
        let mut filter = TimestampFilter::new(None);
        let partial = filter.filter(b"2026-01-02T03:04:05Z {\"a\":");
        filter.disconnect();
        let next = filter.filter(b"2026-01-02T03:04:06Z {}\n");
        let gap = String::from_utf8_lossy(GAP_NOTE);
        assert_eq!(
            String::from_utf8([partial, next].concat()).expect("text"),
            format!("{{\"a\":{gap}{{}}\n")
        );
    }

    #[test]
    fn resumed_reader_that_finds_no_known_line_notes_that_output_may_be_missing() {
        let (first, rest) = LOG.split_at(LOG.find(" \n").expect("the second line") + 2);
        let mut filter = TimestampFilter::new(None);
        let before = filter.filter(first.as_bytes());
        let of_later_agent = TimestampFilter::new(filter.at).filter(rest.as_bytes());
        filter.disconnect();
        let after = filter.filter(rest.as_bytes());
        assert_eq!(of_later_agent, after);
        let gap = String::from_utf8_lossy(GAP_NOTE);
        let text = String::from_utf8([before, after].concat()).expect("text");
        assert_eq!(text, format!("one\n\n{gap}three with 2026-01-02T03:04:09Z in it\n"));
    }

    #[test]
    fn log_is_requested_from_a_whole_second_before_the_newest_line() {
        let since = |text: &str| at(text).expect("a time").since().to_string();
        assert_eq!(since("2026-01-02T03:04:05.999999999Z"), "2026-01-02T03:04:00Z");
        assert_eq!(since("2026-01-02T03:04:06Z"), "2026-01-02T03:04:01Z");
    }

    #[test]
    fn late_lines_are_read_once_wherever_the_stream_is_interrupted() {
        let lines = [
            ("05.9", "one"),
            ("06.2", "two"),
            ("06.1", "three"),
            ("06.2", "four"),
            ("05.95", "five"),
            ("00.5", "six"),
            ("12.3", "seven"),
            ("12.1", "eight"),
        ];
        let log: Vec<String> =
            lines.iter().map(|(time, text)| format!("2026-01-02T03:04:{time}Z {text}\n")).collect();
        let whole: String = lines.iter().map(|(_, text)| format!("{text}\n")).collect();
        // The lines that the kubelet shows from a time on.
        let shown = |filter: &TimestampFilter| {
            let since = filter.at.map(LogPosition::since);
            let is_shown = |line: &&String| {
                since.is_none_or(|since| {
                    line.split(' ').next().expect("a time").parse::<Moment>().expect("a time")
                        >= since
                })
            };
            log.iter().filter(is_shown).map(String::as_str).collect::<String>()
        };
        let length = log.concat().len();
        // The line that is older than any requested time is in the log when the first stream is
        // read to it.
        let past_six = log[..6].concat().len();
        for first in past_six..=length {
            for second in 0..=length {
                for agent_is_killed in [false, true] {
                    let mut filter = TimestampFilter::new(None);
                    let mut out = filter.filter(&log.concat().as_bytes()[..first]);
                    if agent_is_killed {
                        // The next agent has no part of an incomplete line.
                        out.truncate(
                            out.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1),
                        );
                        filter = TimestampFilter::new(filter.at);
                    } else {
                        filter.disconnect();
                    }
                    let again = shown(&filter);
                    out.extend(filter.filter(&again.as_bytes()[..second.min(again.len())]));
                    filter.disconnect();
                    let again = shown(&filter);
                    out.extend(filter.filter(again.as_bytes()));
                    assert_eq!(
                        String::from_utf8_lossy(&out),
                        whole,
                        "interrupted at {first} and {second}, killed: {agent_is_killed}"
                    );
                    filter.disconnect();
                    let passed = filter.passed;
                    filter.filter(shown(&filter).as_bytes());
                    assert!(
                        filter.is_at_end() && filter.passed == passed,
                        "interrupted at {first} and {second}: {filter:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn line_without_a_time_is_passed_unchanged() {
        let mut filter = TimestampFilter::new(at("2026-01-02T03:04:05Z"));
        let text = format!("unable to retrieve container logs\n{}\nx\n", "y".repeat(200));
        assert_eq!(String::from_utf8(filter.filter(text.as_bytes())).expect("text"), text);
    }
}
