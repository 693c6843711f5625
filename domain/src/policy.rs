//! `decide(spec, resolution) → allow | ask | deny`, evaluated at the party on every spec. Default deny.
//!
//! The agent looks names up (image map, datasets) and hands over what it found; the decision is here, so that it can be
//! explained and tested without an agent. An approval is for (digest of the spec, digest of the resolution): when a
//! name comes to mean something else at the party, what was approved is no longer what would run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::framework;
use crate::id::Digest;
use crate::member::{Reason, ReasonCode};
use crate::spec::{MemberSpec, canonical};
use crate::text::clip;

/// What the party's image map says of an image: `allow = true | false | "ask"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "AllowText", into = "AllowText")]
pub enum Allow {
    /// Whatever names it may run.
    Yes,
    /// Nothing may run. The default.
    #[default]
    No,
    /// A person approves each spec.
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

/// The entry of the image map that a spec's image fell under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedImage {
    /// Name of the entry, as the party wrote it.
    pub entry: String,
    /// What it means here, as exactly as the party can say: a root directory, an image digest. Never leaves the party.
    pub meaning: String,
    /// What the party allows.
    pub allow: Allow,
    /// Names of the environment variables that a template may set for it.
    #[serde(default)]
    pub env: BTreeSet<String>,
}

/// The dataset that a spec's name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedDataset {
    /// What it means here: the directory. Never leaves the party.
    pub meaning: String,
}

/// What a spec's names mean at this party; `None` = nothing is declared under the name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// The image.
    pub image: Option<ResolvedImage>,
    /// The dataset, if the spec names one.
    pub dataset: Option<ResolvedDataset>,
}

impl Resolution {
    /// What an approval is bound to besides the spec: the meanings, not the permission.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let image = self.image.as_ref().map(|image| &image.meaning);
        let dataset = self.dataset.as_ref().map(|dataset| &dataset.meaning);
        let bytes = canonical::bytes(&serde_json::json!({ "image": image, "dataset": dataset }));
        Digest::of(&bytes.expect("texts and nulls always have a canonical form"))
    }
}

/// How a party's policy answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may run.
    Allow,
    /// A person must approve first.
    Ask,
    /// It may not run.
    Deny,
}

/// The answer, with what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// The rule that gave it, in the words of the party's own configuration.
    pub rule: String,
    /// What the hub is told; `None` when it may run. Holds no meaning of a name.
    pub reason: Option<Reason>,
}

/// Longest list of variable names in a reason, in characters.
const SHOWN_NAMES_MAX: usize = 300;

/// What the party's policy says to this spec. Nothing in the spec can widen it.
#[must_use]
pub fn decide(spec: &MemberSpec, resolution: &Resolution) -> Decision {
    let deny = |rule: String, code, message: String| Decision {
        verdict: Verdict::Deny,
        rule,
        reason: Some(Reason::new(code, message)),
    };
    let Some(image) = &resolution.image else {
        let message = format!("no image {} is declared at {}", spec.image, spec.party);
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
        let message = format!("no dataset {dataset} is declared at {}", spec.party);
        return deny(
            "default deny: no entry for the dataset".to_owned(),
            ReasonCode::DatasetUnknown,
            message,
        );
    }
    // A variable can make an allowed program execute another one (PYTHONWARNINGS with BROWSER, NODE_OPTIONS, PS4, …), so no
    // list of forbidden names is ever complete.
    let foreign = spec.env.keys().filter(|name| {
        !framework::is_own_variable(spec.framework, name) && !image.env.contains(*name)
    });
    let foreign: Vec<&str> = foreign.map(String::as_str).collect();
    if !foreign.is_empty() {
        let names = foreign.join(", ");
        let message = format!(
            "{} does not let a template set {} for the image {}: take that out of the template's `env`, or have the party add it to \
             `env` of the image in its configuration",
            spec.party,
            clip(&names, SHOWN_NAMES_MAX),
            spec.image
        );
        return deny(
            format!("images.{:?}: env does not list it", image.entry),
            ReasonCode::PolicyDenied,
            message,
        );
    }
    if image.allow == Allow::Ask {
        let message = format!("a person at {} must approve the spec first", spec.party);
        return Decision {
            verdict: Verdict::Ask,
            rule: rule("\"ask\""),
            reason: Some(Reason::new(ReasonCode::ApprovalRequired, message)),
        };
    }
    Decision { verdict: Verdict::Allow, rule: rule("true"), reason: None }
}
