//! Limits of parameters and headers. The extractors enforce them; the document states them.

/// Items of a page unless the caller gives a limit.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// Most items of a page.
pub const PAGE_ITEMS_MAX: u32 = 200;
/// Hexadecimal digits with which a cursor names its list and filters.
pub const CURSOR_SEAL_DIGITS: usize = 16;
/// The form of a cursor: [`CURSOR_SEAL_DIGITS`], then the place in pairs of digits; empty = none.
pub const CURSOR_PATTERN: &str = "^([0-9a-f]{16}([0-9a-f]{2})*)?$";
/// Most characters of a filter on the beginning of a name.
pub const FILTER_CHARS_MAX: usize = 50;
/// No control character.
pub const FILTER_PATTERN: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// The phase by which tasks are found that were never started.
pub const NEVER_STARTED: &str = "new";
/// Most lines from the end of a log.
pub const TAIL_LINES_MAX: u64 = 1_000_000_000;
/// Most characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Visible ASCII characters.
pub const IDEMPOTENCY_KEY_PATTERN: &str = "^[!-~]+$";
/// One entity tag with its quotes, or `*`.
pub const IF_MATCH_PATTERN: &str = r#"^(\*|(W/)?"[!#-~]*")$"#;
