//! Parser for the server-sent events of the hub: bytes in, events out, no IO.

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Value of `Last-Event-ID` with which a new stream resumes after this event.
    pub id: Option<String>,
    /// Kind of event. Empty if the stream names none.
    pub event: String,
    pub data: String,
}

/// Assembles events from chunks. A chunk may end anywhere, even inside a character.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    pending: SseEvent,
}

impl SseParser {
    /// Adds one chunk and returns the events that it completes.
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for &byte in chunk {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let event = std::mem::take(&mut self.pending);
                if !event.data.is_empty() {
                    events.push(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.pending.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut self.pending.event),
                "data" => {
                    if !self.pending.data.is_empty() {
                        self.pending.data.push('\n');
                    }
                    self.pending.data.push_str(value);
                }
                _ => {} // comments (keep-alive) and `retry`
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_do_not_depend_on_chunk_boundaries() {
        let stream = ": hello\n\nid: 7\nevent: run.running\ndata: {\"a\":\ndata: \"ü\"}\n\ndata: x\r\n\r\nid: 9\n".as_bytes();
        for size in 1..stream.len() {
            let mut parser = SseParser::default();
            let events: Vec<_> = stream.chunks(size).flat_map(|chunk| parser.feed(chunk)).collect();
            assert_eq!(
                events,
                [
                    SseEvent {
                        id: Some("7".into()),
                        event: "run.running".into(),
                        data: "{\"a\":\n\"ü\"}".into()
                    },
                    SseEvent { id: None, event: String::new(), data: "x".into() },
                ],
                "chunks of {size}"
            );
        }
    }
}
