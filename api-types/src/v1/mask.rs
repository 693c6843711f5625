//! The header `X-Fields`: the fields that a response contains, such as `data{tasks{name,status}}`.
//! `*` selects all fields of an object. Names that the response does not have are ignored.

use std::collections::BTreeMap;

use flow_domain::error::Error;
use serde_json::{Map, Value};

use super::invalid;

/// Header of a request with its mask.
pub const MASK_HEADER: &str = "x-fields";
/// Longest mask, in bytes.
const MASK_BYTES_MAX: usize = 4096;
/// Deepest nesting of a mask; a response has four levels.
const MASK_DEPTH_MAX: usize = 16;

/// The selected fields; without a mask all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mask(Option<Fields>);

/// Selected fields by name, each with the selection within it; `None` = all of it.
type Fields = BTreeMap<String, Selection>;

#[derive(Debug, PartialEq, Eq)]
struct Selection(Option<Fields>);

fn malformed(problem: &str) -> Error {
    invalid(format!(
        "the header X-Fields is not a field mask: {problem}; send one like data{{tasks{{name,status}}}}"
    ))
}

impl Mask {
    /// Reads the value of the header; `None` = the request has no such header.
    pub fn of_header(value: Option<&[u8]>) -> Result<Self, Error> {
        let Some(value) = value else { return Ok(Self(None)) };
        match std::str::from_utf8(value) {
            Ok(text) if text.is_ascii() => Self::parse(text),
            _ => Err(malformed("it has characters other than ASCII")),
        }
    }

    /// Reads a mask; an empty text selects all fields.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(None));
        }
        if text.len() > MASK_BYTES_MAX {
            return Err(malformed("it is longer than 4096 bytes"));
        }
        // The outer brackets are optional.
        let inner = match text.strip_prefix('{') {
            Some(inner) => inner
                .strip_suffix('}')
                .ok_or_else(|| malformed("the outer bracket is not closed"))?,
            None => text,
        };
        let mut tokens = tokens(inner)?.into_iter();
        let fields = read(&mut tokens, 0)?;
        Ok(Self(Some(fields)))
    }

    /// Returns the selected fields of a response.
    #[must_use]
    pub fn apply(&self, value: Value) -> Value {
        match &self.0 {
            Some(fields) => select(fields, value),
            None => value,
        }
    }
}

fn select(fields: &Fields, value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| select(fields, item)).collect(),
        Value::Object(object) => {
            let kept = object.into_iter().filter_map(|(name, value)| {
                let value = match fields.get(&name) {
                    Some(Selection(Some(inner))) => select(inner, value),
                    Some(Selection(None)) => value,
                    None if fields.contains_key("*") => value,
                    None => return None,
                };
                Some((name, value))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        scalar => scalar,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Open,
    Close,
    Comma,
}

fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut name = String::new();
    for character in text.chars() {
        let token = match character {
            '{' => Token::Open,
            '}' => Token::Close,
            ',' => Token::Comma,
            ' ' | '\t' => continue,
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ':' | '-' | '*' => {
                name.push(character);
                continue;
            }
            other => return Err(malformed(&format!("it contains {other:?}"))),
        };
        if !name.is_empty() {
            tokens.push(Token::Name(std::mem::take(&mut name)));
        }
        tokens.push(token);
    }
    if !name.is_empty() {
        tokens.push(Token::Name(name));
    }
    Ok(tokens)
}

/// Reads fields up to the closing bracket of this level, or to the end of the mask.
fn read(tokens: &mut std::vec::IntoIter<Token>, depth: usize) -> Result<Fields, Error> {
    if depth > MASK_DEPTH_MAX {
        return Err(malformed("its brackets are nested too deeply"));
    }
    let mut fields = Fields::new();
    let mut last: Option<String> = None;
    loop {
        match tokens.next() {
            Some(Token::Name(name)) => {
                fields.insert(name.clone(), Selection(None));
                last = Some(name);
            }
            Some(Token::Open) => {
                let name = last.take().ok_or_else(|| malformed("a bracket follows no name"))?;
                fields.insert(name, Selection(Some(read(tokens, depth + 1)?)));
            }
            Some(Token::Comma) if fields.is_empty() => {
                return Err(malformed("a comma follows no name"));
            }
            Some(Token::Comma) => last = None,
            Some(Token::Close) if depth > 0 => return Ok(fields),
            Some(Token::Close) => return Err(malformed("a bracket is closed that is not open")),
            None if depth > 0 => return Err(malformed("a bracket is not closed")),
            None => return Ok(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mask_selects_fields_of_objects_and_lists() {
        let all = json!({ "ret_code": 0, "data": { "count": 2, "tasks": [{ "name": "a", "id": 1 }, { "name": "b", "id": 2 }] } });
        for (mask, expected) in [
            ("", all.clone()),
            ("*", all.clone()),
            ("ret_code", json!({ "ret_code": 0 })),
            ("{ret_code}", json!({ "ret_code": 0 })),
            ("ret_code, nothing", json!({ "ret_code": 0 })),
            ("data{count}", json!({ "data": { "count": 2 } })),
            (
                "{data{tasks{name}}}",
                json!({ "data": { "tasks": [{ "name": "a" }, { "name": "b" }] } }),
            ),
            ("*,data{count}", json!({ "ret_code": 0, "data": { "count": 2 } })),
            ("data{count},ret_code", json!({ "ret_code": 0, "data": { "count": 2 } })),
            // A scalar has no fields to select.
            ("ret_code{x}", json!({ "ret_code": 0 })),
        ] {
            assert_eq!(Mask::parse(mask).expect(mask).apply(all.clone()), expected, "{mask}");
        }
    }

    #[test]
    fn malformed_mask_is_rejected() {
        for mask in ["{", "a{", "a{b", "a}", "{a", "{a}b", ",a", "{{a}}", "a;b", "a{b}}", "é"] {
            assert!(Mask::parse(mask).is_err(), "{mask}");
        }
        assert!(Mask::parse(&"a{".repeat(100)).is_err());
        assert!(Mask::parse(&"a,".repeat(10_000)).is_err());
    }
}
