//! Parts of `/api/v1` that hub and agent share: the envelope of every response, its error codes and
//! messages, the field mask, pages and times.

mod mask;

use flow_domain::error::{Error, ErrorCode};
use flow_domain::time::Timestamp;
use serde_json::{Value, json};

pub use mask::{MASK_HEADER, Mask};

/// Items of a page if the request has no `limit`.
pub const LIMIT_DEFAULT: u32 = 10;
/// Largest `limit`, in items.
pub const LIMIT_MAX: u32 = 1000;

/// Creates an error whose message is the whole explanation.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::Invalid, message)
}

/// Returns the envelope of a successful response, with the fields that the request selects.
#[must_use]
pub fn success(mask: &Mask, data: Option<Value>) -> Value {
    let mut envelope = json!({ "ret_code": 0, "ret_msg": "success" });
    if let Some(data) = data {
        envelope["data"] = data;
    }
    mask.apply(envelope)
}

/// Returns the HTTP status and the envelope of an error.
///
/// The status is 200 for every error in the content of a request, because clients of this API read
/// `ret_code` only then. Errors of authentication, path, method, size and time have their own
/// status, as have those of the server.
#[must_use]
pub fn failure(error: &Error) -> (u16, Value) {
    let row = error.row();
    let is_own = matches!(row.http, 401 | 403 | 405 | 408 | 413 | 429 | 500..)
        || matches!(error.code, ErrorCode::RouteNotFound | ErrorCode::ProjectNotFound);
    let mut envelope = json!({ "ret_code": ret_code(error.code), "ret_msg": error.message });
    if let Some(original) = original_message(error.code) {
        envelope["ret_msg"] = original.into();
        envelope["detail"] = error.message.as_str().into();
    }
    (if is_own { row.http } else { 200 }, envelope)
}

const fn ret_code(code: ErrorCode) -> i32 {
    match code {
        // Only the start of a task reports an absent party.
        ErrorCode::PartyNotFound => 10304,
        code => code.row().ret_code,
    }
}

/// Returns the message of iflearner-flow for this code, to which scripts may compare.
const fn original_message(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::TemplateNotFound => "template not found",
        ErrorCode::TemplateNameTaken => "duplicate template name",
        ErrorCode::TaskNotFound => "task not found",
        ErrorCode::TaskNameTaken => "duplicate task name",
        ErrorCode::TaskNameEmpty => "empty task name",
        ErrorCode::TaskActive | ErrorCode::TaskNotActive => "status conflicit",
        ErrorCode::PartyNotFound => "task party not found",
        _ => return None,
    })
}

/// The requested part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    page: u32,
    /// Most items of the page.
    pub limit: u32,
}

impl Paging {
    /// Reads the query parameters of a list. Unknown parameters are ignored: the client package
    /// sends a `keyword` that the API never had.
    pub fn of_query(pairs: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            page: number(pairs, "page", u32::MAX)?.unwrap_or(1),
            limit: number(pairs, "limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT),
        })
    }

    /// Number of items before the page.
    #[must_use]
    pub fn offset(&self) -> u32 {
        (self.page - 1).saturating_mul(self.limit)
    }

    /// Returns the items of the page of a complete list.
    pub fn slice<T>(&self, items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        items.into_iter().skip(self.offset() as usize).take(self.limit as usize)
    }
}

/// Reads a query parameter that is a whole number from 1 to `max`; the first of the name counts.
pub fn number(pairs: &[(String, String)], name: &str, max: u32) -> Result<Option<u32>, Error> {
    let Some((_, value)) = pairs.iter().find(|(known, _)| known == name) else { return Ok(None) };
    let parsed = value.parse().ok().filter(|number| (1..=max).contains(number));
    parsed
        .map(Some)
        .ok_or_else(|| invalid(format!("{name} must be a whole number from 1 to {max}")))
}

/// Returns the time as RFC 822 text with the zone `-0000`: `Mon, 25 Jul 2022 20:31:21 -0000`.
#[must_use]
pub fn rfc_822(Timestamp(micros): Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    // The form of HTTP differs in the name of the zone only. It has no years before 0.
    let printed = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
    match printed {
        Ok(text) => text.replace("GMT", "-0000"),
        Err(_) => rfc_822(Timestamp(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_rfc_822_without_a_zone() {
        assert_eq!(rfc_822(Timestamp(1_658_781_081_000_000)), "Mon, 25 Jul 2022 20:31:21 -0000");
        assert_eq!(rfc_822(Timestamp(i64::MIN)), "Thu, 01 Jan 1970 00:00:00 -0000");
    }
}
