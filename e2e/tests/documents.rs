//! Compares the registers of defects and attacks, `docs/known-defects.md` and `docs/security.md`,
//! with the tests.
//!
//! A register is a table whose rows begin with a number (`F12`) and end with test names in
//! backticks. Every named test exists and has the number of its row in its name; every test with a
//! number in its name is listed in the row of that number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const REGISTERS: [(&str, &str); 2] =
    [("docs/known-defects.md", "FIHPL"), ("docs/security.md", "ABU")];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rows of a register: number → (named tests, the whole last column).
fn rows(document: &str) -> BTreeMap<String, (BTreeSet<String>, String)> {
    let text = fs::read_to_string(repository().join(document)).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (Some(number), Some(last)) = (cells.first(), cells.last()) else { continue };
        if !is_number(number) {
            continue;
        }
        let named = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let before = rows.insert((*number).to_owned(), (named, (*last).to_owned()));
        assert!(before.is_none(), "{document}: {number} has two rows");
    }
    rows
}

/// Parses `F12`: one capital letter and digits.
fn is_number(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_uppercase())
        && chars.as_str().parse::<u32>().is_ok()
}

/// Numbers at the begin of a test's name: `f15_l8_a_federation…` carries F15 and L8, `i03_…`
/// carries I3.
fn numbers_of(test: &str) -> Vec<String> {
    let number = |word: &str| {
        let (letter, digits) = (word.chars().next()?, word.get(1..)?);
        let number = digits.parse::<u32>().ok().filter(|_| letter.is_ascii_lowercase())?;
        Some(format!("{}{number}", letter.to_ascii_uppercase()))
    };
    test.split('_').map_while(number).collect()
}

/// Functions of all Rust files whose names begin with a number, by name.
fn numbered_tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            numbered_tests(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let tests = text.lines().filter_map(|line| {
                let rest = line
                    .trim_start()
                    .trim_start_matches("pub ")
                    .trim_start_matches("async ")
                    .strip_prefix("fn ")?;
                Some(rest.split(['(', '<']).next().unwrap_or_default().to_owned())
            });
            found.extend(tests.filter(|test| !numbers_of(test).is_empty()));
        }
    }
}

#[test]
fn registers_and_numbered_tests_match() {
    let mut tests = BTreeSet::new();
    numbered_tests(&repository(), &mut tests);
    assert!(tests.len() > 100, "only {} numbered tests were found", tests.len());
    let mut wrong = Vec::new();
    for (document, letters) in REGISTERS {
        let rows = rows(document);
        for (number, (named, last)) in &rows {
            if named.is_empty()
                && !last.starts_with("open: ")
                && !last.starts_with("not applicable: ")
            {
                wrong.push(format!("{document}: {number} names neither a test nor `open: …` nor `not applicable: …`"));
            }
            for test in named {
                if !tests.contains(test) {
                    wrong.push(format!("{document}: {number} names {test}, which does not exist"));
                } else if !numbers_of(test).contains(number) {
                    wrong.push(format!(
                        "{document}: {number} names {test}, whose name does not carry that number"
                    ));
                }
            }
        }
        for test in &tests {
            for number in
                numbers_of(test).into_iter().filter(|number| letters.contains(&number[..1]))
            {
                if !rows.get(&number).is_some_and(|(named, _)| named.contains(test)) {
                    wrong.push(format!(
                        "{document}: the row of {number} does not name the test {test}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
