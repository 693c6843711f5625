//! A member as text for people, for the commands of the administrator and the party view.

use flow_domain::id::Digest;
use flow_domain::member::{Exit, MemberPhase};
use flow_domain::spec::MemberSpec;

use super::protocol::{MemberDetails, MemberInfo};

/// The known fields of a member with their names, for people. Texts of the hub are not escaped.
pub fn fields(details: &MemberDetails) -> Vec<(&'static str, String)> {
    let MemberDetails { member, spec, image_meaning, dataset_meaning, ports } = details;
    let mut fields = vec![("member", member.run.to_string())];
    fields.push(match member.task_name.as_str() {
        "" => ("task", member.task.to_string()),
        name => ("task", format!("{name}, run {} (task id {})", member.run_number, member.task)),
    });
    fields.push(("phase", phase(member)));
    fields.push(("wanted", format!("{} (attempt {})", member.desired, member.attempt)));
    let reason = member.reason.as_ref().map(ToString::to_string);
    fields.push(("reason", reason.unwrap_or_default()));
    fields.push(("exit", member.exit.as_ref().map(exit).unwrap_or_default()));
    let ports: Vec<_> = ports.iter().map(|(name, port)| format!("{name} {port}")).collect();
    fields.push(("ports", ports.join(", ")));
    if let Some(spec) = spec {
        describe_spec(spec, image_meaning.as_deref(), dataset_meaning.as_deref(), &mut fields);
    }
    let digest = |digest: &Option<Digest>| digest.as_ref().map(ToString::to_string);
    fields.push(("digest", digest(&member.digest).unwrap_or_default()));
    fields.push(("resolution", digest(&member.resolution).unwrap_or_default()));
    if member.phase == MemberPhase::WaitingApproval && member.ending.is_none() {
        let run = &member.run;
        if let Some(digest) = &member.digest {
            fields.push(("approve", format!("flow-federate approve {run} --digest {digest}")));
        }
        fields.push(("deny", format!("flow-federate deny {run} --reason TEXT")));
    }
    fields.push(("approved", if member.approved { "for one start" } else { "" }.to_owned()));
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

/// The phase of a member, and the one in which it is ending.
#[must_use]
pub fn phase(member: &MemberInfo) -> String {
    match member.ending {
        Some(ending) => format!("{}, ends: {ending}", member.phase),
        None => member.phase.to_string(),
    }
}

fn describe_spec(
    spec: &MemberSpec,
    image_meaning: Option<&str>,
    dataset_meaning: Option<&str>,
    fields: &mut Vec<(&'static str, String)>,
) {
    let named = |name: &str, meaning: Option<&str>| match meaning {
        Some(meaning) => format!("{name} = {meaning}"),
        None => format!("{name}, which this party does not declare"),
    };
    fields.push(("role", spec.role.to_string()));
    fields.push(("image", named(&spec.image, image_meaning)));
    if let Some(dataset) = &spec.dataset {
        fields.push(("dataset", named(dataset.as_str(), dataset_meaning)));
    }
    let words: Vec<_> = spec.argv.iter().map(|word| quoted(word)).collect();
    fields.push(("command", words.join(" ")));
    fields.push(("workdir", spec.workdir.clone()));
    for (name, value) in &spec.env {
        fields.push(("env", format!("{name}={}", quoted(value))));
    }
    for (name, value) in &spec.parameters {
        fields.push(("parameter", format!("{name}={}", quoted(value))));
    }
    fields.push(("epochs", spec.epochs.to_string()));
    let parties: Vec<_> =
        spec.parties.iter().map(|peer| format!("{} ({})", peer.party, peer.role)).collect();
    fields.push(("parties", parties.join(", ")));
    let resources = &spec.resources;
    fields.push((
        "limits",
        format!(
            "{} cpu_millis, {} memory_mib (0 = none), {} s",
            resources.cpu_millis, resources.memory_mib, spec.max_runtime_s
        ),
    ));
}

/// A word of a command line, quoted unless it is plain.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=,@%+${}".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("{word:?}")
    }
}

fn exit(exit: &Exit) -> String {
    match (exit.code, exit.signal) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
