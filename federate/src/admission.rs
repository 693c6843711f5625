//! What a party offers: images and datasets by name, a share of its machine. Names travel; what they mean here does
//! not. This module finds the meanings, asks the policy, and builds what the runtime is told to start.

mod image_map;
mod peers;

use std::collections::BTreeMap;

use flow_domain::bindings;
use flow_domain::framework;
use flow_domain::id::{DatasetName, Digest, PartyId};
use flow_domain::member::{DesiredPhase, Reason, ReasonCode};
use flow_domain::policy::{self, Resolution, ResolvedDataset, ResolvedImage};
use flow_domain::spec::{Hole, MemberSpec, SealedSpec};
use flow_domain::template::Resources;

use crate::member::{Admission, DesiredMember, Member, Needs};
use crate::runtime::{DataSource, ImageSource, ProgressSource, StartRequest};

pub use image_map::{Dataset, Image};
pub use peers::AllowedPeers;

/// What it costs that an image is without its framework's repairs.
pub const MISSING_SHIM_EFFECT: &str = "the framework's own faults are not repaired in it, and a training that they stop ends only when no_progress_s has passed";
/// Longest log kept of one member, in bytes.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a party offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartyPolicy {
    /// Images by the reference templates use.
    pub images: BTreeMap<String, Image>,
    /// Data by name.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// For all members together; 0 = no limit.
    pub resources: Resources,
    /// Where its workloads may be told to dial.
    pub peers: AllowedPeers,
}

impl PartyPolicy {
    fn resolve(&self, spec: &MemberSpec) -> Resolution {
        let image = self.images.get(&spec.image).map(|image| ResolvedImage {
            entry: spec.image.clone(),
            meaning: image.meaning(),
            allow: image.allow,
            env: image.env.clone(),
        });
        let dataset = spec.dataset.as_ref().and_then(|name| self.datasets.get(name));
        Resolution {
            image,
            dataset: dataset.map(|dataset| ResolvedDataset { meaning: dataset.meaning() }),
        }
    }

    /// The party's answer to a desired that carries the bytes of a spec. Trusts nothing in either.
    pub fn decide(
        &self,
        party: &PartyId,
        desired: &DesiredMember,
        spec: Result<&SealedSpec, String>,
    ) -> Admission {
        let refuse = |code, message: String| Admission::Refuse(Reason::new(code, message));
        let spec = match spec {
            Ok(sealed) => &sealed.spec,
            Err(message) => return refuse(ReasonCode::SpecInvalid, message),
        };
        if &spec.party != party {
            return refuse(
                ReasonCode::SpecInvalid,
                format!("the spec is for {}, this is {party}", spec.party),
            );
        }
        if desired.phase == DesiredPhase::Running
            && let Err(message) = bindings::check(&spec.holes, &desired.bindings)
        {
            return refuse(ReasonCode::BindingsInvalid, message);
        }
        self.decide_spec(spec)
    }

    /// The party's answer to a spec.
    #[must_use]
    pub fn decide_spec(&self, spec: &MemberSpec) -> Admission {
        let resolution = self.resolve(spec);
        let needs = Needs {
            ports: spec.ports().map(ToOwned::to_owned).collect(),
            resources: spec.resources.clone(),
            grace_s: spec.stop_grace_s,
            resolution: Some(resolution.digest()),
        };
        let decision = policy::decide(spec, &resolution);
        match (decision.permission, decision.reason) {
            (policy::Permission::Deny, reason) => Admission::Refuse(
                reason.unwrap_or_else(|| Reason::new(ReasonCode::PolicyDenied, decision.rule)),
            ),
            (policy::Permission::Ask, reason) => Admission::Ask(
                needs,
                reason.unwrap_or_else(|| Reason::new(ReasonCode::ApprovalRequired, decision.rule)),
            ),
            (policy::Permission::Allow, _) => match self.missing_directory(spec) {
                Some(reason) => Admission::Refuse(reason),
                None => Admission::Admit(needs),
            },
        }
    }

    /// What of this machine is declared and not there. What a cluster lacks shows at the start.
    fn missing_directory(&self, spec: &MemberSpec) -> Option<Reason> {
        let gone =
            |source: &ImageSource| matches!(source, ImageSource::Root(root) if !root.is_dir());
        if self.images.get(&spec.image).is_some_and(|image| gone(&image.source)) {
            return Some(Reason::new(
                ReasonCode::ImageUnusable,
                format!("the directory declared for the image {} is not there", spec.image),
            ));
        }
        let name = spec.dataset.as_ref()?;
        let gone =
            |source: &DataSource| matches!(source, DataSource::Directory(path) if !path.is_dir());
        let missing = self.datasets.get(name).is_some_and(|dataset| gone(&dataset.source));
        missing.then(|| {
            Reason::new(
                ReasonCode::DatasetUnusable,
                format!("the directory declared for the dataset {name} is not there"),
            )
        })
    }

    /// What the runtime is told to start. The late values are checked again: they may come from the journal.
    pub fn start_request(
        &self,
        member: &Member,
        spec: &MemberSpec,
    ) -> Result<StartRequest, Reason> {
        let unknown = || {
            Reason::new(
                ReasonCode::ImageUnknown,
                format!("no image {} is declared any more", spec.image),
            )
        };
        let image = self.images.get(&spec.image).ok_or_else(unknown)?.source.clone();
        let invalid = |message| Reason::new(ReasonCode::BindingsInvalid, message);
        let filled = match &image {
            ImageSource::Root(_) => spec.fill(&member.bindings, &member.ports),
            // A pod has an address of its own, and is dialled there.
            ImageSource::Container(_) => {
                framework::on_own_address(spec).fill(&member.bindings, &member.ports)
            }
        };
        let filled = filled.map_err(invalid)?;
        // A peer's word decides where this workload dials: nobody is to aim it at a network only this party can reach.
        let endpoints = spec.holes.iter().filter(|(_, hole)| matches!(hole, Hole::Endpoint { .. }));
        let endpoints =
            endpoints.map(|(name, _)| (name, member.bindings.get(name).map_or("", String::as_str)));
        if let Some((name, _)) = endpoints.clone().find(|(_, endpoint)| !self.peers.allow(endpoint))
        {
            return Err(invalid(format!(
                "{name} is not an address this party lets workloads dial: {}",
                self.peers
            )));
        }
        let mut env = filled.env;
        env.insert("FED_TASK_ID".to_owned(), member.task.to_string());
        if let Some(dir) = framework::shim_dir(spec.framework) {
            if let Some(shim) = image.shim(dir) {
                let own = env.remove("PYTHONPATH");
                let path = std::iter::once(shim.display().to_string())
                    .chain(own)
                    .collect::<Vec<_>>()
                    .join(":");
                env.insert("PYTHONPATH".to_owned(), path);
            } else {
                let framework = spec.framework;
                tracing::warn!(image = %spec.image, %framework, "the image has no {dir}/: {MISSING_SHIM_EFFECT}");
            }
        }
        let dataset = spec.dataset.as_ref().and_then(|name| self.datasets.get(name));
        Ok(StartRequest {
            key: member.key(),
            task: member.task.clone(),
            party: spec.party.clone(),
            role: spec.role,
            digest: member.digest.clone(),
            argv: filled.argv,
            dials: endpoints.map(|(_, endpoint)| endpoint.to_owned()).collect(),
            env,
            image: Some(image),
            workdir: spec.workdir.clone(),
            data: dataset.map(|dataset| dataset.source.clone()),
            resources: spec.resources.clone(),
            max_runtime_s: spec.max_runtime_s,
            stop_grace_s: spec.stop_grace_s,
            log_limit_bytes: LOG_BYTES_MAX,
            progress: progress_source(member, spec),
        })
    }

    /// What others may know, as canonical JSON, and its digest. Names only, never a path.
    #[must_use]
    pub fn inventory(&self, runtime: &BTreeMap<String, String>) -> (Digest, Vec<u8>) {
        let images: BTreeMap<_, _> =
            self.images.iter().map(|(name, image)| (name, image.allow)).collect();
        let json = serde_json::json!({
            "datasets": self.datasets.keys().collect::<Vec<_>>(),
            "images": images,
            "resources": self.resources,
            "runtime": runtime,
        });
        let bytes = json.to_string().into_bytes();
        (Digest::of(&bytes), bytes)
    }
}

fn progress_source(member: &Member, spec: &MemberSpec) -> ProgressSource {
    let Some(page) = framework::status_page(spec) else { return ProgressSource::MetricsFile };
    let frozen = member.bindings.get("trainers").and_then(|count| count.parse().ok());
    let all = || u32::try_from(page.parties.len()).unwrap_or(u32::MAX);
    ProgressSource::IflearnerStatus {
        trainers: frozen.unwrap_or_else(all),
        port: page.port,
        parties: page.parties.iter().cloned().collect(),
        final_epoch: page.final_epoch,
        total_epoch: page.total_epoch,
    }
}
