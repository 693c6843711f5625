//! The volumes of a member's Pod: what it may write, its outputs and its dataset. Pure.

use std::collections::BTreeMap;

use flow_crd::{OUTPUTS_DIR, OUTPUTS_VOLUME};
use flow_domain::member::{Reason, ReasonCode};
use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, HostPathVolumeSource, PersistentVolumeClaimVolumeSource,
    Volume, VolumeMount,
};

use super::{DATA_DIR, HOME, WORK_DIR, shown, variables, verbatim};
use crate::runtime::kubernetes::settings::Settings;
use crate::runtime::{DataSource, StartRequest};

/// Name of the container that writes the data.
pub(super) const DATA: &str = "flow-data";
/// Volume of everything that a workload may write except its results.
const SCRATCH: &str = "flow-scratch";

/// The volumes of a Pod, their mounts in the workload, and the container that writes the data.
pub(super) struct PodData {
    pub(super) volumes: Vec<Volume>,
    pub(super) mounts: Vec<VolumeMount>,
    pub(super) init_containers: Option<Vec<Container>>,
}

pub(super) fn pod_data(
    request: &StartRequest,
    name: &str,
    settings: &Settings,
) -> Result<PodData, Reason> {
    let scratch = |sub: &str, place: &str| VolumeMount {
        name: SCRATCH.to_owned(),
        mount_path: place.to_owned(),
        sub_path: Some(sub.to_owned()),
        ..VolumeMount::default()
    };
    let outputs = VolumeMount {
        name: OUTPUTS_VOLUME.to_owned(),
        mount_path: OUTPUTS_DIR.to_owned(),
        // All runs of the party share the claim.
        sub_path: settings.output_claim.as_ref().map(|_| name.to_owned()),
        ..VolumeMount::default()
    };
    let mut mounts = vec![scratch("work", WORK_DIR), scratch("home", HOME), outputs];
    let mut volumes = vec![
        empty(SCRATCH),
        settings
            .output_claim
            .as_ref()
            .map_or_else(|| empty(OUTPUTS_VOLUME), |claim| claimed(OUTPUTS_VOLUME, claim, false)),
    ];
    let mut init_containers = None;
    if let Some(data) = &request.data {
        let (volume, sub_path) = data_volume(data)?;
        volumes.push(volume);
        let mount = |read_only: bool| VolumeMount {
            name: DATA.to_owned(),
            mount_path: DATA_DIR.to_owned(),
            read_only: Some(read_only),
            sub_path: sub_path.clone(),
            ..VolumeMount::default()
        };
        mounts.push(mount(true));
        if let DataSource::Image { image, args } = data {
            init_containers = Some(vec![Container {
                name: DATA.to_owned(),
                image: Some(image.clone()),
                args: Some(args.iter().map(|arg| verbatim(arg)).collect()),
                env: Some(variables(&BTreeMap::from([(
                    "FED_DATA_DIR".to_owned(),
                    DATA_DIR.to_owned(),
                )]))),
                volume_mounts: Some(vec![mount(false)]),
                ..Container::default()
            }]);
        }
    }
    Ok(PodData { volumes, mounts, init_containers })
}

fn empty(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

fn claimed(name: &str, claim: &str, read_only: bool) -> Volume {
    let claim = PersistentVolumeClaimVolumeSource {
        claim_name: claim.to_owned(),
        read_only: Some(read_only),
    };
    Volume { name: name.to_owned(), persistent_volume_claim: Some(claim), ..Volume::default() }
}

/// The volume of a dataset and the directory in it.
fn data_volume(data: &DataSource) -> Result<(Volume, Option<String>), Reason> {
    Ok(match data {
        DataSource::Directory(_) => {
            let text = "the party's entry for the dataset names a directory, but its agent runs containers; \
                        ask the party to add a `claim` to the entry";
            return Err(Reason::new(ReasonCode::DatasetUnusable, text));
        }
        DataSource::Claim { claim, sub_path } => {
            (claimed(DATA, claim, true), Some(sub_path.clone()).filter(|path| !path.is_empty()))
        }
        DataSource::HostPath { host_path } => {
            let path = HostPathVolumeSource {
                path: shown(host_path),
                type_: Some("Directory".to_owned()),
            };
            (Volume { name: DATA.to_owned(), host_path: Some(path), ..Volume::default() }, None)
        }
        DataSource::Image { .. } => (empty(DATA), None),
    })
}
