//! Following the output of one container, from its first line to its last, whatever breaks in between.
//!
//! The API server hands out no offsets. It can put the time of each line before it and begin at a time, so a time is the
//! place where a reader that was cut off goes on: every line later than that is new.

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

/// Read to the end: until everything was read that was there after `ended` had become true, or the pod has gone. Answers
/// whether nothing is known to be missing.
pub async fn follow(source: &Source, since: Option<Moment>, sink: &mut impl Sink, ended: impl Fn() -> bool) -> bool {
    let mut whole = false;
    let mut strip = Strip::new(since);
    let mut pause = SOON;
    let mut last_tries = LAST_TRIES;
    loop {
        // Asked before reading: what is read then is all there is.
        let last = ended();
        let before = strip.at;
        match read(source, &mut strip, sink).await {
            Ok(()) if last => return true,
            Ok(()) => whole = true,
            // A pod goes after its containers: what ended by itself before that was their end.
            Err(kube::Error::Api(status)) if status.code == 404 => return whole,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!("the log of {} cannot be read: {}", source.pod, status.message);
                return false;
            }
            Err(error) if last && last_tries <= 1 => {
                tracing::warn!(error = %error, pod = source.pod, "the rest of a log cannot be read");
                return false;
            }
            Err(error) => {
                tracing::debug!(error = %error, pod = source.pod, "a log broke off");
                whole = false;
                last_tries -= u32::from(last);
            }
        }
        strip.cut();
        pause = if strip.at == before { (pause * 2).min(LATER) } else { SOON };
        tokio::time::sleep(pause).await;
    }
}

async fn read(source: &Source, strip: &mut Strip, sink: &mut impl Sink) -> kube::Result<()> {
    let params = LogParams {
        container: Some(source.container.clone()),
        follow: true,
        timestamps: true,
        since_time: strip.at,
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

/// Takes the times off the lines, and drops those that were seen before.
#[derive(Debug)]
struct Strip {
    /// Time of the last line that was taken whole.
    at: Option<Moment>,
    /// Beginning of a line whose time has not been read to its end.
    head: Vec<u8>,
    state: Line,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Reading the time.
    Head,
    /// Passing the rest on; its time, if it had one.
    Passing(Option<Moment>),
    /// It was seen before.
    Dropping,
}

impl Strip {
    fn new(at: Option<Moment>) -> Self {
        Self { at, head: Vec::new(), state: Line::Head }
    }

    /// The stream broke off: a line that was half read comes again, whole, with its own time.
    fn cut(&mut self) {
        self.head.clear();
        self.state = Line::Head;
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
                Some(time) if self.at.is_some_and(|seen| time <= seen) => Line::Dropping,
                time => Line::Passing(time),
            };
            if time.is_none() {
                out.extend_from_slice(&head);
                if head.ends_with(b"\n") {
                    self.state = Line::Head;
                    return;
                }
            }
        }
        if let Line::Passing(_) = self.state {
            out.extend_from_slice(rest);
        }
        if rest.ends_with(b"\n") {
            if let Line::Passing(Some(time)) = self.state {
                self.at = Some(time);
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
    fn a_reader_that_was_cut_off_goes_on_after_the_last_whole_line() {
        let mut strip = Strip::new(None);
        let half = LOG.find("three").expect("there") + 3;
        let first = strip.strip(&LOG.as_bytes()[..half]);
        assert_eq!(strip.at, "2026-01-02T03:04:05.000000002Z".parse().ok());
        strip.cut();
        let second = strip.strip(LOG.as_bytes());
        // What was passed of the half line is there twice: better than not at all.
        assert_eq!(String::from_utf8([first, second].concat()).expect("text"), "one\n\nthrthree with 2026-01-02T03:04:09Z in it\n");
    }

    #[test]
    fn what_has_no_time_is_passed_as_it_is() {
        let mut strip = Strip::new("2026-01-02T03:04:05Z".parse().ok());
        let text = format!("unable to retrieve container logs\n{}\nx\n", "y".repeat(200));
        assert_eq!(String::from_utf8(strip.strip(text.as_bytes())).expect("text"), text);
    }
}
