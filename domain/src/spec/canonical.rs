//! Canonical JSON (RFC 8785) on a subset: every value has exactly one sequence of bytes, which is
//! hashed and approved.
//!
//! The subset has no fractions and no integers from 2^53 on, because JSON implementations differ
//! there. This module sorts keys itself: the order of the map type depends on features that other
//! crates may enable.

use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

/// First integer that some JSON implementations cannot represent exactly.
const UNSAFE_INTEGER_MIN: u64 = 1 << 53;

/// Returns the canonical bytes of `value`.
///
/// # Errors
/// The cause, for a value outside the subset.
pub fn bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(1024);
    write(&serde_json::to_value(value).map_err(|e| e.to_string())?, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(bool) => out.extend(if *bool { b"true".as_slice() } else { b"false" }),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_none_or(|size| size >= UNSAFE_INTEGER_MIN) {
                return Err(format!("{number} is not a whole number below 2^53; send it as text"));
            }
            write!(out, "{number}").map_err(|e| e.to_string())?;
        }
        Value::String(text) => write_text(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (name, item)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(name, out)?;
                out.push(b':');
                write(item, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// serde_json escapes exactly the characters that RFC 8785 requires: quote, backslash, and control
/// characters in short form.
fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    serde_json::to_writer(out, text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(bytes(value).expect("the value is in the subset")).expect("JSON is UTF-8")
    }

    #[test]
    fn keys_are_sorted_by_utf_16_units_as_rfc_8785_requires() {
        // The example of RFC 8785, section 3.2.3.
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
            "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis",
        });
        let sorted = text(&value);
        let at = |text: &str| sorted.find(text).expect("every key is written");
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(at);
        assert!(order.is_sorted(), "{sorted}");
    }

    #[test]
    fn texts_are_escaped_as_rfc_8785_requires() {
        let value = json!("\u{20ac}$\u{0f}\nA'B\"\\\\\"/\u{7f}\u{8}\u{c}\t\r");
        assert_eq!(text(&value), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\\b\\f\\t\\r\"");
    }

    #[test]
    fn numbers_outside_the_subset_have_no_canonical_form() {
        for bad in
            [json!(1.5), json!(1.0), json!(1_u64 << 53), json!(-(1_i64 << 53)), json!(u64::MAX)]
        {
            assert!(bytes(&bad).is_err(), "{bad}");
        }
        assert_eq!(
            text(&json!([0, -1, (1_u64 << 53) - 1, true, null, {}])),
            "[0,-1,9007199254740991,true,null,{}]"
        );
    }
}
