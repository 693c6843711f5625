//! Pages of lists: the cursor of a page, and its end.

use super::error::StoreError;
use super::types::{Page, PageRequest};

/// Builds a page from `limit + 1` rows. The extra row shows that another page follows; it is
/// dropped.
pub(super) fn into_page<T>(
    mut rows: Vec<T>,
    page: &PageRequest,
    cursor: impl Fn(&T) -> String,
) -> Page<T> {
    let limit = page.limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = if has_more { rows.last().map(cursor) } else { None };
    Page { items: rows, next }
}

/// Returns the cursor of a list that is ordered by a number.
pub(super) fn after_number(page: &PageRequest) -> Result<Option<i64>, StoreError> {
    page.after.as_deref().map(|text| text.parse().map_err(|_| StoreError::Cursor)).transpose()
}

/// Returns the smallest text that is greater than every text with this prefix.
pub(super) fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
