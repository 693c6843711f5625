//! Names of the files that a workload leaves in its output directory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest path of an output, in bytes.
pub const PATH_BYTES_MAX: usize = 512;
/// Most parts of a path: directories and the file.
pub const PATH_DEPTH_MAX: usize = 16;
/// Most files of a list of outputs.
pub const FILES_MAX: usize = 1000;
/// Regular expression for a path: no control character, no `/` at either end.
pub const PATH_PATTERN: &str =
    r"^[^/\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^/\x00-\x1f\x7f-\x9f])?$";

/// A path of a file relative to the output directory of a member. It stays inside that directory:
/// no part is empty, `.` or `..`. It has no control character and no character that changes the
/// direction of text, so that it can be printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutputPath(String);

/// The reason why a text is no [`OutputPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadOutputPath(&'static str);

impl fmt::Display for BadOutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadOutputPath {}

impl OutputPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directories and the file, in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for OutputPath {
    type Err = BadOutputPath;

    fn from_str(text: &str) -> Result<Self, BadOutputPath> {
        if text.is_empty() || text.len() > PATH_BYTES_MAX {
            return Err(BadOutputPath("the path of an output has 1 to 512 bytes"));
        }
        if text.chars().any(is_unprintable) {
            return Err(BadOutputPath("the path of an output has no control characters"));
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(BadOutputPath(
                "the path of an output is relative, without empty parts, `.` and `..`",
            ));
        }
        if text.split('/').count() > PATH_DEPTH_MAX {
            return Err(BadOutputPath("the path of an output has at most 16 parts"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for OutputPath {
    type Error = BadOutputPath;

    fn try_from(text: String) -> Result<Self, BadOutputPath> {
        text.parse()
    }
}

impl From<OutputPath> for String {
    fn from(OutputPath(text): OutputPath) -> Self {
        text
    }
}

impl fmt::Display for OutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Control characters, line separators, and marks that change the direction of text.
fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u6_path_of_an_output_stays_in_the_directory_and_can_be_printed() {
        let long = "a".repeat(PATH_BYTES_MAX + 1);
        let deep = vec!["a"; PATH_DEPTH_MAX + 1].join("/");
        for bad in [
            "",
            ".",
            "..",
            "/",
            "/etc/passwd",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            "a/./b",
            "a/..",
            "a\0b",
            "a\nb",
            "\u{1b}[2J",
            "a\u{202e}b",
            &long,
            &deep,
        ] {
            assert!(bad.parse::<OutputPath>().is_err(), "{bad:?}");
        }
        for good in ["model.npz", "a/b/c.txt", "..a", "a..", "größe 1.bin", "a\\b", "%2e%2e", "~"]
        {
            let path: OutputPath = good.parse().expect(good);
            assert_eq!(path.as_str(), good);
        }
        let deep = vec!["a"; PATH_DEPTH_MAX].join("/");
        assert_eq!(deep.parse::<OutputPath>().expect("just fits").parts().count(), PATH_DEPTH_MAX);
    }
}
