//! The party's policy: the images and datasets that it knows by name, and the resources that it
//! allows.
//!
//! The names are shared with the hub; their meanings never leave the party. This module resolves the
//! names, decides about specs, and builds the request to start a member.

mod image_map;
mod log_policy;
mod peers;
mod release;

use std::collections::BTreeMap;

use flow_domain::bindings;
use flow_domain::framework;
use flow_domain::id::{DatasetName, Digest, PartyId, ProjectId};
use flow_domain::member::{DesiredPhase, Reason, ReasonCode};
use flow_domain::policy::{self, Allow, Resolution, ResolvedDataset, ResolvedImage};
use flow_domain::spec::{Hole, MemberSpec, SealedSpec};
use flow_domain::template::Resources;
use flow_domain::text::clip;

use crate::member::{Admission, DesiredMember, Member, Needs};
use crate::runtime::{DataSource, ImageSource, Origin, ProgressSource, StartRequest};

pub use image_map::{Dataset, Image};
pub use log_policy::LogPolicy;
pub use peers::AllowedPeers;
pub use release::ReleaseRule;

/// Effect of an image without the directory that corrects known defects of its framework.
pub const MISSING_SHIM_EFFECT: &str = "known defects of the framework are not corrected, and a \
                                       training that they block ends only after no_progress_s: \
                                       add the directory to the image";
/// Longest list of names in a reason, in characters.
const NAMES_CHARS_MAX: usize = 200;
/// Largest log kept of one member.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The images, datasets, resources and peers that a party allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyPolicy {
    /// Images by the name that templates use.
    pub images: BTreeMap<String, Image>,
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// Resources of all members together; 0 = no limit.
    pub resources: Resources,
    /// Addresses that workloads may dial.
    pub peers: AllowedPeers,
    /// Outputs that may leave the party.
    pub release: Vec<ReleaseRule>,
    /// Names of images and datasets are part of the inventory and of refusals.
    pub disclose_names: bool,
}

impl Default for PartyPolicy {
    fn default() -> Self {
        Self {
            images: BTreeMap::new(),
            datasets: BTreeMap::new(),
            resources: Resources::default(),
            peers: AllowedPeers::default(),
            release: Vec::new(),
            disclose_names: true,
        }
    }
}

impl PartyPolicy {
    /// True if the outputs of a workload with this image and dataset may leave the party to a reader
    /// of this project. `None`: the hub does not name the project.
    #[must_use]
    pub fn releases(&self, origin: &Origin, project: Option<&ProjectId>) -> bool {
        self.release.iter().any(|rule| rule.matches(origin) && rule.admits(project))
    }

    /// Returns the projects that rules release these outputs to by name.
    #[must_use]
    pub fn projects_of(&self, origin: &Origin) -> Vec<&ProjectId> {
        let rules = self.release.iter().filter(|rule| rule.matches(origin));
        rules.filter_map(|rule| rule.projects.as_ref()).flatten().collect()
    }

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

    /// Meanings of the image and dataset of a spec at this party. For the party's administrator: they
    /// never leave the party.
    #[must_use]
    pub fn meanings(&self, spec: &MemberSpec) -> (Option<String>, Option<String>) {
        let Resolution { image, dataset } = self.resolve(spec);
        (image.map(|image| image.meaning), dataset.map(|dataset| dataset.meaning))
    }

    /// Decides about a desired member and its spec, neither of which is trusted.
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
        if desired.phase == DesiredPhase::Running
            && let Err(message) = bindings::check(&spec.holes, &desired.bindings)
        {
            return refuse(ReasonCode::BindingsInvalid, message);
        }
        self.decide_of(party, spec)
    }

    /// Decides about a spec for this party.
    #[must_use]
    pub fn decide_of(&self, party: &PartyId, spec: &MemberSpec) -> Admission {
        if &spec.party == party {
            return self.decide_spec(spec);
        }
        Admission::Refuse(Reason::new(
            ReasonCode::SpecInvalid,
            format!("the spec is for party {}, but this is the agent of {party}", spec.party),
        ))
    }

    /// Decides about a spec.
    #[must_use]
    pub fn decide_spec(&self, spec: &MemberSpec) -> Admission {
        let resolution = self.resolve(spec);
        let needs = Needs {
            ports: spec.ports().map(ToOwned::to_owned).collect(),
            resources: spec.resources.clone(),
            grace_s: spec.stop_grace_s,
            resolution: Some(resolution.digest()),
            role: Some(spec.role),
        };
        let decision = policy::decide(spec, &resolution);
        match (decision.permission, decision.reason) {
            (policy::Permission::Deny, reason) => Admission::Refuse(self.with_offer(
                reason.unwrap_or_else(|| Reason::new(ReasonCode::PolicyDenied, decision.rule)),
            )),
            (permission, reason) => match (self.missing_directory(spec), permission) {
                (Some(missing), _) => Admission::Refuse(missing),
                (None, policy::Permission::Ask) => Admission::Ask(
                    needs,
                    reason.unwrap_or_else(|| {
                        Reason::new(ReasonCode::ApprovalRequired, decision.rule)
                    }),
                ),
                (None, _) => Admission::Admit(needs),
            },
        }
    }

    /// Adds the names that the party has to the reason of an unknown name.
    fn with_offer(&self, reason: Reason) -> Reason {
        let names: Vec<&str> = match reason.code {
            _ if !self.disclose_names => return reason,
            ReasonCode::ImageUnknown => self.images.keys().map(String::as_str).collect(),
            ReasonCode::DatasetUnknown => self.datasets.keys().map(DatasetName::as_str).collect(),
            _ => return reason,
        };
        let has = match names.join(", ") {
            none if none.is_empty() => "none".to_owned(),
            names => clip(&names, NAMES_CHARS_MAX).into_owned(),
        };
        Reason::new(reason.code, format!("{} (it has {has})", reason.message))
    }

    /// A declared directory of this machine that is missing. A cluster reports missing objects at the
    /// start.
    fn missing_directory(&self, spec: &MemberSpec) -> Option<Reason> {
        let is_missing =
            |source: &ImageSource| matches!(source, ImageSource::Root(root) if !root.is_dir());
        if self.images.get(&spec.image).is_some_and(|image| is_missing(&image.source)) {
            return Some(Reason::new(
                ReasonCode::ImageUnusable,
                format!(
                    "the directory of the image {} does not exist at the party: ask its \
                     administrator to correct `root`",
                    spec.image
                ),
            ));
        }
        let name = spec.dataset.as_ref()?;
        let is_missing =
            |source: &DataSource| matches!(source, DataSource::Directory(path) if !path.is_dir());
        let missing = self.datasets.get(name).is_some_and(|dataset| is_missing(&dataset.source));
        missing.then(|| {
            Reason::new(
                ReasonCode::DatasetUnusable,
                format!(
                    "the directory of the dataset {name} does not exist at the party: ask its \
                     administrator to correct `path`"
                ),
            )
        })
    }

    /// Builds the request to start a member. The bindings are checked again, because they may come from
    /// the journal.
    pub fn start_request(
        &self,
        member: &Member,
        spec: &MemberSpec,
    ) -> Result<StartRequest, Reason> {
        let unknown = || {
            Reason::new(
                ReasonCode::ImageUnknown,
                format!("the party removed the image {} from its configuration", spec.image),
            )
        };
        let image = self.images.get(&spec.image).ok_or_else(unknown)?;
        if image.allow == Allow::Ask
            && member.needs.resolution.as_ref() != Some(&self.resolve(spec).digest())
        {
            return Err(Reason::new(
                ReasonCode::ApprovalRequired,
                "the party changed its image or dataset after the approval: start the task again",
            ));
        }
        let image = image.source.clone();
        let invalid = |message| Reason::new(ReasonCode::BindingsInvalid, message);
        let filled = match &image {
            ImageSource::Root(_) => spec.fill(&member.bindings, &member.ports),
            // A Pod has its own address.
            ImageSource::Container(_) => {
                framework::on_own_address(spec).fill(&member.bindings, &member.ports)
            }
        };
        let filled = filled.map_err(invalid)?;
        // The endpoints come from other parties, who must not direct the workload to a network that
        // only this party can reach.
        let endpoints = spec.holes.iter().filter(|(_, hole)| matches!(hole, Hole::Endpoint { .. }));
        let endpoints =
            endpoints.map(|(name, _)| (name, member.bindings.get(name).map_or("", String::as_str)));
        if let Some((name, _)) = endpoints.clone().find(|(_, endpoint)| !self.peers.allow(endpoint))
        {
            return Err(invalid(format!(
                "the party does not allow workloads to dial the address of {name}: {}",
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
                tracing::warn!(image = %spec.image, %framework, "the directory {dir}/ of the image is missing: {MISSING_SHIM_EFFECT}");
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
            origin: Some(Origin {
                image: spec.image.clone(),
                dataset: spec.dataset.clone(),
                run_name: member.run_name(),
            }),
        })
    }

    /// The inventory that the hub may see, as canonical JSON with its digest: names, unless the party
    /// keeps them, and no path except those that the party gives to its datasets for `/api/v1`.
    #[must_use]
    pub fn inventory(&self, runtime: &BTreeMap<String, String>) -> (Digest, Vec<u8>) {
        let images: BTreeMap<_, _> =
            self.images.iter().map(|(name, image)| (name, image.allow)).collect();
        let mut json = serde_json::json!({ "resources": self.resources, "runtime": runtime });
        if self.disclose_names {
            json["datasets"] = serde_json::json!(self.datasets.keys().collect::<Vec<_>>());
            json["images"] = serde_json::json!(images);
            let v1_paths: BTreeMap<_, _> = self
                .datasets
                .iter()
                .filter_map(|(name, dataset)| Some((dataset.v1_path.as_ref()?, name)))
                .collect();
            if !v1_paths.is_empty() {
                json["v1_paths"] = serde_json::json!(v1_paths);
            }
        }
        let bytes = json.to_string().into_bytes();
        (Digest::of(&bytes), bytes)
    }
}

fn progress_source(member: &Member, spec: &MemberSpec) -> ProgressSource {
    let Some(page) = framework::status_page(spec) else { return ProgressSource::MetricsFile };
    let frozen_trainers = member.bindings.get("trainers").and_then(|count| count.parse().ok());
    let all = || u32::try_from(page.parties.len()).unwrap_or(u32::MAX);
    ProgressSource::IflearnerStatus {
        trainers: frozen_trainers.unwrap_or_else(all),
        port: page.port,
        parties: page.parties.iter().cloned().collect(),
        final_epoch: page.final_epoch,
        total_epoch: page.total_epoch,
    }
}
