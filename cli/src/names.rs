//! Names that a user may have meant.

/// Returns the candidate that differs from the typed name by few letters, or that it begins.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Letters of a beginning that selects a candidate.
    const BEGINNING_CHARS_MIN: usize = 3;
    let length = typed.chars().count();
    let distance = |candidate: &str| {
        if length >= BEGINNING_CHARS_MIN && candidate.starts_with(typed) {
            return 1;
        }
        strsim::damerau_levenshtein(typed, candidate)
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= length.div_ceil(4).min(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Words that people type, and the command with that effect.
const COMMANDS: [(&str, &str); 20] = [
    ("add", "flowctl party add NAME, or flowctl apply -f FILE"),
    ("create", "flowctl apply -f FILE"),
    ("events", "flowctl task events TASK"),
    ("inspect", "flowctl describe TASK"),
    ("job", "flowctl task list"),
    ("jobs", "flowctl task list"),
    ("kill", "flowctl task stop TASK"),
    ("list", "flowctl task list"),
    ("ls", "flowctl task list"),
    ("ps", "flowctl top"),
    ("remove", "flowctl task delete TASK"),
    ("runs", "flowctl task runs TASK"),
    ("rm", "flowctl task delete TASK"),
    ("series", "flowctl metrics TASK --csv"),
    ("show", "flowctl describe TASK"),
    ("start", "flowctl task start TASK"),
    ("status", "flowctl describe TASK"),
    ("stop", "flowctl task stop TASK"),
    ("tail", "flowctl logs TASK --follow"),
    ("delete", "flowctl task delete TASK"),
];

/// Returns the command for a verb that flowctl does not have.
pub fn command_for(typed: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(verb, _)| *verb == typed).map(|(_, command)| *command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u13_only_near_names_are_suggested() {
        let candidates = ["digits-run", "apply", "template", "list", "delete"];
        for (typed, expected) in [
            ("digits-rum", Some("digits-run")),
            ("digits", Some("digits-run")),
            ("aply", Some("apply")),
            ("lsit", Some("list")),
            ("tempalte", Some("template")),
            ("metrics", None),
            ("deploy", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, candidates), expected, "{typed}");
        }
    }
}
