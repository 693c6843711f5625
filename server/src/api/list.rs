//! Pages of lists. A cursor is opaque and bound to its list and filters: the cursor of another list
//! is an error instead of a wrong page.

use std::fmt::Write as _;

use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::Digest;

use super::problem::field;
use crate::store;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use flow_api_types::limits::{
    CURSOR_SEAL_DIGITS, FILTER_CHARS_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX,
};
use flow_domain::text::clip;
use http::header;

/// A list with its filters.
#[derive(Debug)]
pub struct List {
    seal: String,
}

impl List {
    /// Identifies a list by its name and its filters.
    pub fn of(name: &str, filters: &impl std::fmt::Debug) -> Self {
        let mut seal = String::from(Digest::of(format!("{name}\n{filters:?}").as_bytes()));
        seal.truncate(CURSOR_SEAL_DIGITS);
        Self { seal }
    }

    /// Returns the page request for the store. An empty cursor counts as absent.
    pub fn request(
        &self,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<store::PageRequest, Error> {
        let after = cursor
            .filter(|cursor| !cursor.is_empty())
            .map(|cursor| self.open(cursor))
            .transpose()?;
        Ok(store::PageRequest { after, offset: 0, limit: checked(limit)? })
    }

    fn open(&self, cursor: &str) -> Result<String, Error> {
        let position = cursor.strip_prefix(&self.seal).and_then(unhex);
        position.ok_or_else(|| {
            Error::new(
                ErrorCode::CursorInvalid,
                "the cursor belongs to another list or to other filters; read the list from the start, without a cursor",
            )
        })
    }

    /// Converts a page of the store to the response.
    pub fn page<T, U>(
        &self,
        page: store::Page<T>,
        show: impl FnMut(T) -> U,
    ) -> flow_api_types::Page<U> {
        let store::Page { items, next } = page;
        let seal = |position: String| {
            position.bytes().fold(self.seal.clone(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
        };
        flow_api_types::Page { items: items.into_iter().map(show).collect(), next: next.map(seal) }
    }
}

/// Checks the limit of a page.
pub fn checked(limit: Option<u32>) -> Result<u32, Error> {
    match limit {
        None => Ok(PAGE_ITEMS_DEFAULT),
        Some(limit @ 1..=PAGE_ITEMS_MAX) => Ok(limit),
        Some(limit) => Err(field(
            "?limit",
            FieldCode::OutOfRange,
            format!("is {limit} and must be 1 to {PAGE_ITEMS_MAX}"),
        )),
    }
}

/// Checks a filter by the beginning of a name. An empty filter counts as absent. `at` is its place in
/// errors.
pub fn text(at: &str, value: Option<String>) -> Result<Option<String>, Error> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    if value.chars().count() > FILTER_CHARS_MAX {
        return Err(field(
            at,
            FieldCode::TooLong,
            format!("must have at most {FILTER_CHARS_MAX} characters"),
        ));
    }
    if value.chars().any(char::is_control) {
        return Err(field(at, FieldCode::Pattern, "must not contain control characters"));
    }
    Ok(Some(value))
}

/// The fields that a request selects of the items of a list.
#[derive(Debug)]
pub struct Fields(Option<Vec<String>>);

impl Fields {
    /// Reads the parameter `fields`. Without it an item has all fields.
    pub fn parse(text: Option<String>, known: &[&str]) -> Result<Self, Error> {
        let Some(text) = text else { return Ok(Self(None)) };
        let names: Vec<String> = text.split(',').map(str::to_owned).collect();
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self(Some(names))),
            Some(name) => Err(field(
                "?fields",
                FieldCode::NotAllowed,
                format!(
                    "has the unknown name {:?}; valid are {}",
                    clip(name, 64),
                    known.join(", ")
                ),
            )),
        }
    }

    /// Returns true if the items have this field.
    pub fn contains(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|known| known == name))
    }

    /// Returns the response with the selected fields, and the id, of each item.
    pub fn respond<T: serde::Serialize>(&self, page: flow_api_types::Page<T>) -> Response {
        let Some(_) = &self.0 else { return Json(page).into_response() };
        let select = |item: &T| {
            let mut item = serde_json::to_value(item).unwrap_or_default();
            if let Some(fields) = item.as_object_mut() {
                fields.retain(|name, _| name == "id" || self.contains(name));
            }
            item
        };
        let flow_api_types::Page { items, next } = page;
        let items: Vec<_> = items.iter().map(select).collect();
        let kind = [(header::CONTENT_TYPE, SELECTION)];
        (kind, Json(flow_api_types::Page { items, next })).into_response()
    }
}

/// Media type of a page whose items have selected fields: another schema than that of whole items.
const SELECTION: &str = "application/vnd.flow.selection+json";

fn unhex(text: &str) -> Option<String> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2)
        || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks_exact(2).map(byte).collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_valid_only_in_its_list() {
        let mine = List::of("tasks", &("a", 1));
        let page = mine
            .page(store::Page { items: vec![1], next: Some("größe/17".to_owned()) }, |item| item);
        let cursor = page.next.expect("there is more");
        assert_eq!(
            mine.request(Some(&cursor), None).expect("mine").after.as_deref(),
            Some("größe/17")
        );
        for (list, cursor) in [
            (List::of("tasks", &("a", 2)), cursor.as_str()),
            (List::of("runs", &("a", 1)), cursor.as_str()),
            (List::of("tasks", &("a", 1)), "x"),
            (List::of("tasks", &("a", 1)), &cursor[..cursor.len() - 1]),
        ] {
            assert_eq!(
                list.request(Some(cursor), None).expect_err("refused").code,
                ErrorCode::CursorInvalid
            );
        }
    }

    #[test]
    fn u41_empty_cursor_starts_at_the_first_page() {
        assert_eq!(List::of("tasks", &()).request(Some(""), None).expect("none").after, None);
    }

    #[test]
    fn limit_out_of_range_is_rejected() {
        assert_eq!(checked(None).expect("default"), PAGE_ITEMS_DEFAULT);
        assert_eq!(checked(Some(PAGE_ITEMS_MAX)).expect("the most"), PAGE_ITEMS_MAX);
        assert!(checked(Some(0)).is_err());
        assert!(checked(Some(PAGE_ITEMS_MAX + 1)).is_err());
    }
}
