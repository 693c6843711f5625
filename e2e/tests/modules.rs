//! The direction of dependencies between the modules of each crate, read from the sources: no cycle
//! between the files of one folder, and the order that docs/architecture.md draws.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flow_testkit::repository;

const CRATES: [&str; 12] = [
    "api-types",
    "bench",
    "cli",
    "common",
    "crd",
    "domain",
    "e2e",
    "federate",
    "operator",
    "proto",
    "server",
    "testkit",
];

/// Dependencies that the architecture forbids: crate, module, modules that it must not use.
const FORBIDDEN: &[(&str, &str, &[&str])] = &[
    ("server", "engine", &["api", "grpc"]),
    ("server", "store", &["api", "grpc", "engine"]),
    ("federate", "reconcile", &["session", "agent", "journal"]),
    ("federate", "runtime", &["session", "agent", "reconcile", "journal"]),
    ("federate", "sidecar", &["session", "agent", "reconcile", "journal", "runtime"]),
];

/// Modules by path, `["engine", "queue"]`, with the paths of the modules that each uses.
type Uses = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

#[test]
fn files_of_one_folder_have_no_import_cycles() {
    let mut found = Vec::new();
    for name in CRATES {
        let uses = uses(name);
        let parents: BTreeSet<&[String]> =
            uses.keys().flat_map(|path| (0..path.len()).map(|length| &path[..length])).collect();
        for parent in parents {
            found.extend(cycles(&siblings(&uses, parent)).into_iter().map(|cycle| (name, cycle)));
        }
    }
    assert!(found.is_empty(), "modules that use each other: {found:#?}");
}

#[test]
fn modules_follow_the_order_of_the_architecture() {
    for (name, module, forbidden) in FORBIDDEN {
        let graph = siblings(&uses(name), &[]);
        let used = graph.get(*module).unwrap_or_else(|| panic!("{name} has no module {module}"));
        for other in *forbidden {
            assert!(!used.contains(*other), "{name}: {module} must not use {other}");
        }
    }
}

/// The modules directly below `parent` and the uses between them, which include those of their
/// submodules.
fn siblings(uses: &Uses, parent: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let child = |path: &[String]| {
        let is_below = path.len() > parent.len() && path.starts_with(parent);
        is_below.then(|| path[..=parent.len()].join("::"))
    };
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, used) in uses {
        let Some(from) = child(path) else { continue };
        let to = used.iter().filter_map(|path| child(path)).filter(|to| *to != from);
        graph.entry(from.clone()).or_default().extend(to);
    }
    graph
}

/// Sets of modules that use each other, directly or through others.
fn cycles(graph: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reachable = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            open.extend(graph[module].iter().filter(|next| seen.insert((*next).clone())));
        }
        seen
    };
    let reachable: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|module| (module, reachable(module))).collect();
    let cyclic = graph.keys().filter(|module| reachable[module].contains(*module));
    cyclic
        .map(|module| {
            let members =
                reachable[module].iter().filter(|other| reachable[other].contains(module));
            members.cloned().collect()
        })
        .collect()
}

fn uses(name: &str) -> Uses {
    let root = repository().join(name).join("src");
    let mut sources = BTreeMap::new();
    read(&root, &root, &mut sources);
    let modules: BTreeSet<Vec<String>> = sources.keys().cloned().collect();
    let resolved = |path: &[String], text: &str| {
        let found = paths(path, text).into_iter().map(|mut used| {
            while !used.is_empty() && !modules.contains(&used) {
                used.pop();
            }
            used
        });
        found.filter(|used| used != path).collect()
    };
    sources.iter().map(|(path, text)| (path.clone(), resolved(path, text))).collect()
}

/// Sources by module path, without comments and unit tests. Programs in `bin` are crates of their
/// own.
fn read(root: &Path, folder: &Path, sources: &mut BTreeMap<Vec<String>, String>) {
    let entries = std::fs::read_dir(folder).expect("every crate has sources");
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        if path.is_dir() {
            if !path.ends_with("bin") {
                read(root, &path, sources);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code: Vec<&str> =
                text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
            let relative = path.strip_prefix(root).expect("below the root").with_extension("");
            let mut module: Vec<String> =
                relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let is_parent = |name: &String| name == "mod" || name == "lib" || name == "main";
            module.pop_if(|name| is_parent(name));
            let all: &mut String = sources.entry(module).or_default();
            all.push_str(&code.join("\n"));
            all.push('\n');
        }
    }
}

/// All paths that begin with `crate`, `self` or `super` in the source of `module`, as module paths.
/// The last parts may name items.
fn paths(module: &[String], text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|char| char.is_alphanumeric() || char == '_' || char == ':') {
                continue;
            }
            let mut base = if start == "crate::" { Vec::new() } else { module.to_vec() };
            let mut rest = &text[at..];
            for prefix in ["crate::", "self::"] {
                rest = rest.strip_prefix(prefix).unwrap_or(rest);
            }
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            found.extend(tree(&base, rest));
        }
    }
    found
}

/// The paths of a use tree: `a::{b, c::d}` below `base`.
fn tree(base: &[String], text: &str) -> Vec<Vec<String>> {
    if let Some(inner) = text.strip_prefix('{') {
        let mut depth = 1;
        let mut items = vec![String::new()];
        for char in inner.chars() {
            depth += i32::from(char == '{') - i32::from(char == '}');
            match char {
                _ if depth == 0 => break,
                ',' if depth == 1 => items.push(String::new()),
                _ => items.last_mut().expect("there is always one item").push(char),
            }
        }
        return items.iter().flat_map(|item| tree(base, item.trim_start())).collect();
    }
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
    if end == 0 {
        return vec![base.to_vec()];
    }
    let mut path = base.to_vec();
    if &text[..end] != "self" {
        path.push(text[..end].to_owned());
    }
    match text[end..].strip_prefix("::") {
        Some(rest) => tree(&path, rest),
        None => vec![path],
    }
}

#[test]
fn use_trees_are_read_with_all_branches() {
    let text =
        "use crate::a::{self, b::{c, d}, e};\nuse super::f::G;\npub(super) fn h() { self::i::j() }";
    let module = ["m".to_owned(), "n".to_owned()];
    let found: BTreeSet<String> = paths(&module, text).iter().map(|path| path.join("::")).collect();
    let expected = ["a", "a::b::c", "a::b::d", "a::e", "m::f::G", "m::n::i::j"];
    assert_eq!(found, expected.map(str::to_owned).into());
}
