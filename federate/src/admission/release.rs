//! The outputs that may leave the party.
//!
//! A rule selects by names of the party's own configuration. The name of a template is chosen at the
//! hub and would not bind it. The hub names the project, too: `projects` only narrows a rule, for
//! other users of a hub that the party trusts.

use flow_domain::id::{DatasetName, ProjectId};
use serde::Deserialize;

use crate::workload::Origin;

/// One entry of `outputs.release`: outputs of workloads with this image, with this dataset, or with
/// both; to every project, or to those of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ReleaseEntry")]
pub struct ReleaseRule {
    pub image: Option<String>,
    pub dataset: Option<DatasetName>,
    /// `None` = every project.
    pub projects: Option<Vec<ProjectId>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseEntry {
    image: Option<String>,
    dataset: Option<DatasetName>,
    projects: Option<Vec<ProjectId>>,
}

impl TryFrom<ReleaseEntry> for ReleaseRule {
    type Error = String;

    fn try_from(entry: ReleaseEntry) -> Result<Self, String> {
        let ReleaseEntry { image, dataset, projects } = entry;
        if image.is_none() && dataset.is_none() {
            return Err("an entry needs `image`, `dataset` or both; it releases the outputs of \
                        workloads that have all of them"
                .to_owned());
        }
        if projects.as_ref().is_some_and(Vec::is_empty) {
            return Err("`projects` must name at least one project; without it the entry is for \
                        every project"
                .to_owned());
        }
        Ok(Self { image, dataset, projects })
    }
}

impl ReleaseRule {
    pub(super) fn matches(&self, origin: &Origin) -> bool {
        self.image.as_ref().is_none_or(|image| *image == origin.image)
            && self.dataset.as_ref().is_none_or(|dataset| Some(dataset) == origin.dataset.as_ref())
    }

    /// `None` for a hub that does not name the project.
    pub(super) fn admits(&self, project: Option<&ProjectId>) -> bool {
        let names = |projects: &Vec<ProjectId>| project.is_some_and(|own| projects.contains(own));
        self.projects.as_ref().is_none_or(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::PartyPolicy;

    fn rule(text: &str) -> Result<ReleaseRule, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn u6_outputs_leave_only_if_one_rule_matches_image_and_dataset() {
        let origin = |image: &str, dataset: Option<&str>| Origin {
            image: image.to_owned(),
            run_name: String::new(),
            dataset: dataset.map(|name| name.parse().expect("a name")),
        };
        let policy = |rules: &[&str]| PartyPolicy {
            release: rules.iter().map(|text| rule(text).expect("a rule")).collect(),
            ..PartyPolicy::default()
        };
        let (digits, other) = (origin("x:1", Some("digits")), origin("x:1", Some("scans")));
        let none = policy(&[]);
        assert!(
            !none.releases(&digits, None) && !none.releases(&origin("x:1", None), None),
            "by default"
        );
        let dataset = policy(&[r#"{"dataset": "digits"}"#]);
        assert!(dataset.releases(&digits, None) && !dataset.releases(&other, None));
        assert!(!dataset.releases(&origin("x:1", None), None), "a member without a dataset");
        let image = policy(&[r#"{"image": "x:1"}"#]);
        assert!(
            image.releases(&other, None) && !image.releases(&origin("x:2", Some("digits")), None)
        );
        let both = policy(&[r#"{"image": "x:1", "dataset": "digits"}"#, r#"{"image": "agg"}"#]);
        assert!(both.releases(&digits, None) && !both.releases(&other, None));
        assert!(both.releases(&origin("agg", None), None));
        let narrow = policy(&[r#"{"dataset": "digits", "projects": ["lab", "study"]}"#]);
        let project = |name: &str| name.parse::<ProjectId>().expect("a name");
        assert!(narrow.releases(&digits, Some(&project("study"))));
        assert!(!narrow.releases(&other, Some(&project("study"))), "another dataset");
        assert!(!narrow.releases(&digits, Some(&project("default"))), "another project");
        assert!(!narrow.releases(&digits, None), "the hub does not name the project");
        assert_eq!(narrow.projects_of(&digits), [&project("lab"), &project("study")]);
        for bad in [
            r#"{"projects": ["lab"]}"#,
            r#"{"dataset": "digits", "projects": []}"#,
            r#"{"dataset": "digits", "projects": ["A B"]}"#,
            "{}",
            r#"{"template": "digits"}"#,
            r#"{"dataset": "UPPER"}"#,
        ] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }
}
