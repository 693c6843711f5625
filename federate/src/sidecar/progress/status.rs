//! Reads and validates iflearner's status page.
//!
//! Another process may own the port (hazard L12: the framework reports no error if it cannot bind
//! its page), so a page counts only if every party on it is expected and has the expected number of
//! epochs.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use flow_common::clock::monotonic;
use flow_domain::framework::iflearner;
use flow_domain::progress::Progress;

use crate::workload::ProgressSource;

/// Timeout of one request. The Python process that serves the page also aggregates, so it may be slow.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Limit of a response in bytes. A page has about 90 bytes per party.
const PAGE_BYTES_MAX: usize = 256 << 10;

/// One aggregator's page.
#[derive(Debug)]
pub struct StatusPage {
    /// Port on the loopback interface.
    pub number: u16,
    /// The expected content.
    pub page: iflearner::StatusPage,
    /// Number of trainers that must complete.
    pub trainers: usize,
}

impl StatusPage {
    /// The page of a workload, if it has one. `number` returns the number of a held port.
    #[must_use]
    pub fn of(source: &ProgressSource, number: impl FnOnce(&str) -> Option<u16>) -> Option<Self> {
        let ProgressSource::IflearnerStatus { port, parties, final_epoch, total_epoch, trainers } =
            source
        else {
            return None;
        };
        let Some(number) = number(port) else {
            crate::sidecar::note(format_args!(
                "port {port:?} is not held, so the status page cannot be read"
            ));
            return None;
        };
        let page = iflearner::StatusPage {
            port: port.clone(),
            parties: parties.iter().cloned().collect(),
            total_epoch: *total_epoch,
            final_epoch: *final_epoch,
        };
        Some(Self { number, page, trainers: usize::try_from(*trainers).unwrap_or(usize::MAX) })
    }

    /// Fetches and validates the page. `None` = no page yet, or an invalid one.
    #[must_use]
    pub fn fetch(&self) -> Option<Progress> {
        self.parse(&request(self.number)?)
    }

    fn parse(&self, body: &[u8]) -> Option<Progress> {
        let parties: iflearner::Lines = serde_json::from_slice(body).ok()?;
        if parties.is_empty() || !self.page.is_ours(&parties) {
            return None;
        }
        Some(Progress {
            // The slowest party determines the epoch.
            epoch: parties.values().map(|party| party.current_epoch).min(),
            epochs: Some(self.page.total_epoch),
            complete: self.page.is_complete(&parties, self.trainers),
            parties,
            ..Progress::default()
        })
    }
}

/// Requests `GET /v1/status` in HTTP/1.0 without a client library, which would be most of this
/// program.
fn request(port: u16) -> Option<Vec<u8>> {
    let deadline = monotonic() + REQUEST_TIMEOUT;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, REQUEST_TIMEOUT).ok()?;
    stream.set_write_timeout(Some(REQUEST_TIMEOUT)).ok()?;
    stream
        .write_all(b"GET /v1/status HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut response = Vec::new();
    let mut part = [0; 8192];
    loop {
        if let Some(body) = complete_body(&response) {
            return Some(body.to_vec());
        }
        let left = Some(deadline.since(monotonic())).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut part).ok()? {
            0 => {
                return split(&response)
                    .filter(|(head, _)| content_length(head).is_none())
                    .map(|(_, body)| body.to_vec());
            }
            count if response.len() + count <= PAGE_BYTES_MAX => {
                response.extend_from_slice(&part[..count]);
            }
            _ => return None,
        }
    }
}

/// The body of a response that has arrived completely.
fn complete_body(response: &[u8]) -> Option<&[u8]> {
    let (head, body) = split(response)?;
    body.get(..content_length(head)?)
}

/// Head and body of a successful response.
fn split(response: &[u8]) -> Option<(&str, &[u8])> {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&response[..end]).ok()?;
    let is_success = head.split(' ').nth(1) == Some("200");
    is_success.then_some((head, &response[end + 4..]))
}

fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn page(port: u16) -> StatusPage {
        let parties = ["party-a", "party-b"].map(|name| name.parse().expect("a party")).into();
        let page = iflearner::StatusPage {
            port: "http".to_owned(),
            parties,
            total_epoch: 3,
            final_epoch: 3,
        };
        StatusPage { number: port, page, trainers: 2 }
    }

    fn line(party: &str, complete: bool, current: u32, total: &str) -> String {
        format!(
            r#""{party}": {{"ready": true, "complete": {complete}, "current_epoch": {current}, "total_epoch": {total}}}"#
        )
    }

    #[test]
    fn l12_page_of_other_parties_or_other_epochs_is_rejected() {
        let invalid = [
            "{}".to_owned(),
            "not json".to_owned(),
            format!("{{{}}}", line("stranger", false, 1, "3")),
            format!("{{{}, {}}}", line("party-a", true, 3, "3"), line("stranger", true, 3, "3")),
            format!("{{{}}}", line("party-a", false, 1, "10")),
            format!("{{{}}}", line("party-a", false, 1, "null")),
        ];
        for body in invalid {
            assert_eq!(page(0).parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn page_is_complete_only_when_every_party_is_at_the_final_epoch() {
        let read = |a: String, b: String| {
            page(0).parse(format!("{{{a}, {b}}}").as_bytes()).expect("a valid page")
        };
        let done = |party| line(party, true, 3, "3");
        assert!(read(done("party-a"), done("party-b")).complete);
        assert!(!read(done("party-a"), line("party-b", false, 3, "3")).complete);
        let behind = read(done("party-a"), line("party-b", true, 2, "3"));
        assert!(!behind.complete);
        assert_eq!((behind.epoch, behind.epochs), (Some(2), Some(3)));
        let alone =
            page(0).parse(format!("{{{}}}", done("party-a")).as_bytes()).expect("a valid page");
        assert!(!alone.complete, "the other party has not registered");
    }

    /// Serves each response on one connection.
    fn serve(responses: Vec<Vec<u8>>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for response in responses {
                let (mut stream, _) = listener.accept().expect("a caller");
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(&response);
            }
        });
        port
    }

    #[test]
    fn incomplete_too_long_or_unsuccessful_response_is_no_page() {
        let body = format!("{{{}}}", line("party-a", false, 1, "3"));
        let good = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let unsized_good = format!("HTTP/1.0 200 OK\r\n\r\n{body}");
        let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + 1);
        let error = format!("HTTP/1.1 500 NO\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(PAGE_BYTES_MAX + 1));
        let responses = [good, unsized_good, cut, error, endless, "rubbish".to_owned()];
        let port = serve(responses.map(String::into_bytes).to_vec());
        let seen: Vec<bool> = (0..6).map(|_| page(port).fetch().is_some()).collect();
        assert_eq!(seen, [true, true, false, false, false, false]);
    }
}
