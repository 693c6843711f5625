//! The party: its agent and the configuration in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_api_types::agent::{
    DiskSpace, ImageUse, OutputRelease, PartyConfiguration, PartyDataset, PartyImage, PartyState,
    PartyView, ResourceUse,
};
use flow_api_types::{Contact, ContactState};
use flow_common::disk::Disk;
use flow_domain::error::Error;
use flow_domain::policy::Allow;

use crate::admission::{AllowedPeers, Dataset, Image, LogPolicy, PartyPolicy, ReleaseRule};
use crate::control::protocol::{Request, Response, Status};
use crate::journal;
use crate::reconcile::MEMBERS_MAX;
use crate::rest::failures::failures;
use crate::rest::{About, App, Failure, unexpected_answer};

failures!(PartyFailures = StoreUnavailable);

/// Get the party
///
/// State of the agent, and the configuration in force: images and datasets with their meanings,
/// limits, released outputs. Secrets are not part of it.
#[utoipa::path(get, path = "/api/v2/party", tag = "party", operation_id = "get_party",
    responses((status = 200, description = "The party", body = PartyView), PartyFailures))]
pub(in crate::rest) async fn get(State(app): State<Arc<App>>) -> Result<Json<PartyView>, Failure> {
    let status = app.status().await?;
    let about = &app.about;
    let policy = Arc::clone(&about.policy.borrow());
    Ok(Json(PartyView {
        name: about.party.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: status.instance.to_string(),
        started_at: about.started_at.into(),
        hub: about.hub.clone(),
        runtime: app.parts.runtime.describe(),
        configuration: about.configuration(&policy),
        state: about.state(status),
    }))
}

impl App {
    async fn status(&self) -> Result<Status, Error> {
        match self.request(Request::Status).await? {
            Response::Status(status) => Ok(*status),
            _ => Err(unexpected_answer()),
        }
    }

    /// The present state of the agent.
    pub(super) async fn state(&self) -> Result<PartyState, Error> {
        Ok(self.about.state(self.status().await?))
    }
}

impl About {
    fn state(&self, status: Status) -> PartyState {
        let Status {
            instance: _,
            connected,
            away_since,
            sessions,
            journal_writable,
            members,
            capacity,
            used,
            reloads,
        } = status;
        let contact = match connected {
            true => Contact { state: ContactState::Connected.into(), since: None },
            false => {
                Contact { state: ContactState::Away.into(), since: away_since.map(Into::into) }
            }
        };
        let members = members.into_iter().map(|(phase, count)| (phase.to_string(), count));
        let disk = Disk::of(&self.data_dir).ok().map(|Disk { size, free }| DiskSpace {
            path: self.data_dir.display().to_string(),
            total_bytes: size,
            free_bytes: free,
            journal_bytes: journal::size(&self.data_dir),
        });
        PartyState {
            contact,
            sessions,
            journal_writable,
            members: members.collect(),
            resources: ResourceUse { total: capacity.into(), used: used.into() },
            disk,
            reloads,
        }
    }

    fn configuration(&self, policy: &PartyPolicy) -> PartyConfiguration {
        let PartyPolicy { images, datasets, resources: _, peers, release, disclose_names } = policy;
        let LogPolicy { disclose, limit_bytes_per_stream } = self.logs;
        PartyConfiguration {
            images: images.iter().map(|(name, image)| image_of(name, image)).collect(),
            datasets: datasets
                .iter()
                .map(|(name, dataset)| dataset_of(name.as_str(), dataset))
                .collect(),
            releases: release.iter().map(release_of).collect(),
            peers: match peers {
                AllowedPeers::Loopback => None,
                AllowedPeers::Matching(patterns) => Some(patterns.clone()),
            },
            discloses_names: *disclose_names,
            discloses_logs: disclose,
            log_bytes_max: limit_bytes_per_stream,
            hold_max_s: self.hold_max_s,
            members_max: MEMBERS_MAX as u64,
            retention: self.retention.clone(),
        }
    }
}

fn image_of(name: &str, image: &Image) -> PartyImage {
    let allow = match image.allow {
        Allow::Yes => ImageUse::Yes,
        Allow::No => ImageUse::No,
        Allow::Ask => ImageUse::Ask,
    };
    PartyImage {
        name: name.to_owned(),
        meaning: image.meaning(),
        allow: allow.into(),
        env: image.env.iter().cloned().collect(),
    }
}

fn dataset_of(name: &str, dataset: &Dataset) -> PartyDataset {
    PartyDataset {
        name: name.to_owned(),
        meaning: dataset.meaning(),
        v1_path: dataset.v1_path.clone(),
    }
}

fn release_of(rule: &ReleaseRule) -> OutputRelease {
    let ReleaseRule { image, dataset, projects } = rule;
    let text = |projects: &Vec<_>| projects.iter().map(ToString::to_string).collect();
    OutputRelease {
        image: image.clone(),
        dataset: dataset.as_ref().map(ToString::to_string),
        projects: projects.as_ref().map(text),
    }
}
