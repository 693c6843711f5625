//! From an object to what shall be made of it, or the sentence that says why not. Pure.

use std::collections::BTreeMap;

use flow_crd::{
    CertificateSource, ExposureDriver, GatewayRef, IflearnerJob, OptIn, PARTY_CERTIFICATE, Role,
    SERVER_CERTIFICATE, SIDECAR_CONTAINER,
};
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};

use super::names::Names;
use super::policy::{self, Allowed};
use crate::apis::Apis;
use crate::config::{Config, Driver};

/// Volumes that the operator adds; [`flow_crd::OUTPUTS_VOLUME`] is not among them, a template may bring its own.
pub const CERTIFICATES_VOLUME: &str = "flow-certificates";
/// A job's own certificate and key, as a Secret of type kubernetes.io/tls has them.
pub const KEY_PAIR: [&str; 2] = ["tls.crt", "tls.key"];
/// See [`CERTIFICATES_VOLUME`].
pub const TMP_VOLUME: &str = "flow-tmp";

/// A job that will never run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// CamelCase.
    pub reason: &'static str,
    /// What to change.
    pub message: String,
}

/// Who the children belong to, what they are called, and how the job is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The object's UID.
    pub uid: String,
    /// Role of the job.
    pub role: Role,
    /// Names of children.
    pub names: Names,
    /// Reference to the object.
    pub owner: OwnerReference,
    /// Route from outside.
    pub exposure: Exposure,
    /// Only through something that asks callers for a certificate.
    pub authenticate_clients: bool,
}

/// How a host is routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// No host is given, or none is wanted.
    Unwanted,
    /// A host is given, and nothing says how to route it.
    Unconfigured,
    /// The cluster has not what is wanted.
    NotInstalled {
        /// API group and kind.
        api: &'static str,
    },
    /// Callers must show a certificate, and nothing would ask them for it.
    Unauthenticated {
        /// What to do.
        message: String,
    },
    /// By a GRPCRoute.
    Gateway {
        /// The host.
        host: String,
        /// The Gateway.
        gateway: GatewayRef,
    },
    /// By an Ingress.
    Ingress {
        /// The host.
        host: String,
        /// The class; `None` = the cluster's default.
        class: Option<String>,
        /// Secret of the host's certificate.
        tls_secret: Option<String>,
    },
}

impl Plan {
    /// For this object. It must come from an API server, that is, have name, namespace and UID.
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

fn given(text: &str) -> Option<String> {
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
    // The original's definition took an empty one.
    let Some(host) = job.spec.host.clone().filter(|host| !host.is_empty()) else {
        return Exposure::Unwanted;
    };
    let gateway = wanted.gateway.or_else(|| {
        let section_name = given(&config.gateway.listener);
        given(&config.gateway.name).map(|name| GatewayRef {
            name,
            namespace: given(&config.gateway.namespace),
            section_name,
        })
    });
    let class = wanted.ingress_class_name.or_else(|| given(&config.ingress.class));
    let driver = match (wanted.driver, config.driver) {
        (Some(ExposureDriver::None), _) | (None, Driver::None) => return Exposure::Unwanted,
        (Some(ExposureDriver::Gateway), _) | (None, Driver::Gateway) => ExposureDriver::Gateway,
        (Some(ExposureDriver::Ingress), _) | (None, Driver::Ingress) => ExposureDriver::Ingress,
        (None, Driver::Auto) => match (&gateway, &class) {
            (Some(_), Some(_)) if !apis.grpc_route => ExposureDriver::Ingress,
            (Some(_), _) => ExposureDriver::Gateway,
            (None, Some(_)) => ExposureDriver::Ingress,
            (None, None) => return Exposure::Unconfigured,
        },
    };
    match (driver, gateway) {
        (ExposureDriver::None, _) => Exposure::Unwanted,
        (ExposureDriver::Gateway, _) if !apis.grpc_route => {
            Exposure::NotInstalled { api: "GRPCRoute of gateway.networking.k8s.io/v1" }
        }
        (ExposureDriver::Gateway, Some(gateway)) => Exposure::Gateway { host, gateway },
        (ExposureDriver::Gateway, None) => Exposure::Unconfigured,
        (ExposureDriver::Ingress, _) if !apis.ingress => {
            Exposure::NotInstalled { api: "Ingress of networking.k8s.io/v1" }
        }
        (ExposureDriver::Ingress, _)
            if authenticate_clients && config.ingress.client_annotations.is_empty() =>
        {
            let message = "callers must show a certificate (authenticateClients), and the operator does not know what to tell the \
                           ingress controller for that: set exposure.ingress.client_annotations in its configuration";
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
                tls_secret: wanted.tls_secret_name.or_else(|| given(secret)),
            }
        }
    }
}

/// A trust root to mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// File name in the Pod.
    pub file: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// Key in there.
    pub key: String,
}

/// Where a trust root comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A ConfigMap of this name.
    ConfigMap(String),
    /// A Secret of this name.
    Secret(String),
}

/// The trust roots of a job: those it names, and for a client the others by default.
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
                let config_map = given(default).filter(|_| job.spec.role == Role::Client)?;
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
        KEY_PAIR.map(|file| Certificate {
            file,
            source: Source::Secret(secret.clone()),
            key: file.to_owned(),
        })
    });
    pairs.into_iter().filter_map(certificate).chain(own).collect()
}

/// How the Job runs the template.
#[derive(Debug, Clone, PartialEq)]
pub struct PodPlan {
    /// The template's Pod.
    pub pod: PodSpec,
    /// What the Job says instead of the template's restart policy.
    pub restart_policy: &'static str,
    /// Replacements for failed Pods.
    pub backoff_limit: i32,
    /// What is allowed.
    pub allowed: Allowed,
    /// Root file systems are read-only.
    pub read_only_root: bool,
    /// Trust roots.
    pub certificates: Vec<Certificate>,
    /// What a container requests where the template does not say.
    pub requests: BTreeMap<String, String>,
    /// What a container is limited to where the template does not say.
    pub limits: BTreeMap<String, String>,
}

/// Check the template against what its namespace allows.
pub fn pod(job: &IflearnerJob, allowed: Allowed, config: &Config) -> Result<PodPlan, Refusal> {
    let invalid = |message: String| Refusal { reason: "InvalidTemplate", message };
    let pod = job.spec.template.spec.clone().unwrap_or_default();
    if pod.containers.is_empty() {
        return Err(invalid(
            "spec.template.spec.containers is empty: name at least one container".to_owned(),
        ));
    }
    let reserved = [CERTIFICATES_VOLUME, TMP_VOLUME];
    if let Some(volume) =
        pod.volumes.iter().flatten().find(|volume| reserved.contains(&volume.name.as_str()))
    {
        return Err(invalid(format!(
            "spec.template.spec.volumes: the name {} is the operator's: take another",
            volume.name
        )));
    }
    let mut containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    if job.spec.sidecar.is_some() && containers.any(|container| container.name == SIDECAR_CONTAINER)
    {
        return Err(invalid(format!(
            "spec.template.spec.containers: the name {SIDECAR_CONTAINER} is that of spec.sidecar: take another"
        )));
    }
    let violations = policy::violations(&job.spec.template, &allowed, config.pods.read_only_root);
    if !violations.is_empty() {
        let namespace = job.namespace().unwrap_or_default();
        let message = policy::refusal(&violations, &namespace, &config.pods.opt_ins);
        return Err(Refusal { reason: "NotAllowed", message });
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

/// The sentence about a restart policy that is not the template's own.
#[must_use]
pub fn restart_note(job: &IflearnerJob) -> Option<String> {
    let asked = job.spec.template.spec.as_ref()?.restart_policy.as_deref();
    let backoff_limit =
        job.spec.run_policy.as_ref().and_then(|policy| policy.backoff_limit).unwrap_or(0);
    let taken = if backoff_limit > 0 { "OnFailure" } else { "Never" };
    match asked {
        Some("Never" | "OnFailure") => None,
        _ => Some(format!(
            "restartPolicy Always ({}) is taken as {taken}: a training ends. To have a failed one tried again, set spec.runPolicy.backoffLimit",
            if asked.is_some() { "as the template says" } else { "the default" }
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
    fn the_route_is_the_first_that_is_configured_and_installed() {
        let server = job(SERVER);
        let plan =
            |pairs: &[(&str, &str)], apis: Apis| Plan::new(&server, &config(pairs), apis).exposure;
        assert_eq!(plan(&[], BOTH), Exposure::Unconfigured);
        let gateway = ("exposure.gateway.name", "g");
        let class = ("exposure.ingress.class", "c");
        assert!(matches!(plan(&[gateway, class], BOTH), Exposure::Gateway { .. }));
        let ingress_only = Apis { grpc_route: false, ingress: true };
        assert!(matches!(plan(&[gateway, class], ingress_only), Exposure::Ingress { .. }));
        assert!(matches!(plan(&[gateway], ingress_only), Exposure::NotInstalled { .. }));
        assert!(matches!(plan(&[class], BOTH), Exposure::Ingress { .. }));
        assert_eq!(plan(&[gateway, ("exposure.driver", "none")], BOTH), Exposure::Unwanted);
    }

    #[test]
    fn a_job_overrides_what_is_configured() {
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
        assert_eq!(Plan::new(&server, &config, BOTH).exposure, Exposure::Unwanted);
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
            "the other keeps its default"
        );
        client.spec.certificates = serde_yaml_ng::from_str("{disabled: true}").unwrap();
        assert_eq!(certificates(&client, &config), []);
        assert_eq!(certificates(&job(SERVER), &config), [], "a server trusts nobody by default");
    }

    #[test]
    fn i14_a_template_without_containers_is_refused() {
        let mut client = job(CLIENT);
        client.spec.template.spec.as_mut().unwrap().containers.clear();
        assert_eq!(
            pod(&client, Allowed::new(), &Config::default()).unwrap_err().reason,
            "InvalidTemplate"
        );
    }

    #[test]
    fn names_of_the_operators_own_are_refused() {
        let mut client = job(CLIENT);
        client.spec.template.spec.as_mut().unwrap().volumes =
            serde_yaml_ng::from_str("[{name: flow-tmp, emptyDir: {}}]").unwrap();
        assert!(
            pod(&client, Allowed::new(), &Config::default())
                .unwrap_err()
                .message
                .contains("flow-tmp")
        );
        let mut client = job(CLIENT);
        client.spec.sidecar = serde_yaml_ng::from_str("{image: x}").unwrap();
        client.spec.template.spec.as_mut().unwrap().containers[0].name =
            SIDECAR_CONTAINER.to_owned();
        assert!(
            pod(&client, Allowed::new(), &Config::default())
                .unwrap_err()
                .message
                .contains(SIDECAR_CONTAINER)
        );
    }

    #[test]
    fn i11_a_restart_policy_that_never_ends_becomes_one_that_does() {
        let plan = |policy: Option<&str>, limit: Option<i32>| {
            let mut server = job(SERVER);
            server.spec.template.spec.as_mut().unwrap().restart_policy = policy.map(str::to_owned);
            server.spec.run_policy =
                Some(flow_crd::RunPolicy { backoff_limit: limit, ..Default::default() });
            (
                pod(&server, Allowed::new(), &Config::default()).unwrap().restart_policy,
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
