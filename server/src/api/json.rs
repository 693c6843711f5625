//! Checks of JSON bodies that serde does not make: integers with a zero fraction, duplicate keys.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Byte order mark of UTF-8, which a parser may ignore (RFC 8259, section 8.1).
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Replaces the fraction of each integer by spaces: `2718.0` is an integer in JSON Schema but not
/// for serde. All bytes keep their positions, so an error has the line and column of the original.
pub(super) fn with_whole_numbers(text: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(&text, at),
            b'-' | b'0'..=b'9' => {
                let is_number =
                    |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let end = at + text[at..].iter().take_while(|byte| is_number(byte)).count();
                if let Some(point) =
                    text[at..end].iter().position(|byte| *byte == b'.').map(|point| at + point)
                    && point + 1 < end
                    && text[point + 1..end].iter().all(|byte| *byte == b'0')
                    && point > at
                    && text[point - 1].is_ascii_digit()
                {
                    text.to_mut()[point..end].fill(b' ');
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    text
}

/// Returns the index after the string that begins at `start`.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Returns the path of the first duplicate key in valid JSON. serde would silently keep the last
/// value of the key.
pub(super) fn duplicate_key(text: &[u8]) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut source = serde_json::Deserializer::from_slice(text);
    Unique(&mut path).deserialize(&mut source).is_err().then(|| {
        // From the innermost key outwards.
        path.reverse();
        path
    })
}

struct Unique<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                self.0.push(key);
                return Err(A::Error::custom("duplicate key"));
            }
            if let Err(error) = map.next_value_seed(Unique(self.0)) {
                self.0.push(key);
                return Err(error);
            }
            keys.insert(key);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        loop {
            match list.next_element_seed(Unique(self.0)) {
                Ok(Some(())) => index += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.0.push(index.to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_fractions_outside_of_strings_are_replaced() {
        for (text, becomes) in [
            (r#"{"a": 2718.0, "b": -1.000}"#, r#"{"a": 2718  , "b": -1    }"#),
            (
                r#"["1.0", "\"2.0", 1.50, 1.0e3, 1., .0, -.0, 1.0"#,
                r#"["1.0", "\"2.0", 1.50, 1.0e3, 1., .0, -.0, 1  "#,
            ),
            ("\"1.0", "\"1.0"),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(with_whole_numbers(text.as_bytes()).as_ref(), becomes.as_bytes(), "{text}");
        }
    }

    #[test]
    fn path_of_a_duplicate_key_is_found() {
        assert_eq!(
            duplicate_key(br#"{"a": [{}, {"b": {"c": 1, "d": null, "c": 1.5}}]}"#).unwrap(),
            ["a", "1", "b", "c"]
        );
        assert_eq!(duplicate_key(br#"{"a": {"c": true}, "b": {"c": 1}}"#), None);
    }
}
