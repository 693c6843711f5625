//! Server-sent events, as far as the hub speaks them: pure, bytes in, events out.

/// One event of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Where to resume from.
    pub id: Option<String>,
    /// Its kind; empty = unnamed.
    pub event: String,
    /// Its payload.
    pub data: String,
}

/// Puts events together from chunks that may end anywhere, also inside a character.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    pending: SseEvent,
}

impl SseParser {
    /// Takes one chunk; gives the events it completes.
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
    fn events_come_out_whole_wherever_the_chunks_end() {
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
