//! Metrics that `deploy/monitoring` uses.

use std::collections::BTreeSet;

use crate::repository;

/// Panics unless `page`, a page of metrics with a sample of each, has every metric that alert rules
/// and dashboard use and that `is_ours` selects by name.
pub fn assert_monitored(page: &str, is_ours: impl Fn(&str) -> bool) {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let samples: BTreeSet<_> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(|letter| !is_name(letter)).next())
        .collect();
    let is_served =
        |name: &str| samples.contains(name) || samples.contains(format!("{name}_bucket").as_str());
    let mut checked = 0;
    for file in ["alerts.yaml", "dashboard.json"] {
        let path = repository().join("deploy/monitoring").join(file);
        let text = std::fs::read_to_string(&path).expect("the repository has the file");
        let words = text.split(|letter| !is_name(letter));
        for name in words.filter(|word| word.starts_with("flow_") && is_ours(word)) {
            assert!(is_served(name), "{file} uses {name}, which is not in\n{page}");
            checked += 1;
        }
    }
    assert!(checked > 0, "no metric was checked");
}
