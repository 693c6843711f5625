//! Decisions of a party's policy, and the validity of approvals.

use std::collections::BTreeSet;

use flow_domain::framework::seal_all;
use flow_domain::member::ReasonCode;
use flow_domain::policy::{
    Allow, Permission, PolicyDecision, Resolution, ResolvedDataset, ResolvedImage, decide,
};
use flow_domain::sample;
use flow_domain::spec::MemberSpec;

fn spec() -> MemberSpec {
    let mut specs = seal_all(&sample::task(), &sample::template()).expect("valid");
    specs.remove(&sample::party("hospital-a")).expect("it is a member").spec
}

fn found(allow: Allow) -> Resolution {
    Resolution {
        image: Some(ResolvedImage {
            entry: "iflearner-*".to_owned(),
            meaning: "/images/digits".to_owned(),
            allow,
            env: BTreeSet::new(),
        }),
        dataset: Some(ResolvedDataset { meaning: "/secret/digits".to_owned() }),
    }
}

fn answer(resolution: &Resolution) -> (Permission, Option<ReasonCode>) {
    let PolicyDecision { permission, reason, .. } = decide(&spec(), resolution);
    (permission, reason.map(|r| r.code))
}

#[test]
fn f3_undeclared_images_and_datasets_are_denied() {
    assert_eq!(answer(&Resolution::default()), (Permission::Deny, Some(ReasonCode::ImageUnknown)));
    let no_dataset = Resolution { dataset: None, ..found(Allow::Yes) };
    assert_eq!(answer(&no_dataset), (Permission::Deny, Some(ReasonCode::DatasetUnknown)));
    let asked = Resolution { dataset: None, ..found(Allow::Ask) };
    assert_eq!(answer(&asked).0, Permission::Deny, "a spec that cannot run needs no approval");
}

#[test]
fn entry_of_the_image_map_decides() {
    assert_eq!(answer(&found(Allow::Yes)), (Permission::Allow, None));
    assert_eq!(answer(&found(Allow::Ask)), (Permission::Ask, Some(ReasonCode::ApprovalRequired)));
    assert_eq!(answer(&found(Allow::No)), (Permission::Deny, Some(ReasonCode::PolicyDenied)));
    assert_eq!(Allow::default(), Allow::No, "an entry without `allow` permits nothing");
}

#[test]
fn spec_without_dataset_needs_no_entry() {
    let spec = MemberSpec { dataset: None, ..spec() };
    assert_eq!(
        decide(&spec, &Resolution { dataset: None, ..found(Allow::Yes) }).permission,
        Permission::Allow
    );
}

#[test]
fn a5_template_sets_only_variables_that_the_party_lists_for_the_image() {
    let mut spec = spec();
    assert_eq!(
        decide(&spec, &found(Allow::Yes)).permission,
        Permission::Allow,
        "the platform's own variables need no entry"
    );
    for name in ["PYTHONWARNINGS", "BROWSER"] {
        spec.env.insert(name.to_owned(), "x".to_owned());
    }
    let listing = |allow, names: &[&str]| {
        let mut resolution = found(allow);
        resolution.image.as_mut().expect("it is there").env =
            names.iter().map(|name| (*name).to_owned()).collect();
        resolution
    };
    for resolution in [
        found(Allow::Yes),
        found(Allow::Ask),
        listing(Allow::Yes, &["PYTHONWARNINGS", "BROWSE", "browser"]),
    ] {
        let PolicyDecision { permission, reason, rule } = decide(&spec, &resolution);
        let reason = reason.expect("a refusal has a reason");
        assert_eq!(
            (permission, reason.code),
            (Permission::Deny, ReasonCode::PolicyDenied),
            "{rule}"
        );
        assert!(
            reason.message.contains("BROWSER") && reason.message.contains("`env` of the image"),
            "{}",
            reason.message
        );
    }
    assert_eq!(
        decide(&spec, &listing(Allow::Yes, &["BROWSER", "PYTHONWARNINGS"])).permission,
        Permission::Allow
    );
    assert_eq!(
        decide(&spec, &listing(Allow::Ask, &["BROWSER", "PYTHONWARNINGS"])).permission,
        Permission::Ask
    );
    let all = decide(&spec, &listing(Allow::Yes, &["BROWSER"]))
        .reason
        .map(|reason| reason.message)
        .unwrap_or_default();
    assert!(
        all.contains("PYTHONWARNINGS") && !all.contains("BROWSER"),
        "the message names only unlisted variables: {all}"
    );
}

#[test]
fn decision_names_the_rule_and_reveals_no_path_to_the_hub() {
    let decision = decide(&spec(), &found(Allow::Ask));
    assert_eq!(decision.rule, "images.\"iflearner-*\": allow = \"ask\"");
    for allow in [Allow::Yes, Allow::No, Allow::Ask] {
        let reason = decide(&spec(), &found(allow)).reason;
        let message = reason.map(|r| r.message).unwrap_or_default();
        assert!(
            !message.contains("/secret")
                && !message.contains("/images")
                && !message.contains("iflearner-*"),
            "{message}"
        );
    }
}

#[test]
fn approval_is_bound_to_the_resolved_values() {
    let before = found(Allow::Ask);
    assert_eq!(
        before.digest(),
        found(Allow::Yes).digest(),
        "the permission does not change the digest"
    );
    let mut moved = before.clone();
    moved.dataset = Some(ResolvedDataset { meaning: "/secret/other".to_owned() });
    assert_ne!(before.digest(), moved.digest());
    let mut rebuilt = before.clone();
    rebuilt.image.as_mut().expect("it is there").meaning = "/images/new".to_owned();
    assert_ne!(before.digest(), rebuilt.digest());
    assert_ne!(before.digest(), Resolution { dataset: None, ..before.clone() }.digest());
}

#[test]
fn allow_is_written_true_false_or_ask() {
    for (text, allow) in [("true", Allow::Yes), ("false", Allow::No), ("\"ask\"", Allow::Ask)] {
        assert_eq!(serde_json::from_str::<Allow>(text).expect("it is accepted"), allow);
        assert_eq!(serde_json::to_string(&allow).expect("it has a text"), text);
    }
    let error =
        serde_json::from_str::<Allow>("\"maybe\"").expect_err("there is no maybe").to_string();
    assert!(error.contains("true, false or \"ask\""), "{error}");
}
