//! Text that another machine wrote, on its way to a log, a message or a terminal. Its author may be hostile: it must not
//! command a terminal, forge a line of its own, or be long without limit.

use std::borrow::Cow;

use flow_domain::text::clip;

/// Whether a terminal or a reader of lines does anything with this character but print it: control characters, line
/// separators, and marks that change the direction of the text.
#[must_use]
pub fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with every unsafe character escaped, line breaks included.
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

/// At most `most` characters of `text`, unsafe ones escaped: what a log line may hold of another machine's words.
#[must_use]
pub fn foreign(text: &str, most: usize) -> String {
    visible(&clip(text, most)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_text_of_another_machine_commands_no_terminal_forges_no_line_and_is_short() {
        let text = "\u{1b}[2J\nERROR forged\r\u{2028}x\u{202e}y größe";
        assert_eq!(foreign(text, 100), "\\u{1b}[2J\\nERROR forged\\r\\u{2028}x\\u{202e}y größe");
        assert_eq!(foreign(&"m".repeat(1_000_000), 5), "mmmmm…");
        assert!(matches!(visible("größe 🧪 \\ \"x\""), Cow::Borrowed(_)), "nothing to escape");
        assert_eq!(visible("a\u{9b}1mc\u{7f}"), "a\\u{9b}1mc\\u{7f}");
    }
}
