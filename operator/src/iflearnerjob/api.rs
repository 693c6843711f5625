//! The custom resource `iflearnerjobs.git.iflytek.com/v1`.
//!
//! `schedulername`, `role`, `host` and `template` are the original's fields, and a manifest written for it means the
//! same here. Everything else is optional and new.
//!
//! **Status.** The original inlined the whole `PodStatus` of its Pod. Of that remain, at the same places and with the
//! same values, the fields that say something about a *job*: `phase`, `reason`, `message`, `podIP`, `hostIP`,
//! `startTime`. `conditions`, which the original always wrote empty, holds standard conditions: their JSON is also a
//! valid list of Pod conditions, so a client compiled against the old type still reads the object. `phase` is derived
//! from the conditions and never the other way round.

use k8s_openapi::api::core::v1::{EnvVar, PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Annotation of a Namespace by which its administrator allows Pods what is refused otherwise: a comma-separated list of
/// [`OptIn`] names.
pub const ALLOW_ANNOTATION: &str = "flow-operator/allow";
/// Annotation of a Pod: the name of the IflearnerJob it belongs to (a label could not hold 253 characters).
pub const JOB_ANNOTATION: &str = "flow-operator/iflearnerjob";
/// Label of everything that belongs to an IflearnerJob, and the selector of its Service: the object's UID. A template
/// cannot override it.
pub const UID_LABEL: &str = "flow-operator/iflearnerjob-uid";
/// Name of the container made from [`IflearnerJobSpec::sidecar`].
pub const SIDECAR: &str = "flow-sidecar";
/// Name of the volume that a sidecar shares with the workload. If the template has a volume of this name, it is that one
/// (a claim, say), otherwise an `emptyDir`.
pub const OUTPUTS_VOLUME: &str = "flow-outputs";
/// Where [`OUTPUTS_VOLUME`] is mounted in the sidecar, and in each container that does not mount it itself.
pub const OUTPUTS_DIR: &str = "/flow/outputs";
/// Directory with all certificates of a Pod. Follows the rotation of its sources, which the files at the old paths,
/// [`SERVER_CERTIFICATE`] and [`PARTY_CERTIFICATE`] in `/etc`, do only when a container starts.
pub const CERTIFICATES_DIR: &str = "/etc/iflearner-certificates";
/// File name, and default key in its ConfigMap, of the certificate that a trainer trusts for the server.
pub const SERVER_CERTIFICATE: &str = "server-iflearner-secret.crt";
/// File name, and default key in its ConfigMap, of the certificate that a trainer trusts for its peers.
pub const PARTY_CERTIFICATE: &str = "party-iflearner-secret.crt";

/// One part of a federated training: a Pod that runs once, a Service, and a route from outside if a host is given.
#[expect(clippy::duplicated_attributes, reason = "several columns are of one type")]
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "git.iflytek.com",
    version = "v1",
    kind = "IflearnerJob",
    plural = "iflearnerjobs",
    shortname = "ifj",
    category = "federation",
    namespaced,
    status = "IflearnerJobStatus",
    derive = "PartialEq",
    doc = "One part of a federated training: a Pod that runs once, a Service, and a route from outside if a host is given.",
    printcolumn(name = "Role", type_ = "string", json_path = ".spec.role"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = schema::immutable("schedulername"),
    validation = schema::immutable("host"),
    validation = schema::immutable("certificates"),
    validation = schema::immutable("sidecar"),
    validation = Rule::new("self.?runPolicy.?backoffLimit == oldSelf.?runPolicy.?backoffLimit")
        .message("runPolicy.backoffLimit cannot be changed once the object exists: delete it and create it anew")
        .field_path(".runPolicy.backoffLimit"),
    validation = Rule::new("!has(self.exposure) || !has(self.exposure.driver) || self.exposure.driver == 'none' || has(self.host)")
        .message("host is required when exposure.driver is gateway or ingress")
        .field_path(".host"),
)]
pub struct IflearnerJobSpec {
    /// schedulername is the scheduler of the Pod, unless the template names one. Immutable. Defaults to the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub schedulername: Option<String>,
    /// role is `server` for the aggregator and `client` for a party's trainer. Immutable.
    #[x_kube(validation = schema::immutable_value("role"))]
    pub role: Role,
    /// host is the name under which the other side reaches this job, lower case, e.g. `job1.server.example.org`. Without
    /// it the job is reachable inside the cluster only. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = schema::host())]
    pub host: Option<String>,
    /// template is the Pod to run. Its `restartPolicy` becomes what a Job allows: `Always` turns into `Never`, or into
    /// `OnFailure` if runPolicy.backoffLimit is above 0. Immutable.
    #[schemars(schema_with = "schema::pod_template")]
    #[x_kube(validation = schema::immutable_value("template"))]
    pub template: PodTemplateSpec,
    /// runPolicy says how often, how long and when the Pod runs. Defaults to once, without limit, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_policy: Option<RunPolicy>,
    /// exposure says how `host` is routed here. Defaults to what the operator is configured for. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// certificates says which trust roots are mounted. Defaults to the two ConfigMaps of the original for role `client`,
    /// to none for role `server`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Certificates>,
    /// sidecar is run beside the workload, from before its start until after its end. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Sidecar>,
}

/// What a job is in its training.
#[derive(
    Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The aggregator.
    Server,
    /// A party's trainer.
    Client,
}

impl Role {
    /// As in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// How often, how long and when the Pod of a job runs.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RunPolicy {
    /// activeDeadlineSeconds is how long the job may be active, in seconds, before it is failed. Mutable. Defaults to no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,
    /// backoffLimit is how often a failed Pod is replaced. Immutable. Defaults to 0: a training is never silently started again.
    /// With it, and with restartPolicy Never in the template, a Pod whose node gave it up is replaced without being counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub backoff_limit: Option<i32>,
    /// ttlSecondsAfterFinished is how long Job and Pod, and with them the logs, stay once the end has been recorded here.
    /// This object stays. Mutable. Defaults to as long as this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i32>,
    /// suspend keeps the Pod from being started, or removes it until resumed. Mutable. Unset leaves it to others, such as Kueue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// How the host of a job is routed to it.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// driver is the kind of route. Defaults to the first the operator is configured for and the cluster has: gateway, ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<ExposureDriver>,
    /// gateway is the Gateway to attach to. Defaults to the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayRef>,
    /// ingressClassName is the class of the Ingress. Defaults to the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub ingress_class_name: Option<String>,
    /// tlsSecretName is the Secret of the Ingress's certificate. Defaults to the original's name for the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub tls_secret_name: Option<String>,
    /// authenticateClients routes the host only through a gateway or ingress controller that asks every caller for a
    /// certificate; until there is one, the job is not exposed. Defaults to the operator's configuration, which may
    /// demand it of every job.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticate_clients: bool,
}

/// A kind of route.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ExposureDriver {
    /// A GRPCRoute of the Gateway API.
    Gateway,
    /// An Ingress.
    Ingress,
    /// No route.
    None,
}

/// A Gateway, or one listener of it.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// name of the Gateway.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub name: String,
    /// namespace of the Gateway. Defaults to the job's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL))]
    pub namespace: Option<String>,
    /// sectionName is the listener. Defaults to all that fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub section_name: Option<String>,
}

/// The trust roots of a job.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Certificates {
    /// disabled mounts none, and waits for none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// server is the source of `/etc/server-iflearner-secret.crt`. Defaults to ConfigMap `server-iflearner-crt` for role `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<CertificateSource>,
    /// party is the source of `/etc/party-iflearner-secret.crt`. Defaults to ConfigMap `party-iflearner-crt` for role `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<CertificateSource>,
    /// keyPairSecretName is a Secret of type kubernetes.io/tls by which this job shows who it is where it is asked, such as
    /// `party-iflearner-secret`: tls.crt and tls.key in `/etc/iflearner-certificates`. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub key_pair_secret_name: Option<String>,
}

/// Where a certificate comes from.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.configMap) != has(self.secret)").message("exactly one of configMap and secret must be set"))]
pub struct CertificateSource {
    /// configMap is the name of a ConfigMap. The Pod is not started before it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub config_map: Option<String>,
    /// secret is the name of a Secret. The operator may not read Secrets: if it is missing, the Pod waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub secret: Option<String>,
    /// key in the ConfigMap or Secret. Defaults to the name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::KEY))]
    pub key: Option<String>,
}

/// A container beside the workload: no service account token, no port, restricted privileges, and the volume `flow-outputs`.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// image of the sidecar.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// imagePullPolicy of the image: Always, IfNotPresent or Never. Defaults to the cluster's rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub image_pull_policy: Option<String>,
    /// args of the image's entry point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub args: Vec<String>,
    /// env is the sidecar's environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::environment")]
    pub env: Vec<EnvVar>,
    /// resources of the sidecar. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<ResourceRequirements>,
}

/// What became of a job.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IflearnerJobStatus {
    /// phase is a summary: Pending, Running, Succeeded, Failed, or Unknown when the Pod's node does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// reason is why the job is in its phase, for programs: CamelCase, e.g. ImagePullBackOff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// message is why the job is in its phase, for people, with what to do about it where something can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// podIP is the address of the Pod.
    #[serde(rename = "podIP", default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// hostIP is the address of the Pod's node.
    #[serde(rename = "hostIP", default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<String>,
    /// startTime is when the Job was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// completionTime is when the job ended, either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// conditions are Progressing, Ready, Exposed, CertificatesReady, Complete and Failed; one that does not apply is absent.
    #[serde(
        default,
        deserialize_with = "schema::null_as_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// observedGeneration is the generation of the object that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// job is the Job that was created. It is created once: recorded here and gone means that the run is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobRef>,
    /// podName is the latest Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// exitCode is the exit code of the workload's container; of several, of the first that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// restarts is how often containers of the workload were restarted, over all Pods still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<i32>,
    /// endpoint is where the job's gRPC port is reached: `host:port` from outside if exposed, else inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A summary of a job, with the values of the original.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not running yet.
    Pending,
    /// The workload runs.
    Running,
    /// The workload exited with 0.
    Succeeded,
    /// It did not, or will never run.
    Failed,
    /// The node does not answer.
    Unknown,
}

impl Phase {
    /// As in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }

    /// Whether it is the last one.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The Job of an IflearnerJob.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRef {
    /// name of the Job.
    pub name: String,
    /// uid of the Job.
    pub uid: String,
}

/// Types of conditions.
pub mod condition {
    /// The job is on its way to an end; its reason says where.
    pub const PROGRESSING: &str = "Progressing";
    /// The workload runs and answers.
    pub const READY: &str = "Ready";
    /// The route from outside is there and accepted.
    pub const EXPOSED: &str = "Exposed";
    /// All trust roots are there.
    pub const CERTIFICATES_READY: &str = "CertificatesReady";
    /// The workload succeeded.
    pub const COMPLETE: &str = "Complete";
    /// The workload failed, or will never run.
    pub const FAILED: &str = "Failed";
}

/// What a Pod may do only where the administrator of its namespace says so, by [`ALLOW_ANNOTATION`].
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum OptIn {
    /// Run as root, with the container runtime's default capabilities.
    Root,
    /// Write to the root file system of its image.
    WriteRoot,
    /// Mount directories of the node, or storage that its template names itself in place of a claim.
    Hostpath,
    /// Share network, processes or ports with the node, or have it connect to a host.
    Hostnetwork,
    /// Run privileged: everything that the node can do.
    Privileged,
    /// Act as a service account.
    ServiceAccount,
}

impl OptIn {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Root,
        Self::WriteRoot,
        Self::Hostpath,
        Self::Hostnetwork,
        Self::Privileged,
        Self::ServiceAccount,
    ];

    /// As in the annotation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::WriteRoot => "write-root",
            Self::Hostpath => "hostpath",
            Self::Hostnetwork => "hostnetwork",
            Self::Privileged => "privileged",
            Self::ServiceAccount => "service-account",
        }
    }
}

impl IflearnerJobStatus {
    /// The condition of this type.
    #[must_use]
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Whether the condition of this type is `True`.
    #[must_use]
    pub fn is(&self, type_: &str) -> bool {
        self.condition(type_).is_some_and(|condition| condition.status == "True")
    }
}
