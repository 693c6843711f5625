//! Turns an object into the plan of its children, or into the reason for which it will never run.
//! Pure.

use std::collections::BTreeMap;

use flow_crd::{
    CertificateSource, ExposureDriver, GatewayRef, IflearnerJob, OptIn, PARTY_CERTIFICATE, Role,
    SERVER_CERTIFICATE, SIDECAR_CONTAINER,
};
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};

use super::names::Names;
use super::pod_security::{self, AllowedOptIns};
use crate::apis::Apis;
use crate::config::{Config, RouteDriver};

/// Name of the volume with the certificates. A template cannot have a volume of this name, unlike
/// [`flow_crd::OUTPUTS_VOLUME`].
pub const CERTIFICATES_VOLUME: &str = "flow-certificates";
/// Files of a key pair: the keys of a Secret of type kubernetes.io/tls.
pub const KEY_PAIR_FILES: [&str; 2] = ["tls.crt", "tls.key"];
/// Name of the volume that is mounted at `/tmp`. A template cannot have a volume of this name.
pub const TMP_VOLUME: &str = "flow-tmp";

/// The reason for which a job will never run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Machine-readable, in CamelCase.
    pub reason: &'static str,
    /// Human-readable, with the necessary change.
    pub message: String,
}

/// Owner, names and exposure of the children of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub role: Role,
    pub names: Names,
    /// Owner reference of the children.
    pub owner: OwnerReference,
    pub exposure: Exposure,
    /// The route must demand client certificates.
    pub authenticate_clients: bool,
}

/// The route to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// The object has no host, or requests no route.
    NotRequested,
    /// The object has a host, and neither object nor configuration name a route.
    NotConfigured,
    /// The cluster does not serve the API of the route.
    NotInstalled {
        /// Kind and API group with version.
        api: &'static str,
    },
    /// The route must demand client certificates, and its gateway or ingress controller does not.
    Unauthenticated {
        /// The cause, with the necessary change.
        message: String,
    },
    Gateway {
        host: String,
        gateway: GatewayRef,
    },
    Ingress {
        host: String,
        /// `None` stands for the default class of the cluster.
        class: Option<String>,
        /// Secret with the certificate of the host.
        tls_secret: Option<String>,
    },
}

impl Plan {
    /// Returns the plan for an object with name, namespace and UID, as the API server returns it.
    #[must_use]
    pub fn new(job: &IflearnerJob, config: &Config, apis: Apis) -> Self {
        let (name, uid) = (job.name_any(), job.uid().unwrap_or_default());
        Self {
            namespace: job.namespace().unwrap_or_default(),
            role: job.spec.role,
            names: Names::new(&name, &uid),
            owner: job.controller_owner_ref(&()).unwrap_or_default(),
            exposure: exposure(job, config, apis),
            authenticate_clients: authenticate_clients(job, config),
            name,
            uid,
        }
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn authenticate_clients(job: &IflearnerJob, config: &Config) -> bool {
    config.exposure.authenticate_clients
        || job.spec.exposure.as_ref().is_some_and(|exposure| exposure.authenticate_clients)
}

fn exposure(job: &IflearnerJob, config: &Config, apis: Apis) -> Exposure {
    let wanted = job.spec.exposure.clone().unwrap_or_default();
    let authenticate_clients = authenticate_clients(job, config);
    let config = &config.exposure;
    // The definition of the original operator accepted an empty host.
    let Some(host) = job.spec.host.clone().filter(|host| !host.is_empty()) else {
        return Exposure::NotRequested;
    };
    let gateway = wanted.gateway.or_else(|| {
        let section_name = non_empty(&config.gateway.listener);
        non_empty(&config.gateway.name).map(|name| GatewayRef {
            name,
            namespace: non_empty(&config.gateway.namespace),
            section_name,
        })
    });
    let class = wanted.ingress_class_name.or_else(|| non_empty(&config.ingress.class));
    let driver = match (wanted.driver, config.driver) {
        (Some(ExposureDriver::None), _) | (None, RouteDriver::None) => {
            return Exposure::NotRequested;
        }
        (Some(ExposureDriver::Gateway), _) | (None, RouteDriver::Gateway) => {
            ExposureDriver::Gateway
        }
        (Some(ExposureDriver::Ingress), _) | (None, RouteDriver::Ingress) => {
            ExposureDriver::Ingress
        }
        (None, RouteDriver::Auto) => match (&gateway, &class) {
            (Some(_), Some(_)) if !apis.grpc_route => ExposureDriver::Ingress,
            (Some(_), _) => ExposureDriver::Gateway,
            (None, Some(_)) => ExposureDriver::Ingress,
            (None, None) => return Exposure::NotConfigured,
        },
    };
    match (driver, gateway) {
        (ExposureDriver::None, _) => Exposure::NotRequested,
        (ExposureDriver::Gateway, _) if !apis.grpc_route => {
            Exposure::NotInstalled { api: "GRPCRoute of gateway.networking.k8s.io/v1" }
        }
        (ExposureDriver::Gateway, Some(gateway)) => Exposure::Gateway { host, gateway },
        (ExposureDriver::Gateway, None) => Exposure::NotConfigured,
        (ExposureDriver::Ingress, _) if !apis.ingress => {
            Exposure::NotInstalled { api: "Ingress of networking.k8s.io/v1" }
        }
        (ExposureDriver::Ingress, _)
            if authenticate_clients && config.ingress.client_annotations.is_empty() =>
        {
            let message = "authenticateClients demands client certificates, and the operator has no annotations that make the ingress \
                           controller request them: set exposure.ingress.client_annotations in the configuration of the operator";
            Exposure::Unauthenticated { message: message.to_owned() }
        }
        (ExposureDriver::Ingress, _) => {
            let secret = match job.spec.role {
                Role::Server => &config.ingress.server_tls_secret,
                Role::Client => &config.ingress.client_tls_secret,
            };
            Exposure::Ingress {
                host,
                class,
                tls_secret: wanted.tls_secret_name.or_else(|| non_empty(secret)),
            }
        }
    }
}

/// A certificate to mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Name of the file in the Pod.
    pub file: &'static str,
    pub source: Source,
    /// Key in the source.
    pub key: String,
}

/// The object that holds a certificate, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    ConfigMap(String),
    Secret(String),
}

/// Returns the certificates of a job: those that it names, and for a client the defaults of the
/// others.
#[must_use]
pub fn certificates(job: &IflearnerJob, config: &Config) -> Vec<Certificate> {
    let wanted = job.spec.certificates.clone().unwrap_or_default();
    if wanted.disabled {
        return Vec::new();
    }
    let pairs = [
        (SERVER_CERTIFICATE, wanted.server, &config.certificates.server_config_map),
        (PARTY_CERTIFICATE, wanted.party, &config.certificates.party_config_map),
    ];
    let certificate =
        |(file, source, default): (&'static str, Option<CertificateSource>, &String)| {
            let source = source.or_else(|| {
                let config_map = non_empty(default).filter(|_| job.spec.role == Role::Client)?;
                Some(CertificateSource {
                    config_map: Some(config_map),
                    ..CertificateSource::default()
                })
            })?;
            let key = source.key.unwrap_or_else(|| file.to_owned());
            let source =
                source.config_map.map(Source::ConfigMap).or(source.secret.map(Source::Secret))?;
            Some(Certificate { file, source, key })
        };
    let own = wanted.key_pair_secret_name.into_iter().flat_map(|secret| {
        KEY_PAIR_FILES.map(|file| Certificate {
            file,
            source: Source::Secret(secret.clone()),
            key: file.to_owned(),
        })
    });
    pairs.into_iter().filter_map(certificate).chain(own).collect()
}

/// The template with all defaults of the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct PodPlan {
    /// The Pod of the template.
    pub pod: PodSpec,
    /// The restart policy that replaces that of the template.
    pub restart_policy: &'static str,
    /// Number of replacements for failed Pods.
    pub backoff_limit: i32,
    /// The permissions of the namespace.
    pub allowed: AllowedOptIns,
    pub read_only_root: bool,
    pub certificates: Vec<Certificate>,
    /// Requests of a container for resources that the template does not name.
    pub requests: BTreeMap<String, String>,
    /// Limits of a container for resources that the template does not name.
    pub limits: BTreeMap<String, String>,
}

/// Checks the template against the permissions of its namespace.
pub fn pod(
    job: &IflearnerJob,
    allowed: AllowedOptIns,
    config: &Config,
) -> Result<PodPlan, Rejection> {
    let invalid = |message: String| Rejection { reason: "InvalidTemplate", message };
    let pod = job.spec.template.spec.clone().unwrap_or_default();
    if pod.containers.is_empty() {
        return Err(invalid(
            "spec.template.spec.containers is empty: add at least one container".to_owned(),
        ));
    }
    let reserved = [CERTIFICATES_VOLUME, TMP_VOLUME];
    if let Some(volume) =
        pod.volumes.iter().flatten().find(|volume| reserved.contains(&volume.name.as_str()))
    {
        return Err(invalid(format!(
            "spec.template.spec.volumes: the name {} is reserved for the operator: rename the volume",
            volume.name
        )));
    }
    let mut containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    if job.spec.sidecar.is_some() && containers.any(|container| container.name == SIDECAR_CONTAINER)
    {
        return Err(invalid(format!(
            "spec.template.spec.containers: the name {SIDECAR_CONTAINER} is reserved for spec.sidecar: rename the container"
        )));
    }
    let violations =
        pod_security::violations(&job.spec.template, &allowed, config.pods.read_only_root);
    if !violations.is_empty() {
        let namespace = job.namespace().unwrap_or_default();
        let message =
            pod_security::rejection_message(&violations, &namespace, &config.pods.opt_ins);
        return Err(Rejection { reason: "NotAllowed", message });
    }
    let backoff_limit =
        job.spec.run_policy.as_ref().and_then(|policy| policy.backoff_limit).unwrap_or(0);
    Ok(PodPlan {
        restart_policy: match pod.restart_policy.as_deref() {
            Some("Never") => "Never",
            Some("OnFailure") => "OnFailure",
            _ if backoff_limit > 0 => "OnFailure",
            _ => "Never",
        },
        backoff_limit,
        read_only_root: config.pods.read_only_root && !allowed.contains(&OptIn::WriteRoot),
        allowed,
        certificates: certificates(job, config),
        requests: config.pods.requests.clone(),
        limits: config.pods.limits.clone(),
        pod,
    })
}

/// Returns the note of the event about a restart policy that the operator replaced.
#[must_use]
pub fn restart_note(job: &IflearnerJob) -> Option<String> {
    let requested = job.spec.template.spec.as_ref()?.restart_policy.as_deref();
    let backoff_limit =
        job.spec.run_policy.as_ref().and_then(|policy| policy.backoff_limit).unwrap_or(0);
    let used = if backoff_limit > 0 { "OnFailure" } else { "Never" };
    match requested {
        Some("Never" | "OnFailure") => None,
        _ => Some(format!(
            "restartPolicy Always ({}) is replaced by {used}, because a training ends: to retry a failed Pod, set spec.runPolicy.backoffLimit",
            if requested.is_some() { "from the template" } else { "the default" }
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iflearnerjob::build::samples::{CLIENT, SERVER, job};

    const BOTH: Apis = Apis { grpc_route: true, ingress: true };

    fn config(pairs: &[(&str, &str)]) -> Config {
        let pairs =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        crate::config::load(None, pairs).unwrap().value
    }

    #[test]
    fn route_is_the_first_that_is_configured_and_installed() {
        let server = job(SERVER);
        let plan =
            |pairs: &[(&str, &str)], apis: Apis| Plan::new(&server, &config(pairs), apis).exposure;
        assert_eq!(plan(&[], BOTH), Exposure::NotConfigured);
        let gateway = ("exposure.gateway.name", "g");
        let class = ("exposure.ingress.class", "c");
        assert!(matches!(plan(&[gateway, class], BOTH), Exposure::Gateway { .. }));
        let ingress_only = Apis { grpc_route: false, ingress: true };
        assert!(matches!(plan(&[gateway, class], ingress_only), Exposure::Ingress { .. }));
        assert!(matches!(plan(&[gateway], ingress_only), Exposure::NotInstalled { .. }));
        assert!(matches!(plan(&[class], BOTH), Exposure::Ingress { .. }));
        assert_eq!(plan(&[gateway, ("exposure.driver", "none")], BOTH), Exposure::NotRequested);
    }

    #[test]
    fn job_overrides_the_configuration() {
        let mut server = job(SERVER);
        server.spec.exposure = serde_yaml_ng::from_str(
            "{driver: ingress, ingressClassName: mine, tlsSecretName: own}",
        )
        .unwrap();
        let config = config(&[("exposure.gateway.name", "g"), ("exposure.ingress.class", "c")]);
        let host = server.spec.host.clone().unwrap();
        let wanted = Exposure::Ingress {
            host,
            class: Some("mine".to_owned()),
            tls_secret: Some("own".to_owned()),
        };
        assert_eq!(Plan::new(&server, &config, BOTH).exposure, wanted);
        server.spec.host = None;
        assert_eq!(Plan::new(&server, &config, BOTH).exposure, Exposure::NotRequested);
    }

    #[test]
    fn i28_names_and_ports_come_from_the_configuration() {
        let mut client = job(CLIENT);
        let config = config(&[
            ("certificates.server_config_map", "roots"),
            ("exposure.ingress.class", "c"),
            ("exposure.ingress.client_tls_secret", "t"),
        ]);
        let roots = certificates(&client, &config);
        assert_eq!(roots[0].source, Source::ConfigMap("roots".to_owned()));
        let Exposure::Ingress { tls_secret, .. } = Plan::new(&client, &config, BOTH).exposure
        else {
            panic!("an Ingress")
        };
        assert_eq!(tls_secret.as_deref(), Some("t"));
        client.spec.certificates =
            serde_yaml_ng::from_str("{server: {secret: s, key: ca.crt}}").unwrap();
        let roots = certificates(&client, &config);
        assert_eq!(
            (&roots[0].source, roots[0].key.as_str()),
            (&Source::Secret("s".to_owned()), "ca.crt")
        );
        assert_eq!(
            roots[1].source,
            Source::ConfigMap("party-iflearner-crt".to_owned()),
            "the other certificate keeps its default"
        );
        client.spec.certificates = serde_yaml_ng::from_str("{disabled: true}").unwrap();
        assert_eq!(certificates(&client, &config), []);
        assert_eq!(
            certificates(&job(SERVER), &config),
            [],
            "a server has no certificates by default"
        );
    }

    #[test]
    fn i14_template_without_containers_is_rejected() {
        let mut client = job(CLIENT);
        client.spec.template.spec.as_mut().unwrap().containers.clear();
        assert_eq!(
            pod(&client, AllowedOptIns::new(), &Config::default()).unwrap_err().reason,
            "InvalidTemplate"
        );
    }

    #[test]
    fn reserved_names_are_rejected() {
        let mut client = job(CLIENT);
        client.spec.template.spec.as_mut().unwrap().volumes =
            serde_yaml_ng::from_str("[{name: flow-tmp, emptyDir: {}}]").unwrap();
        assert!(
            pod(&client, AllowedOptIns::new(), &Config::default())
                .unwrap_err()
                .message
                .contains("flow-tmp")
        );
        let mut client = job(CLIENT);
        client.spec.sidecar = serde_yaml_ng::from_str("{image: x}").unwrap();
        client.spec.template.spec.as_mut().unwrap().containers[0].name =
            SIDECAR_CONTAINER.to_owned();
        assert!(
            pod(&client, AllowedOptIns::new(), &Config::default())
                .unwrap_err()
                .message
                .contains(SIDECAR_CONTAINER)
        );
    }

    #[test]
    fn i11_restart_policy_always_is_replaced() {
        let plan = |policy: Option<&str>, limit: Option<i32>| {
            let mut server = job(SERVER);
            server.spec.template.spec.as_mut().unwrap().restart_policy = policy.map(str::to_owned);
            server.spec.run_policy =
                Some(flow_crd::RunPolicy { backoff_limit: limit, ..Default::default() });
            (
                pod(&server, AllowedOptIns::new(), &Config::default()).unwrap().restart_policy,
                restart_note(&server).is_some(),
            )
        };
        assert_eq!(plan(None, None), ("Never", true));
        assert_eq!(plan(Some("Always"), None), ("Never", true));
        assert_eq!(plan(Some("Always"), Some(3)), ("OnFailure", true));
        assert_eq!(plan(Some("Never"), Some(3)), ("Never", false));
        assert_eq!(plan(Some("OnFailure"), None), ("OnFailure", false));
    }
}
