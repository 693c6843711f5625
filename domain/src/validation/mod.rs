//! Validation of templates and tasks. A check finds all errors at once, each with a JSON pointer
//! and the accepted values.

mod task;
mod template;

use crate::error::{FieldCode, FieldErrors};
use crate::limits::{NAME_CHARS_MAX, NAME_CHARS_MIN, REMARK_CHARS_MAX};

/// Checks name and remark of a template. [`crate::template::TemplateBody::validate`] checks its
/// content.
///
/// # Errors
/// All errors, with pointers to `/name` and `/remark`.
pub fn validate_head(name: &str, remark: &str) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    check_head(name, remark, &mut errors);
    errors.finish()
}

/// Checks name and remark of a template or a task.
pub(crate) fn check_head(name: &str, remark: &str, errors: &mut FieldErrors) {
    errors.chars("/name", name, NAME_CHARS_MIN, NAME_CHARS_MAX);
    if name.chars().any(char::is_control) {
        errors.add("/name", FieldCode::Pattern, "must not contain control characters");
    }
    if name.trim() != name {
        errors.add("/name", FieldCode::Pattern, "must not begin or end with white space");
    }
    // Tools that export tasks may use the name as a file name.
    if name.contains(['/', '\\']) || name.contains("..") {
        errors.add("/name", FieldCode::Pattern, "must not contain `/`, `\\` or `..`");
    }
    check_remark(remark, errors);
}

/// Checks the remark of a template, a task or a party.
pub fn check_remark(remark: &str, errors: &mut FieldErrors) {
    errors.chars("/remark", remark, 0, REMARK_CHARS_MAX);
    if remark.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        errors.add(
            "/remark",
            FieldCode::Pattern,
            "must not contain control characters other than line breaks and tabs",
        );
    }
}
