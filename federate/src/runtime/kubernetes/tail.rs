//! Following the output of one container, from its first line to its last, whatever breaks in between.
//!
//! The API server hands out no offsets. It can put the time of each line before it and begin at a time. Times do not always
//! rise from line to line: a container's two outputs are timed apart and written down in any order. So the place where a
//! reader that was cut off goes on is the newest line it took, and how many it took after that; whatever comes next in a log
//! is new, whenever it was said.
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
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Most bytes handed on at once.
const CHUNK: usize = 64 << 10;
/// Longest time before a line, with room to spare.
const STAMP: usize = 64;
/// A line is written down at most so much later than another one that was said after it, in seconds.
const LATE: i64 = 5;
/// First and longest pause before a log that broke off is asked for again.
const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(5);
/// Tries to read the rest of a container that has ended. Its node may be gone, and the log with it.
const LAST_TRIES: u32 = 4;

/// Stands where a reader that went on found neither the line it was at nor any before it.
pub const GAP: &[u8] =
    b"\n[output may be missing here: the node had put away what it wrote before this]\n";

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

/// A place in a log, between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Time of the newest line before it.
    pub time: Moment,
    /// Lines between that one and here.
    pub after: u64,
}

impl Place {
    /// From when on a log is asked for to find this place in it. The client asks in whole seconds and would round up.
    fn since(self) -> Moment {
        Moment::from_second(self.time.as_second() - LATE).unwrap_or(Moment::UNIX_EPOCH)
    }

    /// Where a reader is that was here and took a line of this time.
    fn next(this: Option<Self>, time: Moment) -> Self {
        match this {
            // What is older is not shown to who looks for the place.
            Some(place) if time <= place.time => {
                Self { after: place.after + u64::from(time >= place.since()), ..place }
            }
            Some(_) | None => Self { time, after: 0 },
        }
    }
}

/// Whoever takes the output.
pub trait Sink: Send {
    /// Some output without the times; `at` is the place after the last line that is whole in what was taken so far.
    fn take(&mut self, bytes: Vec<u8>, at: Option<Place>) -> impl Future<Output = ()> + Send;
}

/// Read to the end: until nothing new was there after `ended` had become true, or the pod has gone. Answers whether nothing
/// is missing, as far as can be known. An API server that does not answer is waited for.
pub async fn follow(
    source: &Source,
    from: Option<Place>,
    sink: &mut impl Sink,
    ended: impl Fn() -> bool,
) -> bool {
    let mut whole = false;
    let mut strip = Strip::new(from);
    let mut pause = SOON;
    let mut last_tries = LAST_TRIES;
    loop {
        // Asked before reading: what is read then is all there is.
        let last = ended();
        let before = strip.passed;
        let read = read(source, &mut strip, sink).await;
        let news = strip.passed != before;
        match read {
            Ok(()) if last && !news && (strip.is_at_end() || last_tries <= 1) => {
                return strip.is_at_end();
            }
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
        flow_common::clock::sleep(pause).await;
    }
}

async fn read(source: &Source, strip: &mut Strip, sink: &mut impl Sink) -> kube::Result<()> {
    let params = LogParams {
        container: Some(source.container.clone()),
        follow: true,
        timestamps: true,
        since_time: strip.at.map(Place::since),
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

/// Takes the times off the lines, and drops what was seen before.
#[derive(Debug)]
struct Strip {
    /// After the last line that was taken whole.
    at: Option<Place>,
    /// How far this stream is from there.
    way: Way,
    /// Beginning of a line whose time has not been read to its end.
    head: Vec<u8>,
    state: Line,
    /// Time of the line that broke off, and how many bytes of it were passed on.
    half: Option<(Moment, usize)>,
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
    /// It was seen before.
    Dropping,
}

/// From the beginning of a stream to the first line that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The newest line that was taken comes first, and then so many that were taken after it.
    To(Place),
    /// So many lines.
    Past {
        /// Lines.
        count: u64,
        /// All of them at most as new as this.
        newest: Moment,
    },
    /// None: whatever comes is new.
    Done,
}

impl Way {
    fn to(place: Option<Place>) -> Self {
        place.map_or(Self::Done, Self::To)
    }

    /// Goes past a line of this time. Whether it was seen before.
    fn passes(&mut self, time: Moment) -> bool {
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

impl Strip {
    fn new(at: Option<Place>) -> Self {
        let (way, astray) = (Way::to(at), at.is_some());
        Self {
            at,
            way,
            head: Vec::new(),
            state: Line::Head,
            half: None,
            astray,
            passed: 0,
            remarked: false,
        }
    }

    /// Whether the stream has come to where the one before it was, and not broken off on the way.
    fn is_at_end(&self) -> bool {
        match self.state {
            Line::Head => {
                self.head.is_empty()
                    && self.half.is_none()
                    && self.way == Way::Done
                    && !self.remarked
            }
            Line::Passing { again, .. } => again == 0 && !self.remarked,
            Line::Dropping => false,
        }
    }

    /// The stream broke off: a line that was half read comes again, whole, with its own time.
    fn cut(&mut self) {
        self.head.clear();
        if let Line::Passing { time: Some(time), passed, again } = self.state {
            self.half = Some((time, passed + again));
        }
        self.state = Line::Head;
        (self.way, self.remarked, self.astray) =
            (Way::to(self.at), false, self.at.is_some() || self.half.is_some());
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
            let time = std::str::from_utf8(&head)
                .ok()
                .and_then(|text| text.trim_end().parse::<Moment>().ok());
            self.state = match time {
                Some(time) if self.way.passes(time) => {
                    self.astray = false;
                    Line::Dropping
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
            if let Line::Passing { time: Some(time), .. } = self.state {
                self.at = Some(Place::next(self.at, time));
            }
            self.state = Line::Head;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-02T03:04:05.000000001Z one\n2026-01-02T03:04:05.000000002Z \n2026-01-02T03:04:06Z three with 2026-01-02T03:04:09Z in it\n";

    /// After a line of this time.
    fn at(text: &str) -> Option<Place> {
        text.parse().ok().map(|time| Place { time, after: 0 })
    }

    #[test]
    fn times_are_taken_off_however_the_stream_is_cut_into_pieces() {
        for size in 1..LOG.len() {
            let mut strip = Strip::new(None);
            let out: Vec<u8> =
                LOG.as_bytes().chunks(size).flat_map(|piece| strip.strip(piece)).collect();
            assert_eq!(
                String::from_utf8(out).expect("text"),
                "one\n\nthree with 2026-01-02T03:04:09Z in it\n",
                "pieces of {size}"
            );
            assert_eq!(strip.at, at("2026-01-02T03:04:06Z"));
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
                assert_eq!(
                    String::from_utf8(out).expect("text"),
                    whole,
                    "broken off at {first} and {second}"
                );
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
                assert_eq!(
                    (strip.is_at_end(), strip.passed),
                    (end == log.len(), before),
                    "of {} bytes {end}",
                    log.len()
                );
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
        assert_eq!(
            String::from_utf8([half, next].concat()).expect("text"),
            format!("{{\"a\":{gap}{{}}\n")
        );
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
    fn a_log_is_asked_for_from_a_whole_second_some_time_before_the_newest_line() {
        let since = |text: &str| at(text).expect("a time").since().to_string();
        assert_eq!(since("2026-01-02T03:04:05.999999999Z"), "2026-01-02T03:04:00Z");
        assert_eq!(since("2026-01-02T03:04:06Z"), "2026-01-02T03:04:01Z");
    }

    #[test]
    fn lines_that_were_written_down_late_are_taken_once_wherever_the_stream_breaks_off() {
        let said = [
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
            said.iter().map(|(time, text)| format!("2026-01-02T03:04:{time}Z {text}\n")).collect();
        let whole: String = said.iter().map(|(_, text)| format!("{text}\n")).collect();
        // What the kubelet shows from a time on.
        let shown = |strip: &Strip| {
            let since = strip.at.map(Place::since);
            let is_shown = |line: &&String| {
                since.is_none_or(|since| {
                    line.split(' ').next().expect("a time").parse::<Moment>().expect("a time")
                        >= since
                })
            };
            log.iter().filter(is_shown).map(String::as_str).collect::<String>()
        };
        let length = log.concat().len();
        // The one that is older than anybody looks back for is in the log when the first stream is read to it.
        let past_six = log[..6].concat().len();
        for first in past_six..=length {
            for second in 0..=length {
                for agent_is_killed in [false, true] {
                    let mut strip = Strip::new(None);
                    let mut out = strip.strip(&log.concat().as_bytes()[..first]);
                    if agent_is_killed {
                        // Of a line that is not whole the next agent knows nothing.
                        out.truncate(
                            out.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1),
                        );
                        strip = Strip::new(strip.at);
                    } else {
                        strip.cut();
                    }
                    let again = shown(&strip);
                    out.extend(strip.strip(&again.as_bytes()[..second.min(again.len())]));
                    strip.cut();
                    let again = shown(&strip);
                    out.extend(strip.strip(again.as_bytes()));
                    assert_eq!(
                        String::from_utf8_lossy(&out),
                        whole,
                        "broken off at {first} and {second}, killed: {agent_is_killed}"
                    );
                    strip.cut();
                    let passed = strip.passed;
                    strip.strip(shown(&strip).as_bytes());
                    assert!(
                        strip.is_at_end() && strip.passed == passed,
                        "broken off at {first} and {second}: {strip:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_has_no_time_is_passed_as_it_is() {
        let mut strip = Strip::new(at("2026-01-02T03:04:05Z"));
        let text = format!("unable to retrieve container logs\n{}\nx\n", "y".repeat(200));
        assert_eq!(String::from_utf8(strip.strip(text.as_bytes())).expect("text"), text);
    }
}
