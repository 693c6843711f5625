//! Labels of tasks: names and values by which people and programs select tasks. The forms are those
//! of Kubernetes.

use std::collections::BTreeMap;

use crate::error::{FieldCode, FieldErrors, pointer};
use crate::limits::{LABEL_PREFIX_CHARS_MAX, LABEL_TEXT_CHARS_MAX, LABELS_MAX};

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// Accepted form of a label's name.
pub const NAME_FORM: &str = "1 to 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit, \
                             after an optional DNS domain and '/'";
/// Accepted form of a label's value.
pub const VALUE_FORM: &str = "empty, or at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter \
                              or digit";

/// Returns true for a valid name of a label.
#[must_use]
pub fn is_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_domain(prefix) && is_text(name),
        None => is_text(text),
    }
}

/// Returns true for a valid value of a label.
#[must_use]
pub fn is_value(text: &str) -> bool {
    text.is_empty() || is_text(text)
}

fn is_text(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= LABEL_TEXT_CHARS_MAX
        && is_end(text.as_bytes().first())
        && is_end(text.as_bytes().last())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_domain(text: &str) -> bool {
    let is_alphanumeric = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9');
    let is_part = |part: &str| {
        part.len() <= LABEL_TEXT_CHARS_MAX
            && part.as_bytes().first().is_some_and(is_alphanumeric)
            && part.as_bytes().last().is_some_and(is_alphanumeric)
            && part.bytes().all(|b| is_alphanumeric(&b) || b == b'-')
    };
    text.len() <= LABEL_PREFIX_CHARS_MAX && text.split('.').all(is_part)
}

/// Checks the labels of a task, or those by which a webhook selects tasks.
pub fn check(labels: &Labels, errors: &mut FieldErrors) {
    if labels.len() > LABELS_MAX {
        let message = format!("has {} entries; the limit is {LABELS_MAX}", labels.len());
        errors.add("/labels", FieldCode::TooLong, message);
    }
    for (name, value) in labels {
        let path = pointer(&["labels", name]);
        if !is_name(name) {
            errors.add(
                path.clone(),
                FieldCode::Pattern,
                format!("is no valid name: it must be {NAME_FORM}"),
            );
        }
        if !is_value(value) {
            errors.add(path, FieldCode::Pattern, format!("must be {VALUE_FORM}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_kubernetes() {
        for name in ["a", "A9", "team", "app.kubernetes.io/name", "x/y", "a_b.c-d", &"a".repeat(63)]
        {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "-a",
            "a-",
            "a b",
            "/a",
            "a/",
            "a/b/c",
            "A.io/x",
            "a..b/x",
            "ä",
            "a=b",
            "a,b",
            "a\n",
            &"a".repeat(64),
            &format!("{}/a", vec!["a".repeat(60); 5].join(".")),
        ] {
            assert!(!is_name(name), "{name}");
        }
        for value in ["", "1", "spring-2026", "v1.0_b", &"a".repeat(63)] {
            assert!(is_value(value), "{value}");
        }
        for value in ["-", "a-", ".", "a b", "ä", "a/b", &"a".repeat(64)] {
            assert!(!is_value(value), "{value}");
        }
    }
}
