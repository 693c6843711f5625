//! `decide(spec, resolution) → allow | ask | deny`, evaluated at the party on every spec. Default
//! deny.
//!
//! The agent resolves names (image map, datasets) and passes the result in; the decision is pure,
//! so that tests need no agent. An approval is valid for one pair (digest of the spec, digest of
//! the resolution): a change of the party's image map or datasets makes the approval invalid.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::framework;
use crate::id::Digest;
use crate::member::{Reason, ReasonCode};
use crate::spec::{MemberSpec, canonical};
use crate::text::clip;

/// The setting `allow = true | false | "ask"` of an image in the party's image map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "AllowText", into = "AllowText")]
pub enum Allow {
    /// Every spec with this image may run.
    Yes,
    /// No spec with this image may run. The default.
    #[default]
    No,
    /// A person must approve each spec.
    Ask,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AllowText {
    Flag(bool),
    Word(String),
}

impl TryFrom<AllowText> for Allow {
    type Error = String;
    fn try_from(text: AllowText) -> Result<Self, String> {
        match text {
            AllowText::Flag(true) => Ok(Self::Yes),
            AllowText::Flag(false) => Ok(Self::No),
            AllowText::Word(word) if word == "ask" => Ok(Self::Ask),
            AllowText::Word(word) => {
                Err(format!("allow is {word:?} and must be true, false or \"ask\""))
            }
        }
    }
}

impl From<Allow> for AllowText {
    fn from(allow: Allow) -> Self {
        match allow {
            Allow::Yes => Self::Flag(true),
            Allow::No => Self::Flag(false),
            Allow::Ask => Self::Word("ask".to_owned()),
        }
    }
}

/// The entry of the image map that matches a spec's image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedImage {
    /// Name of the entry in the party's configuration.
    pub entry: String,
    /// The exact value at this party: a root directory or an image digest. Never leaves the party.
    pub meaning: String,
    /// Setting `allow` of the entry.
    pub allow: Allow,
    /// Names of the environment variables that a template may set for this image.
    #[serde(default)]
    pub env: BTreeSet<String>,
}

/// The dataset with the name in the spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedDataset {
    /// Directory of the dataset. Never leaves the party.
    pub meaning: String,
}

/// The party's resolution of the names in a spec; `None` = the party declares no such name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Entry of the image map for the spec's image.
    pub image: Option<ResolvedImage>,
    /// Dataset, if the spec names one.
    pub dataset: Option<ResolvedDataset>,
}

impl Resolution {
    /// Digest of the resolved values without the permissions. An approval is valid for this digest
    /// and that of the spec.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let image = self.image.as_ref().map(|image| &image.meaning);
        let dataset = self.dataset.as_ref().map(|dataset| &dataset.meaning);
        let bytes = canonical::bytes(&serde_json::json!({ "image": image, "dataset": dataset }));
        Digest::of(&bytes.expect("texts and nulls always have a canonical form"))
    }
}

/// The permission that a party's policy gives to a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// The spec may run.
    Allow,
    /// A person must approve first.
    Ask,
    /// The spec may not run.
    Deny,
}

/// The decision of a party's policy, with its cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PolicyDecision {
    /// Permission of the spec.
    pub permission: Permission,
    /// The rule that decided, in the notation of the party's configuration.
    pub rule: String,
    /// Reason for the hub; `None` if the spec may run. Contains no resolved value.
    pub reason: Option<Reason>,
}

/// Longest list of variable names in a reason, in characters.
const NAMES_CHARS_MAX: usize = 300;

/// Decides whether the party's policy permits this spec. No content of the spec can extend the
/// permission.
#[must_use]
pub fn decide(spec: &MemberSpec, resolution: &Resolution) -> PolicyDecision {
    let deny = |rule: String, code, message: String| PolicyDecision {
        permission: Permission::Deny,
        rule,
        reason: Some(Reason::new(code, message)),
    };
    let Some(image) = &resolution.image else {
        let message = format!("{} maps no image {:?}", spec.party, spec.image);
        return deny(
            "default deny: no entry for the image".to_owned(),
            ReasonCode::ImageUnknown,
            message,
        );
    };
    let rule = |allow: &str| format!("images.{:?}: allow = {allow}", image.entry);
    if image.allow == Allow::No {
        let message = format!("{} does not allow the image {}", spec.party, spec.image);
        return deny(rule("false"), ReasonCode::PolicyDenied, message);
    }
    if let Some(dataset) = spec.dataset.as_ref().filter(|_| resolution.dataset.is_none()) {
        let message = format!("{} offers no dataset \"{dataset}\"", spec.party);
        return deny(
            "default deny: no entry for the dataset".to_owned(),
            ReasonCode::DatasetUnknown,
            message,
        );
    }
    // A variable can make an allowed program execute another one (PYTHONWARNINGS with BROWSER,
    // NODE_OPTIONS, PS4, …), and no list of forbidden names is complete: only listed names are
    // allowed.
    let unlisted = spec.env.keys().filter(|name| {
        !framework::is_own_variable(spec.framework, name) && !image.env.contains(*name)
    });
    let unlisted: Vec<&str> = unlisted.map(String::as_str).collect();
    if !unlisted.is_empty() {
        let names = unlisted.join(", ");
        let message = format!(
            "{} does not let a template set {} for the image {}: remove it from the template's `env`, or ask the party to add it to \
             `env` of the image in its configuration",
            spec.party,
            clip(&names, NAMES_CHARS_MAX),
            spec.image
        );
        return deny(
            format!("images.{:?}: env does not list the variable", image.entry),
            ReasonCode::PolicyDenied,
            message,
        );
    }
    if image.allow == Allow::Ask {
        let message = format!("the administrator of {} must approve the member", spec.party);
        return PolicyDecision {
            permission: Permission::Ask,
            rule: rule("\"ask\""),
            reason: Some(Reason::new(ReasonCode::ApprovalRequired, message)),
        };
    }
    PolicyDecision { permission: Permission::Allow, rule: rule("true"), reason: None }
}
