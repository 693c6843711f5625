//! iflearner's status page, and when to believe it.
//!
//! The port may be another process's (hazard L12: the framework says nothing when its own page cannot bind), so a page
//! counts only if every party on it is expected and shows the expected number of epochs.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use flow_common::clock::monotonic;
use flow_domain::framework::iflearner;
use flow_domain::progress::Progress;

use crate::runtime::ProgressSource;

/// Time one look may take. The page is served by the same Python that averages: it may be slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// Largest answer read: a line per party is 90 bytes.
const PAGE_LIMIT: usize = 256 << 10;

/// One aggregator's page.
#[derive(Debug)]
pub struct StatusPage {
    /// Where it is served, on loopback.
    pub number: u16,
    /// What it must show.
    pub page: iflearner::StatusPage,
    /// How many trainers must have finished.
    pub trainers: usize,
}

impl StatusPage {
    /// The page of a workload, if it has one; `number` tells the number of a held port.
    #[must_use]
    pub fn of(source: &ProgressSource, number: impl FnOnce(&str) -> Option<u16>) -> Option<Self> {
        let ProgressSource::IflearnerStatus { port, parties, final_epoch, total_epoch, trainers } =
            source
        else {
            return None;
        };
        let Some(number) = number(port) else {
            crate::sidecar::note(format_args!(
                "no port {port:?} is held: the status page cannot be read"
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

    /// Fetch and read the page. `None`: not there yet, or not to be believed.
    #[must_use]
    pub fn look(&self) -> Option<Progress> {
        self.read(&fetch(self.number)?)
    }

    fn read(&self, body: &[u8]) -> Option<Progress> {
        let parties: iflearner::Lines = serde_json::from_slice(body).ok()?;
        if parties.is_empty() || !self.page.is_ours(&parties) {
            return None;
        }
        Some(Progress {
            // The federation is as far as its slowest party.
            epoch: parties.values().map(|party| party.current_epoch).min(),
            epochs: Some(self.page.total_epoch),
            complete: self.page.is_complete(&parties, self.trainers),
            parties,
            ..Progress::default()
        })
    }
}

/// `GET /v1/status` in HTTP/1.0, by hand: a client library would be most of this process.
fn fetch(port: u16) -> Option<Vec<u8>> {
    let until = monotonic() + PATIENCE;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream
        .write_all(b"GET /v1/status HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = Vec::new();
    let mut part = [0; 8192];
    loop {
        if let Some(body) = whole_body(&answer) {
            return Some(body.to_vec());
        }
        let left = Some(until.since(monotonic())).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut part).ok()? {
            0 => {
                return split(&answer)
                    .filter(|(head, _)| length(head).is_none())
                    .map(|(_, body)| body.to_vec());
            }
            count if answer.len() + count <= PAGE_LIMIT => answer.extend_from_slice(&part[..count]),
            _ => return None,
        }
    }
}

/// The body, once as much has come as its length says.
fn whole_body(answer: &[u8]) -> Option<&[u8]> {
    let (head, body) = split(answer)?;
    body.get(..length(head)?)
}

/// Head and body of a successful answer.
fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let good = head.split(' ').nth(1) == Some("200");
    good.then_some((head, &answer[end + 4..]))
}

fn length(head: &str) -> Option<usize> {
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
    fn l12_a_page_of_other_parties_or_other_epochs_is_not_believed() {
        let strange = [
            "{}".to_owned(),
            "not json".to_owned(),
            format!("{{{}}}", line("stranger", false, 1, "3")),
            format!("{{{}, {}}}", line("party-a", true, 3, "3"), line("stranger", true, 3, "3")),
            format!("{{{}}}", line("party-a", false, 1, "10")),
            format!("{{{}}}", line("party-a", false, 1, "null")),
        ];
        for body in strange {
            assert_eq!(page(0).read(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn it_is_complete_only_when_every_party_is_at_the_final_epoch() {
        let read = |a: String, b: String| {
            page(0).read(format!("{{{a}, {b}}}").as_bytes()).expect("believed")
        };
        let done = |party| line(party, true, 3, "3");
        assert!(read(done("party-a"), done("party-b")).complete);
        assert!(!read(done("party-a"), line("party-b", false, 3, "3")).complete);
        let behind = read(done("party-a"), line("party-b", true, 2, "3"));
        assert!(!behind.complete);
        assert_eq!((behind.epoch, behind.epochs), (Some(2), Some(3)));
        let alone = page(0).read(format!("{{{}}}", done("party-a")).as_bytes()).expect("believed");
        assert!(!alone.complete, "the other one has not even registered");
    }

    /// Serves each answer to one connection.
    fn serve(answers: Vec<Vec<u8>>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a caller");
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(&answer);
            }
        });
        port
    }

    #[test]
    fn answers_that_are_broken_too_long_or_no_success_are_no_page() {
        let body = format!("{{{}}}", line("party-a", false, 1, "3"));
        let good = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let unsized_good = format!("HTTP/1.0 200 OK\r\n\r\n{body}");
        let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + 1);
        let error = format!("HTTP/1.1 500 NO\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(PAGE_LIMIT + 1));
        let answers = [good, unsized_good, cut, error, endless, "rubbish".to_owned()];
        let port = serve(answers.map(String::into_bytes).to_vec());
        let seen: Vec<bool> = (0..6).map(|_| page(port).look().is_some()).collect();
        assert_eq!(seen, [true, true, false, false, false, false]);
    }
}
