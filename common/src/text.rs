//! Untrusted text for logs, messages and terminals. Escaping and clipping keep such text from
//! controlling a terminal, forging log lines, or growing without limit.

use std::borrow::Cow;

use flow_domain::text::clip;

/// True for characters with an effect on terminals or line readers: control characters, line
/// separators, and marks that change the direction of text.
#[must_use]
pub fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes every unsafe character in `text`, line breaks included.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if is_unsafe(char) { safe.extend(char.escape_default()) } else { safe.push(char) }
    }
    Cow::Owned(safe)
}

/// Returns at most `max` characters of an untrusted text with unsafe characters escaped, for log
/// lines and messages.
#[must_use]
pub fn foreign(text: &str, max: usize) -> String {
    visible(&clip(text, max)).into_owned()
}

/// Returns the last lines of an output, oldest first: at most `lines_max` lines of `chars_max`
/// characters with unsafe characters escaped. Leaves out empty lines, and of a line that was
/// overwritten with carriage returns everything but its last state.
#[must_use]
pub fn last_lines(output: &[u8], lines_max: usize, chars_max: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let mut lines: Vec<String> = text
        .rsplit('\n')
        .filter_map(|line| line.split('\r').map(str::trim_end).rfind(|state| !state.is_empty()))
        .map(|line| clip(&visible(line), chars_max).into_owned())
        .take(lines_max)
        .collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_untrusted_text_is_escaped_and_clipped() {
        let text = "\u{1b}[2J\nERROR forged\r\u{2028}x\u{202e}y größe";
        assert_eq!(foreign(text, 100), "\\u{1b}[2J\\nERROR forged\\r\\u{2028}x\\u{202e}y größe");
        assert_eq!(foreign(&"m".repeat(1_000_000), 5), "mmmmm…");
        assert!(matches!(visible("größe 🧪 \\ \"x\""), Cow::Borrowed(_)), "nothing to escape");
        assert_eq!(visible("a\u{9b}1mc\u{7f}"), "a\\u{9b}1mc\\u{7f}");
    }

    #[test]
    fn u8_last_lines_are_bounded_and_escaped() {
        let output = b"one\n\n  10%\r  50%\r 100%\r\nKeyError: 'X'\x1b[2J\xff\n\n";
        assert_eq!(last_lines(output, 2, 100), [" 100%", "KeyError: 'X'\\u{1b}[2J\u{fffd}"]);
        assert_eq!(last_lines(&[b'x'; 5000], 3, 4), ["xxxx…"]);
        assert_eq!(last_lines(b"a\nb\nc", 2, 9), ["b", "c"]);
        assert!(last_lines(b"\n \r\n", 2, 9).is_empty());
    }
}
