//! Conversion of the values of iflearner-flow to values of this hub.

use std::collections::BTreeMap;

use flow_domain::id::{DatasetName, Digest};
use flow_domain::limits::{GRACE_S_DEFAULT, RUNTIME_S_DEFAULT};
use flow_domain::template::{Framework, ParamSchema, ParamType, Resources, TemplateBody};

use crate::iflearner_flow::ENTRY_POINT;

/// Characters of a path's digest in the name of a dataset.
const PATH_DIGEST_CHARS: usize = 8;
/// Most characters of the part of a dataset's name that comes from its path. With a digest the name
/// has at most 63.
const PATH_NAME_CHARS_MAX: usize = 63 - PATH_DIGEST_CHARS - 1;

/// Returns the name of the dataset that takes the place of a directory: its last part.
pub(super) fn dataset_name(path: &str) -> DatasetName {
    let last = path.rsplit('/').find(|part| !part.trim().is_empty()).unwrap_or_default();
    let words: String = last
        .to_lowercase()
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char } else { ' ' })
        .collect();
    let name: String = words.split_whitespace().collect::<Vec<_>>().join("-");
    let name = name.get(..PATH_NAME_CHARS_MAX).unwrap_or(&name).trim_end_matches('-');
    name.parse().unwrap_or_else(|_| distinct_dataset_name("data", path))
}

/// Returns a name for the directory `path`, if another directory of the party has the name `name`.
pub(super) fn distinct_dataset_name(name: &str, path: &str) -> DatasetName {
    let digest = Digest::of(path.as_bytes());
    let digest = &digest.as_str()[..PATH_DIGEST_CHARS];
    format!("{name}-{digest}").parse().expect("a name of allowed characters and a digest")
}

/// The content of a template. `hyper_parameter` becomes its parameters.
pub(super) fn template_body(
    image: &str,
    workdir: &str,
    mut command: Vec<String>,
    parameters: &BTreeMap<String, String>,
) -> TemplateBody {
    if command.is_empty() {
        command.push(ENTRY_POINT.to_owned());
    }
    let schema = |(name, value): (&String, &String)| {
        let default = Some(value.clone());
        let schema = ParamSchema {
            kind: ParamType::String,
            default,
            allowed: Vec::new(),
            minimum: None,
            maximum: None,
            description: String::new(),
        };
        (name.clone(), schema)
    };
    TemplateBody {
        framework: Framework::Iflearner,
        image: image.to_owned(),
        command,
        aggregator_command: Vec::new(),
        workdir: workdir.to_owned(),
        env: BTreeMap::new(),
        parameters: parameters.iter().map(schema).collect(),
        resources: Resources::default(),
        max_runtime_s: RUNTIME_S_DEFAULT,
        stop_grace_s: GRACE_S_DEFAULT,
        requires_aggregator: false,
        requires_dataset: [].into(),
    }
}

/// Splits the items of a `hyper_parameter` into parameters (`--name=value` or `name=value`) and
/// items of another form.
pub(super) fn parameters(items: &[String]) -> (BTreeMap<String, String>, Vec<&str>) {
    let (mut parameters, mut others) = (BTreeMap::new(), Vec::new());
    for item in items {
        let entry = item.split_once('=').map(|(name, value)| (name.trim(), value));
        match entry.map(|(name, value)| (name.trim_start_matches('-'), value)) {
            Some((name, value)) if !name.is_empty() => {
                parameters.insert(name.to_owned(), value.to_owned());
            }
            _ => others.push(item.as_str()),
        }
    }
    (parameters, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dataset_is_named_after_the_last_part_of_its_path() {
        let name = |path: &str| dataset_name(path).to_string();
        assert_eq!(name("/data/MNIST/"), "mnist");
        assert_eq!(name("/srv/Patients_2022 (v2)"), "patients-2022-v2");
        assert_eq!(name(&format!("/srv/{}", "a".repeat(100))), "a".repeat(54));
        assert_eq!(
            name("/数据"),
            format!("data-{}", &Digest::of("/数据".as_bytes()).as_str()[..8])
        );
        assert_eq!(name("/"), distinct_dataset_name("data", "/").to_string());
    }

    #[test]
    fn hyper_parameters_become_parameters_by_name() {
        let items = ["--lr=0.1", "batch=32", "verbose", "--a=b=c", "=1"].map(str::to_owned);
        let (parameters, others) = parameters(&items);
        let expected = [("a", "b=c"), ("batch", "32"), ("lr", "0.1")];
        assert!(
            parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected)
        );
        assert_eq!(others, ["verbose", "=1"]);
    }
}
