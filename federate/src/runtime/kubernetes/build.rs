//! Builds the object of a member from a start request. Pure.
//!
//! Only the party's configuration determines the image, the mounted data and the placement of Pods.
//! Arguments, environment and requested resources come from the hub, and the party's policy has
//! checked them.

mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flow_crd::{
    Certificates, IflearnerJob, IflearnerJobSpec, OUTPUTS_DIR, Role as JobRole, RunPolicy, Sidecar,
};
use flow_domain::framework::{GRPC, HTTP, PEER};
use flow_domain::id::InstanceId;
use flow_domain::member::{Reason, ReasonCode, Role};
use k8s_openapi::api::core::v1::{
    Container as PodContainer, EnvVar, HostAlias, PodSpec, PodTemplateSpec, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use self::volumes::{PodData, pod_data};
use super::naming;
use super::settings::Settings;
use crate::runtime::{Container, Held, ImageSource, ProgressSource, StartRequest, WorkKey};
use crate::sidecar::native;

/// Name of the workload's container.
pub const WORKLOAD: &str = "workload";

const DATA_DIR: &str = "/flow/data";
const WORK_DIR: &str = "/flow/work";
const HOME: &str = "/flow/home";

/// Ports of the Service, the same as the original operator's: gRPC and the status page.
const SERVICE_GRPC: u16 = 80;
const SERVICE_HTTP: u16 = 82;

/// The result of a hold: each Pod has an address, so the framework's ports are always free, and the
/// address that other members dial follows from the name.
#[must_use]
pub fn held(key: &WorkKey, ports: &[String], settings: &Settings) -> Held {
    let name = naming::name(key);
    let mut held = Held::default();
    for port in ports {
        let (number, service) = match port.as_str() {
            HTTP => (50002, SERVICE_HTTP),
            // A member has one of the two: trainers dial the aggregator, peers dial a trainer.
            GRPC | PEER => (50001, SERVICE_GRPC),
            // No adapter requests another port; it would not be reachable through the Service.
            _ => continue,
        };
        held.ports.insert(port.clone(), number);
        let inside =
            || format!("{name}.{}.svc.{}:{service}", settings.namespace, settings.cluster_domain);
        let outside = host(&name, settings)
            .filter(|_| port != HTTP)
            .map(|host| format!("{host}:{}", settings.route_port));
        held.endpoints.insert(port.clone(), outside.unwrap_or_else(inside));
    }
    held
}

/// The external name of a job; `None` if the party's jobs have none.
fn host(name: &str, settings: &Settings) -> Option<String> {
    settings.host_zone.as_ref().map(|zone| format!("{name}.{zone}"))
}

/// The object of a start request. It is suspended: nothing runs before the agent resumes it.
pub fn job(
    request: &StartRequest,
    held: &Held,
    instance: &InstanceId,
    settings: &Settings,
) -> Result<IflearnerJob, Reason> {
    let Some(ImageSource::Container(image)) = &request.image else {
        let text = "the party's image map names a directory for this image, but its agent runs containers; \
                    ask the party to add a `container` to the entry";
        return Err(Reason::new(ReasonCode::ImageUnusable, text));
    };
    let name = naming::name(&request.key);
    let labels = naming::labels(&request.key, &request.task, &request.party, instance);
    let digest =
        request.digest.as_ref().map(|digest| (naming::DIGEST.to_owned(), digest.to_string()));
    let reachable = held.ports.keys().any(|port| port != HTTP);
    let mut job = IflearnerJob::new(
        &name,
        IflearnerJobSpec {
            schedulername: None,
            role: match request.role {
                Role::Aggregator => JobRole::Server,
                Role::Trainer => JobRole::Client,
            },
            host: host(&name, settings).filter(|_| reachable),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels.clone()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(request, image, &name, settings)?),
            },
            run_policy: Some(RunPolicy {
                // The Pod has the deadline: a Job's starts while the Pod still waits for a node.
                active_deadline_seconds: None,
                backoff_limit: Some(0),
                ttl_seconds_after_finished: None,
                suspend: Some(true),
            }),
            exposure: None,
            certificates: (!settings.certificates)
                .then(|| Certificates { disabled: true, ..Certificates::default() }),
            sidecar: sidecar(request, held, &name, settings),
        },
    );
    job.metadata.labels = Some(labels);
    job.metadata.annotations = Some(digest.into_iter().collect());
    Ok(job)
}

/// The smallest object of a key: its dry-run creation costs nothing and detects most problems (a
/// missing resource or permission, the quota, a name that is taken).
#[must_use]
pub fn probe(key: &WorkKey) -> IflearnerJob {
    let container = PodContainer {
        name: WORKLOAD.to_owned(),
        image: Some("none".to_owned()),
        ..PodContainer::default()
    };
    let mut spec = IflearnerJobSpec {
        schedulername: None,
        role: JobRole::Client,
        host: None,
        template: PodTemplateSpec::default(),
        run_policy: Some(RunPolicy { suspend: Some(true), ..RunPolicy::default() }),
        exposure: None,
        certificates: None,
        sidecar: None,
    };
    spec.template.spec = Some(PodSpec { containers: vec![container], ..PodSpec::default() });
    IflearnerJob::new(&naming::name(key), spec)
}

fn pod(
    request: &StartRequest,
    image: &Container,
    name: &str,
    settings: &Settings,
) -> Result<PodSpec, Reason> {
    let Some(program) = request.argv.first().filter(|program| !program.is_empty()) else {
        return Err(Reason::new(ReasonCode::SpawnFailed, "the template has no command; add one"));
    };
    let mut env = request.env.clone();
    env.remove("FED_DATA_DIR");
    if request.data.is_some() {
        env.insert("FED_DATA_DIR".to_owned(), DATA_DIR.to_owned());
    }
    for (variable, place) in
        [("FED_OUTPUT_DIR", OUTPUTS_DIR), ("FED_WORK_DIR", WORK_DIR), ("HOME", HOME)]
    {
        env.insert(variable.to_owned(), place.to_owned());
    }
    let PodData { volumes, mounts, init_containers } = pod_data(request, name, settings)?;
    let inside = |path: &str| {
        if path.starts_with('/') { PathBuf::from(path) } else { image.root.join(path) }
    };
    // Without a slash the program is searched in the image's PATH.
    let program = if program.contains('/') { inside(program) } else { PathBuf::from(program) };
    let folder =
        if request.workdir.is_empty() { PathBuf::from(WORK_DIR) } else { inside(&request.workdir) };
    let workload = PodContainer {
        name: WORKLOAD.to_owned(),
        image: Some(image.image.clone()),
        command: Some(vec![verbatim(&shown(&program))]),
        args: Some(request.argv.iter().skip(1).map(|arg| verbatim(arg)).collect()),
        working_dir: Some(shown(&folder)),
        env: Some(variables(&env)),
        resources: resources(request, image),
        volume_mounts: Some(mounts),
        ..PodContainer::default()
    };
    let spec = PodSpec {
        containers: vec![workload],
        init_containers,
        volumes: Some(volumes),
        restart_policy: Some("Never".to_owned()),
        // The kubelet counts from the moment it has the Pod, also while operator and agent are
        // down.
        active_deadline_seconds: i32::try_from(request.max_runtime_s)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(i64::from),
        termination_grace_period_seconds: i64::try_from(request.stop_grace_s).ok(),
        automount_service_account_token: Some(false),
        // The workload must not see the names and addresses of the namespace's other Services.
        enable_service_links: Some(false),
        ..PodSpec::default()
    };
    let mut spec = with_fields(spec, image)?;
    // In addition to the party's aliases.
    let aliases = aliases(&request.dials, settings);
    if !aliases.is_empty() {
        spec.host_aliases.get_or_insert_default().extend(aliases);
    }
    Ok(spec)
}

/// The host aliases that resolve these endpoints in a Pod where no DNS does: one entry per address.
fn aliases(endpoints: &[String], settings: &Settings) -> Vec<HostAlias> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for host in endpoints.iter().filter_map(|endpoint| Some(endpoint.rsplit_once(':')?.0)) {
        let serves = |zone: &str| host.strip_suffix(zone).is_some_and(|name| name.ends_with('.'));
        // The smallest zone that contains it.
        let zone = settings
            .hosts
            .iter()
            .filter(|(zone, _)| serves(zone))
            .max_by_key(|(zone, _)| zone.len());
        if let Some((_, address)) = zone {
            names.entry(address.to_string()).or_default().insert(host.to_owned());
        }
    }
    names
        .into_iter()
        .map(|(ip, names)| HostAlias { ip, hostnames: Some(names.into_iter().collect()) })
        .collect()
}

/// Adds the party's fields, which cannot name any field of the agent.
fn with_fields(spec: PodSpec, image: &Container) -> Result<PodSpec, Reason> {
    let merged = serde_json::to_value(&spec).and_then(|mut value| {
        if let Value::Object(fields) = &mut value {
            fields.extend(image.pod.clone());
        }
        serde_json::from_value(value)
    });
    merged.map_err(|error| {
        Reason::new(
            ReasonCode::ImageUnusable,
            format!(
                "`pod` in the party's image map is not valid in a Pod's spec: {error}; ask the party to \
                 correct the entry"
            ),
        )
    })
}

fn resources(request: &StartRequest, image: &Container) -> Option<ResourceRequirements> {
    let mut wanted: BTreeMap<String, Quantity> = image
        .limits
        .iter()
        .map(|(name, amount)| (name.clone(), Quantity(amount.clone())))
        .collect();
    if request.resources.cpu_millis > 0 {
        wanted.insert("cpu".to_owned(), Quantity(format!("{}m", request.resources.cpu_millis)));
    }
    if request.resources.memory_mib > 0 {
        wanted.insert("memory".to_owned(), Quantity(format!("{}Mi", request.resources.memory_mib)));
    }
    (!wanted.is_empty()).then(|| ResourceRequirements {
        requests: Some(wanted.clone()),
        limits: Some(wanted),
        ..ResourceRequirements::default()
    })
}

/// The sidecar of every member, whatever its framework: a trainer's only progress is the metrics
/// file.
fn sidecar(
    request: &StartRequest,
    held: &Held,
    name: &str,
    settings: &Settings,
) -> Option<Sidecar> {
    let image = settings.sidecar_image.clone()?;
    let port = match &request.progress {
        ProgressSource::MetricsFile => None,
        ProgressSource::IflearnerStatus { port, .. } => held.ports.get(port).copied(),
    };
    // The sidecar mounts the whole volume.
    let outputs = settings
        .output_claim
        .as_ref()
        .map_or_else(|| OUTPUTS_DIR.into(), |_| Path::new(OUTPUTS_DIR).join(name));
    let task = native::ProgressTask { outputs, progress: request.progress.clone(), port };
    Some(Sidecar {
        image,
        args: task.args().iter().map(|arg| verbatim(arg)).collect(),
        ..Sidecar::default()
    })
}

/// Escapes a text, because Kubernetes expands `$(NAME)` in commands and variables.
fn verbatim(text: &str) -> String {
    text.replace('$', "$$")
}

fn variables(env: &BTreeMap<String, String>) -> Vec<EnvVar> {
    let variable = |(name, value): (&String, &String)| EnvVar {
        name: name.clone(),
        value: Some(verbatim(value)),
        value_from: None,
    };
    env.iter().map(variable).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::volumes::DATA;
    use super::*;
    use crate::runtime::DataSource;
    use flow_crd::OUTPUTS_VOLUME;
    use flow_domain::template::Resources;

    fn settings() -> Settings {
        Settings {
            namespace: "ns".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            host_zone: None,
            route_port: 443,
            hosts: vec![],
            certificates: false,
            sidecar_image: None,
            output_claim: None,
        }
    }

    fn launch() -> StartRequest {
        let pod = serde_json::json!({ "nodeSelector": { "gpu": "a100" }, "tolerations": [{ "key": "gpu", "operator": "Exists" }] });
        let image = Container {
            image: "r/x:1".to_owned(),
            root: "/app".into(),
            pod: pod.as_object().expect("an object").clone(),
            limits: [("nvidia.com/gpu".to_owned(), "1".to_owned())].into(),
        };
        StartRequest {
            key: WorkKey { run: "a".repeat(32).parse().expect("an id"), attempt: 2 },
            task: "b".repeat(32).parse().expect("an id"),
            party: "party-a".parse().expect("a party"),
            role: Role::Trainer,
            digest: None,
            argv: ["train", "--cost=$(HOME) $5"].map(str::to_owned).into(),
            dials: vec![],
            env: [
                ("FED_DATA_DIR".to_owned(), "/etc".to_owned()),
                ("X".to_owned(), "$(Y)".to_owned()),
            ]
            .into(),
            image: Some(ImageSource::Container(image)),
            workdir: String::new(),
            data: None,
            resources: Resources { cpu_millis: 1500, memory_mib: 64 },
            max_runtime_s: 60,
            stop_grace_s: 5,
            log_limit_bytes: 1 << 20,
            progress: ProgressSource::MetricsFile,
            origin: None,
        }
    }

    fn made(request: &StartRequest, settings: &Settings) -> IflearnerJob {
        job(request, &Held::default(), &"c".repeat(32).parse().expect("an id"), settings)
            .expect("an object")
    }

    fn spec(job: &IflearnerJob) -> PodSpec {
        job.spec.template.spec.clone().expect("a pod")
    }

    fn variable(container: &PodContainer, name: &str) -> Option<String> {
        container.env.iter().flatten().find(|variable| variable.name == name)?.value.clone()
    }

    #[test]
    fn arguments_and_variables_are_not_expanded_by_the_cluster() {
        let pod = spec(&made(&launch(), &settings()));
        let workload = &pod.containers[0];
        assert_eq!(workload.command, Some(vec!["train".to_owned()]));
        assert_eq!(workload.args, Some(vec!["--cost=$$(HOME) $$5".to_owned()]));
        assert_eq!(variable(workload, "X").as_deref(), Some("$$(Y)"));
        assert_eq!(variable(workload, "FED_DATA_DIR"), None, "there is no dataset");
        assert_eq!(variable(workload, "FED_OUTPUT_DIR").as_deref(), Some(OUTPUTS_DIR));
        assert_eq!(
            (pod.automount_service_account_token, pod.restart_policy.as_deref()),
            (Some(false), Some("Never"))
        );
    }

    #[test]
    fn pod_contains_the_fields_of_the_partys_image_entry() {
        let pod = spec(&made(&launch(), &settings()));
        assert_eq!(pod.node_selector, Some([("gpu".to_owned(), "a100".to_owned())].into()));
        assert_eq!(pod.tolerations.map(|all| all.len()), Some(1));
        let limits = pod.containers[0]
            .resources
            .clone()
            .and_then(|resources| resources.limits)
            .expect("limits");
        let limits: Vec<(&str, &str)> =
            limits.iter().map(|(name, amount)| (name.as_str(), amount.0.as_str())).collect();
        assert_eq!(limits, [("cpu", "1500m"), ("memory", "64Mi"), ("nvidia.com/gpu", "1")]);
        let mut wrong = launch();
        if let Some(ImageSource::Container(image)) = &mut wrong.image {
            image.pod.insert("tolerations".to_owned(), "none".into());
        }
        assert!(
            job(&wrong, &Held::default(), &"c".repeat(32).parse().expect("an id"), &settings())
                .is_err()
        );
    }

    #[test]
    fn programs_and_directories_are_resolved_against_the_images_root() {
        let pod = |program: &str, workdir: &str| {
            let mut launch = launch();
            launch.argv[0] = program.to_owned();
            launch.workdir = workdir.to_owned();
            let container = spec(&made(&launch, &settings())).containers.remove(0);
            (
                container.command.expect("a command").remove(0),
                container.working_dir.expect("a directory"),
            )
        };
        assert_eq!(pod("train", ""), ("train".to_owned(), WORK_DIR.to_owned()));
        assert_eq!(pod("bin/train", "src"), ("/app/bin/train".to_owned(), "/app/src".to_owned()));
        assert_eq!(
            pod("/usr/bin/python", "/srv"),
            ("/usr/bin/python".to_owned(), "/srv".to_owned())
        );
    }

    #[test]
    fn every_kind_of_dataset_is_read_only_for_the_workload() {
        let with = |data: DataSource| {
            spec(&made(&StartRequest { data: Some(data), ..launch() }, &settings()))
        };
        let claim =
            with(DataSource::Claim { claim: "pvc".to_owned(), sub_path: "train".to_owned() });
        let host = with(DataSource::HostPath { host_path: "/srv".into() });
        let image = with(DataSource::Image { image: "r/data:1".to_owned(), args: Vec::new() });
        for pod in [&claim, &host, &image] {
            let workload = &pod.containers[0];
            let mount = workload
                .volume_mounts
                .iter()
                .flatten()
                .find(|mount| mount.name == DATA)
                .expect("mounted");
            assert_eq!((mount.mount_path.as_str(), mount.read_only), (DATA_DIR, Some(true)));
            assert_eq!(variable(workload, "FED_DATA_DIR").as_deref(), Some(DATA_DIR));
        }
        let init = image.init_containers.expect("a container that brings the data");
        assert_eq!(
            init[0].volume_mounts.iter().flatten().map(|mount| mount.read_only).collect::<Vec<_>>(),
            [Some(false)]
        );
        let local = StartRequest { data: Some(DataSource::Directory("/srv".into())), ..launch() };
        assert!(
            job(&local, &Held::default(), &"c".repeat(32).parse().expect("an id"), &settings())
                .is_err()
        );
    }

    #[test]
    fn object_is_suspended_and_its_deadline_starts_on_a_node() {
        let job = made(&launch(), &settings());
        let policy = job.spec.run_policy.clone().expect("a policy");
        assert_eq!(
            (policy.suspend, policy.active_deadline_seconds, policy.backoff_limit),
            (Some(true), None, Some(0))
        );
        let pod = spec(&job);
        assert_eq!(
            (pod.active_deadline_seconds, pod.termination_grace_period_seconds),
            (Some(60), Some(5)),
            "the values of the spec"
        );
        let endless = made(&StartRequest { max_runtime_s: 0, ..launch() }, &settings());
        assert_eq!(spec(&endless).active_deadline_seconds, None);
    }

    #[test]
    fn endpoint_is_the_service_or_the_gateway() {
        let key = launch().key;
        let ports = ["grpc", "http"].map(str::to_owned);
        let inside = held(&key, &ports, &settings());
        let name = naming::name(&key);
        assert_eq!(inside.ports, [("grpc".to_owned(), 50001), ("http".to_owned(), 50002)].into());
        assert_eq!(inside.endpoints["grpc"], format!("{name}.ns.svc.cluster.local:80"));
        let zone = Settings { host_zone: Some("a.example".to_owned()), ..settings() };
        let outside = held(&key, &ports, &zone);
        assert_eq!(outside.endpoints["grpc"], format!("{name}.a.example:443"));
        let made = job(&launch(), &outside, &"c".repeat(32).parse().expect("an id"), &zone)
            .expect("an object");
        assert_eq!(made.spec.host, Some(format!("{name}.a.example")));
        let unreachable =
            job(&launch(), &Held::default(), &"c".repeat(32).parse().expect("an id"), &zone)
                .expect("an object");
        assert_eq!(unreachable.spec.host, None);
    }

    #[test]
    fn pod_has_host_aliases_for_names_without_dns() {
        let hosts = [("example.org", "192.0.2.1"), ("server.example.org", "192.0.2.10")];
        let hosts = hosts
            .map(|(zone, address)| (zone.to_owned(), address.parse().expect("an address")))
            .into();
        let served = Settings { hosts, ..settings() };
        let dialled = [
            "run-1.server.example.org:443",
            "run-1.server.example.org:444",
            "run-2.server.example.org:443",
            "run-1.otherexample.org:443",
            "run-2.ns.svc.cluster.local:80",
            "example.org:443",
        ];
        let dials = StartRequest { dials: dialled.map(str::to_owned).into(), ..launch() };
        assert_eq!(spec(&made(&dials, &settings())).host_aliases, None);
        let names = ["run-1.server.example.org", "run-2.server.example.org"].map(str::to_owned);
        let alias = HostAlias { ip: "192.0.2.10".to_owned(), hostnames: Some(names.into()) };
        assert_eq!(spec(&made(&dials, &served)).host_aliases, Some(vec![alias.clone()]));
        let Some(ImageSource::Container(mut image)) = launch().image else { panic!("a container") };
        image.pod.insert(
            "hostAliases".to_owned(),
            serde_json::json!([{"ip": "192.0.2.1", "hostnames": ["own"]}]),
        );
        let own = StartRequest { image: Some(ImageSource::Container(image)), ..dials };
        let all = spec(&made(&own, &served)).host_aliases.unwrap_or_default();
        assert_eq!((all.len(), &all[1]), (2, &alias));
    }

    #[test]
    fn every_member_has_a_sidecar_if_an_image_is_configured() {
        assert_eq!(made(&launch(), &settings()).spec.sidecar, None);
        let mut with = Settings { sidecar_image: Some("flow:1".to_owned()), ..settings() };
        let sidecar = made(&launch(), &with).spec.sidecar.expect("a sidecar");
        assert_eq!((sidecar.args[0].as_str(), sidecar.args[1].as_str()), ("sidecar", native::FLAG));
        let task: native::ProgressTask = serde_json::from_str(&sidecar.args[2]).expect("a task");
        assert_eq!(task.outputs, PathBuf::from(OUTPUTS_DIR));
        with.output_claim = Some("results".to_owned());
        let shared = made(&launch(), &with);
        let task: native::ProgressTask =
            serde_json::from_str(&shared.spec.sidecar.clone().expect("a sidecar").args[2])
                .expect("a task");
        let mounts = spec(&shared).containers[0].volume_mounts.clone().unwrap_or_default();
        let own = mounts
            .iter()
            .find(|mount| mount.name == OUTPUTS_VOLUME)
            .and_then(|mount| mount.sub_path.clone())
            .expect("its own directory");
        assert_eq!(task.outputs, Path::new(OUTPUTS_DIR).join(own));
        let parties = vec!["party-a".parse().expect("a party")];
        let page = ProgressSource::IflearnerStatus {
            port: HTTP.to_owned(),
            parties,
            final_epoch: 3,
            total_epoch: 3,
            trainers: 1,
        };
        let aggregator =
            StartRequest { role: Role::Aggregator, progress: page.clone(), ..launch() };
        let held = held(&aggregator.key, &[HTTP.to_owned()], &with);
        let made = job(&aggregator, &held, &"c".repeat(32).parse().expect("an id"), &with)
            .expect("an object");
        let task: native::ProgressTask =
            serde_json::from_str(&made.spec.sidecar.expect("a sidecar").args[2]).expect("a task");
        assert_eq!((task.progress, task.port), (page, Some(held.ports[HTTP])));
    }
}
