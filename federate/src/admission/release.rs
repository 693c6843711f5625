//! The outputs that may leave the party.
//!
//! A rule refers to names of the party's own configuration only. The name of a template is chosen
//! at the hub and would not bind it.

use flow_domain::id::DatasetName;
use serde::Deserialize;

use crate::workload::Origin;

/// One entry of `outputs.release`: outputs of workloads with this image, with this dataset, or with
/// both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ReleaseEntry")]
pub struct ReleaseRule {
    pub image: Option<String>,
    pub dataset: Option<DatasetName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseEntry {
    image: Option<String>,
    dataset: Option<DatasetName>,
}

impl TryFrom<ReleaseEntry> for ReleaseRule {
    type Error = String;

    fn try_from(ReleaseEntry { image, dataset }: ReleaseEntry) -> Result<Self, String> {
        if image.is_none() && dataset.is_none() {
            return Err("an entry needs `image`, `dataset` or both; it releases the outputs of \
                        workloads that have all of them"
                .to_owned());
        }
        Ok(Self { image, dataset })
    }
}

impl ReleaseRule {
    pub(super) fn matches(&self, origin: &Origin) -> bool {
        self.image.as_ref().is_none_or(|image| *image == origin.image)
            && self.dataset.as_ref().is_none_or(|dataset| Some(dataset) == origin.dataset.as_ref())
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
        assert!(!none.releases(&digits) && !none.releases(&origin("x:1", None)), "by default");
        let dataset = policy(&[r#"{"dataset": "digits"}"#]);
        assert!(dataset.releases(&digits) && !dataset.releases(&other));
        assert!(!dataset.releases(&origin("x:1", None)), "a member without a dataset");
        let image = policy(&[r#"{"image": "x:1"}"#]);
        assert!(image.releases(&other) && !image.releases(&origin("x:2", Some("digits"))));
        let both = policy(&[r#"{"image": "x:1", "dataset": "digits"}"#, r#"{"image": "agg"}"#]);
        assert!(both.releases(&digits) && !both.releases(&other));
        assert!(both.releases(&origin("agg", None)));
        for bad in ["{}", r#"{"template": "digits"}"#, r#"{"dataset": "UPPER"}"#] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }
}
