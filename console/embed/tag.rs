//! Entity tags. `build.rs` uses this module too.

use std::hash::{DefaultHasher, Hasher as _};

/// Returns the entity tag of a content: other bytes, another tag.
pub fn of(content: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(content);
    format!("\"{:016x}\"", hash.finish())
}
