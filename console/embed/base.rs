//! The path under which browsers find a server.

/// Longest path, in bytes.
const BYTES_MAX: usize = 200;

/// Path under which browsers find a server: `/`, or the path that a proxy puts before all paths of
/// the server, such as `/flow/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Default for Base {
    /// Returns `/`.
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl Base {
    /// Reads a path that begins with `/`; a slash at the end is not significant. Segments consist of
    /// letters, digits, `.`, `_`, `~` and `-`. Another text is no path.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        if path == "/" {
            return Some(Self::default());
        }
        let inner = path.strip_prefix('/')?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
        };
        let is_path = path.len() <= BYTES_MAX && inner.split('/').all(is_segment);
        is_path.then(|| Self(format!("/{inner}/")))
    }

    /// Returns the path with a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Removes this path from the begin of another one. Returns nothing if there is nothing to
    /// remove.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let folder = self.0.strip_suffix('/').filter(|folder| !folder.is_empty())?;
        match path.strip_prefix(folder)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_read() {
        for (text, expected) in [
            ("/", "/"),
            ("/flow", "/flow/"),
            ("/flow/", "/flow/"),
            ("/a.b/c_d/~e-1", "/a.b/c_d/~e-1/"),
        ] {
            assert_eq!(Base::parse(text).expect(text).as_str(), expected);
        }
        for text in [
            "",
            "flow",
            "//",
            "//evil.example",
            "/a//b",
            "/a/../b",
            "/./",
            "/a\"b",
            "/<x>",
            "/a b",
            "/%2e%2e",
            "/a?b",
            "/a#b",
            "/ä",
            "https://evil.example/",
            "/a\\b",
        ] {
            assert_eq!(Base::parse(text), None, "{text}");
        }
        assert_eq!(Base::parse(&format!("/{}", "x".repeat(BYTES_MAX))), None);
    }

    #[test]
    fn base_is_removed_from_paths_below_it() {
        let base = Base::parse("/flow").expect("a path");
        for (path, expected) in [
            ("/flow", Some("/")),
            ("/flow/", Some("/")),
            ("/flow/api/v2/tasks", Some("/api/v2/tasks")),
            ("/flowers", None),
            ("/api/v2/tasks", None),
        ] {
            assert_eq!(base.strip(path), expected, "{path}");
        }
        assert_eq!(Base::default().strip("/api"), None);
    }
}
