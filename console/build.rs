//! Writes the table of the files in `console/dist`, which `make console` makes. Without a complete
//! build of the console the table is empty, and everything compiles.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "embed/tag.rs"]
mod tag;

/// File that the build of the console writes last.
const COMPLETE: &str = ".sources";
/// Parts of index.html that the server replaces.
const REPLACED: [&str; 2] = [r#"<base href="/">"#, r#"<meta name="flow-console" content="hub">"#];

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo"));
    let dist = root.join("dist");
    // Cargo runs this script at every build if a watched path is missing. In a tree that cannot be
    // written, it does.
    let _ = fs::create_dir(&dist);
    for watched in ["build.rs", "embed/tag.rs", "dist"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let mut table = String::from("&[\n");
    if dist.join(COMPLETE).exists() {
        check_index(&dist.join("index.html"));
        let mut files = Vec::new();
        collect(&dist, &dist, &mut files);
        files.sort();
        for name in files {
            let path = dist.join(&name);
            let content = fs::read(&path).expect("a file of console/dist is readable");
            let tag = tag::of(&content);
            let _ = writeln!(table, "({name:?}, include_bytes!({path:?}), {tag:?}),");
        }
    }
    table.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by Cargo"));
    fs::write(out.join("table.rs"), table).expect("OUT_DIR is writable");
}

fn check_index(index: &Path) {
    let text = fs::read_to_string(index).unwrap_or_default();
    for part in REPLACED {
        assert!(
            text.matches(part).count() == 1,
            "{} must contain {part} once: run `make console`",
            index.display()
        );
    }
}

/// Adds the names of the files below a folder, relative to `dist`. Hidden files are notes of the
/// build.
fn collect(dist: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of console/dist is readable") {
        let path = entry.expect("a folder of console/dist is readable").path();
        let name = path.strip_prefix(dist).ok().and_then(Path::to_str);
        let name = name.expect("names in console/dist are UTF-8").to_owned();
        if name.rsplit('/').next().is_some_and(|last| last.starts_with('.')) {
            continue;
        }
        match path.is_dir() {
            true => collect(dist, &path, files),
            false => files.push(name),
        }
    }
}
