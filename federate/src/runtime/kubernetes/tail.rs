//! Following the output of one container, from its first line to its last, whatever breaks in between.
//!
//! The API server hands out no offsets. It can put the time of each line before it and begin at a time, so a time is the
//! place where a reader that was cut off goes on: every line later than that is new, and of the line it was in the middle
//! of, what was not passed on before.
//!
//! A connection between API server and kubelet that breaks off looks like the end of the log. So the end is the end only
//! when a reader that asks again, after the container has ended, gets the last line again and nothing after it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::AsyncBufReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp as Moment;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::Notify;

/// Most bytes handed on at once.
const CHUNK: usize = 64 << 10;
/// Longest time before a line, with room to spare.
const STAMP: usize = 64;
/// First and longest pause before a log that broke off is asked for again.
const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(5);
/// Tries to read the rest of a container that has ended. Its node may be gone, and the log with it.
const LAST_TRIES: u32 = 4;

/// Stands where a reader that went on found neither the line it was at nor any before it.
pub const GAP: &[u8] = b"\n[output may be missing here: the node had put away what it wrote before this]\n";

/// Which output.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where its pod is.
    pub pods: Api<Pod>,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Told whenever some of it has arrived.
    pub flows: Arc<Notify>,
}

/// Whoever takes the output.
pub trait Sink: Send {
    /// Some output without the times; `at` is the time of the last line that is whole in what was taken so far.
    fn take(&mut self, bytes: Vec<u8>, at: Option<Moment>) -> impl Future<Output = ()> + Send;
}

/// Read to the end: until nothing new was there after `ended` had become true, or the pod has gone. Answers whether nothing
/// is missing, as far as can be known. An API server that does not answer is waited for.
pub async fn follow(source: &Source, since: Option<Moment>, sink: &mut impl Sink, ended: impl Fn() -> bool) -> bool {
    let mut whole = false;
    let mut strip = Strip::new(since);
    let mut pause = SOON;
    let mut last_tries = LAST_TRIES;
    loop {
        // Asked before reading: what is read then is all there is.
        let last = ended();
        let before = strip.passed;
        let read = read(source, &mut strip, sink).await;
        let news = strip.passed != before;
        match read {
            Ok(()) if last && !news && (strip.is_at_end() || last_tries <= 1) => return strip.is_at_end(),
            Ok(()) => {
                whole = true;
                last_tries -= u32::from(last && !news);
            }
            // A pod goes after its containers: what ended by itself before that was their end.
            Err(kube::Error::Api(status)) if status.code == 404 => return whole,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!("the log of {} cannot be read: {}", source.pod, status.message);
                return false;
            }
            Err(error @ kube::Error::Api(_)) if last && last_tries <= 1 => {
                tracing::warn!(error = %error, pod = source.pod, "the rest of a log cannot be read");
                return false;
            }
            Err(error) => {
                tracing::debug!(error = %error, pod = source.pod, "a log broke off");
                whole = false;
                if matches!(error, kube::Error::Api(_)) {
                    last_tries -= u32::from(last);
                } else {
                    // Nothing follows from it about the log: it is read when the API server answers again.
                    source.flows.notify_one();
                }
            }
        }
        strip.cut();
        pause = if news { SOON } else { (pause * 2).min(LATER) };
        tokio::time::sleep(pause).await;
    }
}

async fn read(source: &Source, strip: &mut Strip, sink: &mut impl Sink) -> kube::Result<()> {
    let params = LogParams {
        container: Some(source.container.clone()),
        follow: true,
        timestamps: true,
        since_time: strip.at.map(second),
        ..LogParams::default()
    };
    let mut stream = std::pin::pin!(source.pods.log_stream(&source.pod, &params).await?);
    loop {
        let bytes = match stream.fill_buf().await {
            Ok([]) => return Ok(()),
            Ok(bytes) => &bytes[..bytes.len().min(CHUNK)],
            Err(error) => return Err(kube::Error::ReadEvents(io::Error::other(error))),
        };
        let (count, clean) = (bytes.len(), strip.strip(bytes));
        stream.consume_unpin(count);
        if !clean.is_empty() {
            sink.take(clean, strip.at).await;
        }
        source.flows.notify_one();
    }
}

/// The second a time is in. The client asks in whole seconds and would round up, past lines that nobody has seen.
fn second(at: Moment) -> Moment {
    Moment::from_second(at.as_second()).expect("it was a time before its fraction was taken off")
}

/// Takes the times off the lines, and drops what was seen before.
#[derive(Debug)]
struct Strip {
    /// Time of the last line that was taken whole.
    at: Option<Moment>,
    /// Beginning of a line whose time has not been read to its end.
    head: Vec<u8>,
    state: Line,
    /// Time of the line that broke off, and how many bytes of it were passed on.
    half: Option<(Moment, usize)>,
    /// Time of the last whole line of this stream, also of one that was seen before.
    last: Option<Moment>,
    /// It goes on, and has not met the line it was at. The kubelet shows the newest file of a log only.
    astray: bool,
    /// Bytes passed on, of all lines with a time.
    passed: u64,
    /// In this stream the kubelet said something of its own: it has no log.
    remarked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Reading the time.
    Head,
    /// Passing the rest on.
    Passing {
        /// Its time, if it had one.
        time: Option<Moment>,
        /// How many bytes of the rest were passed on.
        passed: usize,
        /// How many that come next were passed on before it broke off.
        again: usize,
    },
    /// It was seen before, and is of this time.
    Dropping(Moment),
}

impl Strip {
    fn new(at: Option<Moment>) -> Self {
        Self { at, head: Vec::new(), state: Line::Head, half: None, last: None, astray: at.is_some(), passed: 0, remarked: false }
    }

    /// Whether the stream has come to where the one before it was, and not broken off on the way.
    fn is_at_end(&self) -> bool {
        match self.state {
            Line::Head => self.head.is_empty() && self.half.is_none() && self.last == self.at && !self.remarked,
            Line::Passing { again, .. } => again == 0 && !self.remarked,
            Line::Dropping(_) => false,
        }
    }

    /// The stream broke off: a line that was half read comes again, whole, with its own time.
    fn cut(&mut self) {
        self.head.clear();
        if let Line::Passing { time: Some(time), passed, again } = self.state {
            self.half = Some((time, passed + again));
        }
        self.state = Line::Head;
        (self.last, self.remarked, self.astray) = (None, false, self.at.is_some() || self.half.is_some());
    }

    fn strip(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.part(part, &mut out);
        }
        out
    }

    /// Part of one line.
    fn part(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let mut rest = part;
        if self.state == Line::Head {
            let space = rest.iter().position(|byte| *byte == b' ');
            let taken = space.map_or(rest.len(), |space| space + 1);
            self.head.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            // A message of the kubelet's own has no time.
            if space.is_none() && self.head.len() < STAMP && !self.head.ends_with(b"\n") {
                return;
            }
            let head = std::mem::take(&mut self.head);
            let time = std::str::from_utf8(&head).ok().and_then(|text| text.trim_end().parse::<Moment>().ok());
            self.state = match time {
                Some(time) if self.at.is_some_and(|seen| time <= seen) => {
                    self.astray = false;
                    Line::Dropping(time)
                }
                time => {
                    let again = match self.half.take() {
                        Some((of, passed)) if Some(of) == time => {
                            self.astray = false;
                            passed
                        }
                        // The rest of it is gone. What comes now is another line.
                        Some(_) if !self.astray => {
                            out.push(b'\n');
                            0
                        }
                        Some(_) | None => 0,
                    };
                    if time.is_some() && std::mem::take(&mut self.astray) {
                        out.extend_from_slice(GAP);
                    }
                    Line::Passing { time, passed: 0, again }
                }
            };
            if time.is_none() {
                self.remarked = true;
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
            match self.state {
                Line::Passing { time: Some(time), .. } => (self.at, self.last) = (Some(time), Some(time)),
                Line::Dropping(time) => self.last = Some(time),
                Line::Head | Line::Passing { time: None, .. } => {}
            }
            self.state = Line::Head;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str =
        "2026-01-02T03:04:05.000000001Z one\n2026-01-02T03:04:05.000000002Z \n2026-01-02T03:04:06Z three with 2026-01-02T03:04:09Z in it\n";

    #[test]
    fn times_are_taken_off_however_the_stream_is_cut_into_pieces() {
        for size in 1..LOG.len() {
            let mut strip = Strip::new(None);
            let out: Vec<u8> = LOG.as_bytes().chunks(size).flat_map(|piece| strip.strip(piece)).collect();
            assert_eq!(String::from_utf8(out).expect("text"), "one\n\nthree with 2026-01-02T03:04:09Z in it\n", "pieces of {size}");
            assert_eq!(strip.at, "2026-01-02T03:04:06Z".parse().ok());
        }
    }

    #[test]
    fn a_reader_that_was_cut_off_goes_on_where_it_was_wherever_that_is() {
        let whole = "one\n\nthree with 2026-01-02T03:04:09Z in it\n";
        for first in 0..LOG.len() {
            for second in 0..LOG.len() {
                let mut strip = Strip::new(None);
                let mut out = Vec::new();
                for end in [first, second, LOG.len(), LOG.len()] {
                    out.extend(strip.strip(&LOG.as_bytes()[..end]));
                    strip.cut();
                }
                assert_eq!(String::from_utf8(out).expect("text"), whole, "broken off at {first} and {second}");
            }
        }
    }

    #[test]
    fn an_end_is_where_the_stream_before_came_to_and_nowhere_before_it() {
        for log in [LOG, LOG.trim_end(), ""] {
            for end in 0..=log.len() {
                let mut strip = Strip::new(None);
                strip.strip(log.as_bytes());
                strip.cut();
                let before = strip.passed;
                strip.strip(&log.as_bytes()[..end]);
                assert_eq!((strip.is_at_end(), strip.passed), (end == log.len(), before), "of {} bytes {end}", log.len());
            }
        }
        let mut strip = Strip::new(None);
        strip.strip(b"unable to retrieve container logs\n");
        assert!(!strip.is_at_end() && strip.passed == 0);
    }

    #[test]
    fn a_line_whose_rest_is_gone_is_not_run_together_with_the_next() {
        let mut strip = Strip::new(None);
        let half = strip.strip(b"2026-01-02T03:04:05Z {\"a\":");
        strip.cut();
        let next = strip.strip(b"2026-01-02T03:04:06Z {}\n");
        let gap = String::from_utf8_lossy(GAP);
        assert_eq!(String::from_utf8([half, next].concat()).expect("text"), format!("{{\"a\":{gap}{{}}\n"));
    }

    #[test]
    fn a_reader_that_finds_nothing_of_what_it_has_read_says_that_output_may_be_missing() {
        let (first, rest) = LOG.split_at(LOG.find(" \n").expect("the second line") + 2);
        let mut strip = Strip::new(None);
        let before = strip.strip(first.as_bytes());
        let of_later_agent = Strip::new(strip.at).strip(rest.as_bytes());
        strip.cut();
        let after = strip.strip(rest.as_bytes());
        assert_eq!(of_later_agent, after);
        let gap = String::from_utf8_lossy(GAP);
        let text = String::from_utf8([before, after].concat()).expect("text");
        assert_eq!(text, format!("one\n\n{gap}three with 2026-01-02T03:04:09Z in it\n"));
    }

    #[test]
    fn a_log_is_asked_for_from_the_second_that_the_last_line_is_in() {
        let second = |text: &str| second(text.parse().expect("a time")).to_string();
        assert_eq!(second("2026-01-02T03:04:05.999999999Z"), "2026-01-02T03:04:05Z");
        assert_eq!(second("2026-01-02T03:04:06Z"), "2026-01-02T03:04:06Z");
    }

    #[test]
    fn what_has_no_time_is_passed_as_it_is() {
        let mut strip = Strip::new("2026-01-02T03:04:05Z".parse().ok());
        let text = format!("unable to retrieve container logs\n{}\nx\n", "y".repeat(200));
        assert_eq!(String::from_utf8(strip.strip(text.as_bytes())).expect("text"), text);
    }
}
