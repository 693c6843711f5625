//! Values of iflearner-flow that this hub keeps, for clients of REST v1 and for imports.

use flow_domain::id::TemplateId;

/// Program of a template whose `command` is empty. In iflearner-flow the entry point of the image
/// runs then; an image here has none.
pub const ENTRY_POINT: &str = "entrypoint";
/// Digits that the original's template ids lack: they are UUIDs without the last two digits.
const CUT_DIGITS: &str = "00";

/// Parses a template id of 30 digits (of the original) or 32 (of this hub).
#[must_use]
pub fn template_id(text: &str) -> Option<TemplateId> {
    let is_cut = text.len() + CUT_DIGITS.len() == 32;
    format!("{text}{}", if is_cut { CUT_DIGITS } else { "" }).parse().ok()
}

/// Returns the id with which [`template_id`] finds a template: an imported one has the original's.
/// An id of this hub is a UUIDv7 and stays whole, because REST v2 accepts no other form.
#[must_use]
pub fn template_id_text(id: &TemplateId) -> &str {
    let text = id.as_str();
    let is_own = text.get(12..13) == Some("7");
    text.strip_suffix(CUT_DIGITS).filter(|_| !is_own).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_ids_of_the_original_are_kept() {
        let (cut, whole) = ("0123456789abcdef0123456789abcd", "0123456789abcdef0123456789abcdef");
        let own = "01a22ce4127e76f5a810780a56d77f00";
        for text in [cut, whole, own] {
            let id = template_id(text).expect("a template id");
            assert_eq!(template_id_text(&id), text);
            assert_eq!(template_id(id.as_str()), Some(id), "the long form is accepted, too");
        }
        for text in ["", "0123", "0123456789ABCDEF0123456789ABCD", "x123456789abcdef0123456789abcd"]
        {
            assert_eq!(template_id(text), None, "{text:?}");
        }
    }
}
