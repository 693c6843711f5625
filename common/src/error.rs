//! Errors as text for a log line or a message: with all causes, or with the innermost cause alone.

use std::error::Error;

/// The error and its causes in one line, separated by `: `. A cause whose text is already part of
/// the line is left out, because many error types repeat the text of their source.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// The innermost cause. The errors around it often state only that an operation failed.
#[must_use]
pub fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (text, inner) = texts.split_first().expect("an error has a text");
        let source = (!inner.is_empty()).then(|| Box::new(layers(inner)));
        Layer { text, source }
    }

    #[test]
    fn chain_joins_causes_and_leaves_out_repeated_texts() {
        let error = layers(&["cannot connect: refused", "refused", "os error 111"]);
        assert_eq!(chain(&error), "cannot connect: refused: os error 111");
        assert_eq!(chain(&layers(&["alone"])), "alone");
    }

    #[test]
    fn root_cause_is_the_innermost_source() {
        let error = layers(&["cannot connect", "refused", "os error 111"]);
        assert_eq!(root_cause(&error).to_string(), "os error 111");
        assert_eq!(root_cause(&layers(&["alone"])).to_string(), "alone");
    }
}
