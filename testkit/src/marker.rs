//! Records of started workloads and live processes, independent of the code under test.

use std::path::{Path, PathBuf};

/// A file to which a workload appends a line when it starts, so that a test can count the starts.
///
/// One `echo line >> "$path"` is one atomic append, also from workloads that start at the same
/// instant.
pub struct StartMarker {
    folder: tempfile::TempDir,
}

impl StartMarker {
    /// Creates an empty marker.
    #[expect(clippy::new_without_default, reason = "it makes a folder, which a default should not")]
    pub fn new() -> Self {
        StartMarker { folder: tempfile::tempdir().expect("the temporary folder can be written") }
    }

    /// The file to which the workload appends.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("starts")
    }

    /// The lines in the order of the starts.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Number of starts.
    pub fn count(&self) -> usize {
        self.lines().len()
    }
}

/// The processes with `text` in their environment, except this one. A zombie has no environment and
/// does not count.
pub fn alive_with_marker(text: &str) -> Vec<u32> {
    let environment_has_it = |process: &Path| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        environment.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert!(!text.is_empty(), "every process has an empty marker");
    let processes = std::fs::read_dir("/proc").expect("/proc is mounted").flatten();
    processes
        .filter_map(|entry| Some((entry.path(), entry.file_name().to_str()?.parse().ok()?)))
        .filter(|(path, pid)| *pid != std::process::id() && environment_has_it(path))
        .map(|(_, pid)| pid)
        .collect()
}
