//! Converts a log to the strings of a JSON array while it arrives. Memory does not depend on the
//! length of the log or of its lines: a long line is written in parts.

/// The lines of a log, as the inner part of a JSON array.
#[derive(Debug)]
pub(super) struct Lines {
    /// Lines to leave out at the start.
    skip: u64,
    /// Lines that are still wanted; `None` = all.
    left: Option<u64>,
    /// The string of the current line is open.
    is_open: bool,
    is_first: bool,
    /// Start of a character whose other bytes have not arrived.
    rest: Vec<u8>,
}

impl Lines {
    pub(super) const fn new(skip: u64, limit: Option<u64>) -> Self {
        Self { skip, left: limit, is_open: false, is_first: true, rest: Vec::new() }
    }

    /// True if no further line is wanted.
    pub(super) fn is_complete(&self) -> bool {
        self.left == Some(0)
    }

    /// Converts the next part of the log.
    pub(super) fn feed(&mut self, part: &[u8], out: &mut Vec<u8>) {
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            if self.is_complete() {
                return;
            }
            let (text, has_end) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if self.skip > 0 {
                self.skip -= u64::from(has_end);
                continue;
            }
            self.write(text, has_end, out);
            if has_end {
                self.close(out);
            }
        }
    }

    /// Ends a last line without a line break.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.is_open {
            self.write(&[], true, out);
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        out.push(b'"');
        self.is_open = false;
        self.left = self.left.map(|left| left - 1);
    }

    fn write(&mut self, text: &[u8], is_end: bool, out: &mut Vec<u8>) {
        if !self.is_open {
            // Each line of the log is a line of the response, too: a reader sees it at once.
            out.extend_from_slice(if self.is_first { b"\n\"" } else { b",\n\"" });
            (self.is_open, self.is_first) = (true, false);
        }
        self.rest.extend_from_slice(text);
        let bytes = std::mem::take(&mut self.rest);
        for chunk in bytes.utf8_chunks() {
            escape(chunk.valid(), out);
            let invalid = chunk.invalid();
            let is_partial = || {
                bytes.ends_with(invalid)
                    && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none())
            };
            if !invalid.is_empty() {
                if !is_end && is_partial() {
                    self.rest = invalid.to_vec();
                } else {
                    escape("\u{fffd}", out);
                }
            }
        }
    }
}

/// Writes a text as a part of a JSON string.
fn escape(text: &str, out: &mut Vec<u8>) {
    let quoted = serde_json::Value::from(text).to_string();
    out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(skip: u64, limit: Option<u64>, parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (Lines::new(skip, limit), b"[".to_vec());
        for part in parts {
            lines.feed(part, &mut out);
        }
        lines.finish(&mut out);
        out.push(b']');
        serde_json::from_slice(&out).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&out));
        })
    }

    #[test]
    fn f24_lines_are_exact_wherever_the_log_is_cut() {
        let log = "one\n\n \"quoted\" \\ \u{1}\tgröße 🧪\r\nlast";
        let expected = ["one", "", " \"quoted\" \\ \u{1}\tgröße 🧪\r", "last"];
        for cut in 0..=log.len() {
            let (one, other) = log.as_bytes().split_at(cut);
            assert_eq!(lines(0, None, &[one, other]), expected, "{cut}");
        }
        let bytes: Vec<_> = log.as_bytes().chunks(1).collect();
        assert_eq!(lines(0, None, &bytes), expected);
        assert_eq!(lines(0, None, &[b"a\n"]), ["a"], "a line break ends a line");
        assert_eq!(lines(0, None, &[b"\n\n"]), ["", ""]);
        assert!(lines(0, None, &[]).is_empty());
        assert_eq!(
            lines(0, None, &[b"a\xff\xc3\n\xc3", b"b\xe2\x82"]),
            ["a\u{fffd}\u{fffd}", "\u{fffd}b\u{fffd}"]
        );
    }

    #[test]
    fn f24_page_has_exactly_its_lines() {
        let log: &[&[u8]] = &[b"0\n1\n2", b"\n3\n4\n5"];
        assert_eq!(lines(0, Some(2), log), ["0", "1"]);
        assert_eq!(lines(2, Some(2), log), ["2", "3"]);
        assert_eq!(lines(4, Some(2), log), ["4", "5"]);
        assert!(lines(6, Some(2), log).is_empty());
        assert_eq!(lines(5, Some(9), log), ["5"]);
        let mut page = Lines::new(0, Some(1));
        page.feed(b"0\n1", &mut Vec::new());
        assert!(page.is_complete());
    }
}
