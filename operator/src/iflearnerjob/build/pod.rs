//! The Pod of a job: the template with the additions of the operator.

use flow_crd::{
    CERTIFICATES_DIR, IflearnerJobSpec, OUTPUTS_DIR, OUTPUTS_VOLUME, SIDECAR_CONTAINER, Sidecar,
};
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, EmptyDirVolumeSource, KeyToPath, PodSpec,
    ProjectedVolumeSource, SecretProjection, SecurityContext, Volume, VolumeMount,
    VolumeProjection,
};

use crate::iflearnerjob::pod_defaults;
use crate::iflearnerjob::validate::{
    CERTIFICATES_VOLUME, Certificate, KEY_PAIR_FILES, PodPlan, Source, TMP_VOLUME,
};

/// Returns the Pod.
#[must_use]
pub fn pod(spec: &IflearnerJobSpec, plan: &PodPlan) -> PodSpec {
    let mut pod = plan.pod.clone();
    pod.restart_policy = Some(plan.restart_policy.to_owned());
    if pod.scheduler_name.is_none() {
        pod.scheduler_name.clone_from(&spec.schedulername);
    }
    pod_defaults::apply_restricted_profile(&mut pod, &plan.allowed, plan.read_only_root);
    if plan.read_only_root {
        add_tmp_volume(&mut pod);
    }
    if !plan.certificates.is_empty() {
        mount_certificates(&mut pod, &plan.certificates);
    }
    if let Some(sidecar) = &spec.sidecar {
        add_sidecar(&mut pod, sidecar);
    }
    for container in all_containers(&mut pod) {
        pod_defaults::set_default_resources(
            container.resources.get_or_insert_default(),
            &plan.requests,
            &plan.limits,
        );
    }
    pod
}

fn all_containers(pod: &mut PodSpec) -> impl Iterator<Item = &mut Container> {
    pod.containers.iter_mut().chain(pod.init_containers.iter_mut().flatten())
}

/// Adds a mount unless the template mounts a volume at its path.
fn mount(container: &mut Container, mount: VolumeMount) {
    let mounts = container.volume_mounts.get_or_insert_default();
    if mounts.iter().all(|found| found.mount_path.trim_end_matches('/') != mount.mount_path) {
        mounts.push(mount);
    }
}

fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

/// Mounts a volume at `/tmp` of every container with a read-only root file system: most programs
/// need temporary files. Each container has a directory of its own.
fn add_tmp_volume(pod: &mut PodSpec) {
    let mut is_used = false;
    for container in all_containers(pod) {
        let read_only = container
            .security_context
            .as_ref()
            .is_some_and(|context| context.read_only_root_filesystem == Some(true));
        if read_only {
            let sub_path = Some(container.name.clone());
            mount(
                container,
                VolumeMount {
                    name: TMP_VOLUME.to_owned(),
                    mount_path: "/tmp".to_owned(),
                    sub_path,
                    ..VolumeMount::default()
                },
            );
            is_used |=
                container.volume_mounts.iter().flatten().any(|mount| mount.name == TMP_VOLUME);
        }
    }
    if is_used {
        pod.volumes.get_or_insert_default().push(empty_dir(TMP_VOLUME));
    }
}

/// Mounts each certificate at its old path, and all certificates in a directory whose files follow
/// a rotation.
fn mount_certificates(pod: &mut PodSpec, certificates: &[Certificate]) {
    for container in all_containers(pod) {
        let volume = |path: String, sub_path: Option<&str>| VolumeMount {
            name: CERTIFICATES_VOLUME.to_owned(),
            mount_path: path,
            sub_path: sub_path.map(str::to_owned),
            read_only: Some(true),
            ..VolumeMount::default()
        };
        mount(container, volume(CERTIFICATES_DIR.to_owned(), None));
        for Certificate { file, .. } in
            certificates.iter().filter(|certificate| !KEY_PAIR_FILES.contains(&certificate.file))
        {
            mount(container, volume(format!("/etc/{file}"), Some(file)));
        }
    }
    let projection = |Certificate { file, source, key }: &Certificate| {
        let items = Some(vec![KeyToPath {
            key: key.clone(),
            path: (*file).to_owned(),
            ..KeyToPath::default()
        }]);
        match source.clone() {
            Source::ConfigMap(name) => VolumeProjection {
                config_map: Some(ConfigMapProjection { name, items, optional: None }),
                ..VolumeProjection::default()
            },
            Source::Secret(name) => VolumeProjection {
                secret: Some(SecretProjection { name, items, optional: None }),
                ..VolumeProjection::default()
            },
        }
    };
    let sources = Some(certificates.iter().map(projection).collect());
    let projected = Some(ProjectedVolumeSource {
        sources,
        default_mode: Some(0o444),
        ..ProjectedVolumeSource::default()
    });
    pod.volumes.get_or_insert_default().push(Volume {
        name: CERTIFICATES_VOLUME.to_owned(),
        projected,
        ..Volume::default()
    });
}

/// Adds the sidecar as an init container with restartPolicy Always: it starts before the workload
/// and ends after it, and the Job does not wait for it. It is the first one, so it also runs beside
/// the init containers of the template.
fn add_sidecar(pod: &mut PodSpec, sidecar: &Sidecar) {
    let volumes = pod.volumes.get_or_insert_default();
    if volumes.iter().all(|volume| volume.name != OUTPUTS_VOLUME) {
        volumes.push(empty_dir(OUTPUTS_VOLUME));
    }
    let outputs = VolumeMount {
        name: OUTPUTS_VOLUME.to_owned(),
        mount_path: OUTPUTS_DIR.to_owned(),
        ..VolumeMount::default()
    };
    for container in &mut pod.containers {
        if container.volume_mounts.iter().flatten().all(|mount| mount.name != OUTPUTS_VOLUME) {
            mount(container, outputs.clone());
        }
    }
    let mut context = SecurityContext {
        run_as_non_root: Some(true),
        seccomp_profile: Some(pod_defaults::runtime_default()),
        ..SecurityContext::default()
    };
    pod_defaults::restrict_container(&mut context, false, true);
    let Sidecar { image, image_pull_policy, args, env, resources } = sidecar.clone();
    let container = Container {
        name: SIDECAR_CONTAINER.to_owned(),
        image: Some(image),
        image_pull_policy,
        args: (!args.is_empty()).then_some(args),
        env: (!env.is_empty()).then_some(env),
        resources,
        restart_policy: Some("Always".to_owned()),
        security_context: Some(context),
        volume_mounts: Some(vec![outputs]),
        ..Container::default()
    };
    pod.init_containers.get_or_insert_default().insert(0, container);
}
