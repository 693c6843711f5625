//! The types of the custom resource.
//!
//! `schedulername`, `role`, `host` and `template` are the fields of the original operator; a
//! manifest written for it has the same meaning here. Every other field is optional and new.
//!
//! **Status.** The original operator inlined the whole `PodStatus` of its Pod. This type keeps the
//! fields that describe a job, at the same places and with the same values: `phase`, `reason`,
//! `message`, `podIP`, `hostIP`, `startTime`. `conditions`, which the original always wrote empty,
//! holds standard conditions. Their JSON is also a valid list of Pod conditions, so a client
//! compiled against the old type still reads the object. `phase` is derived from the conditions and
//! never the other way round.

use k8s_openapi::api::core::v1::{EnvVar, PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Annotation of a Namespace: a comma-separated list of [`OptIn`] names that its administrator
/// allows to Pods.
pub const ALLOW_ANNOTATION: &str = "flow-operator/allow";
/// Annotation of a Pod: the name of its IflearnerJob. A label cannot hold 253 characters.
pub const JOB_ANNOTATION: &str = "flow-operator/iflearnerjob";
/// Label of all children of an IflearnerJob and selector of its Service: the UID of the object. A
/// template cannot override this label.
pub const UID_LABEL: &str = "flow-operator/iflearnerjob-uid";
/// Name of the container that is built from [`IflearnerJobSpec::sidecar`].
pub const SIDECAR_CONTAINER: &str = "flow-sidecar";
/// Name of the volume that the sidecar shares with the workload. The operator uses the template's
/// volume of this name (for example a claim) if there is one, and otherwise adds an `emptyDir`.
pub const OUTPUTS_VOLUME: &str = "flow-outputs";
/// Mount path of [`OUTPUTS_VOLUME`] in the sidecar and in each container that does not mount the
/// volume itself.
pub const OUTPUTS_DIR: &str = "/flow/outputs";
/// Directory with all certificates of a Pod. The kubelet updates its files when a source changes.
/// The files at the old paths, [`SERVER_CERTIFICATE`] and [`PARTY_CERTIFICATE`] in `/etc`, change
/// only when a container starts.
pub const CERTIFICATES_DIR: &str = "/etc/iflearner-certificates";
/// File name, and default key in its ConfigMap, of the certificate by which a trainer verifies the
/// server.
pub const SERVER_CERTIFICATE: &str = "server-iflearner-secret.crt";
/// File name, and default key in its ConfigMap, of the certificate by which a trainer verifies its
/// peers.
pub const PARTY_CERTIFICATE: &str = "party-iflearner-secret.crt";

/// An IflearnerJob is one member of a federated training: a Pod that runs once, a Service, and a
/// route from outside the cluster if host is set.
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
    doc = "An IflearnerJob is one member of a federated training: a Pod that runs once, a Service, and a route from outside the cluster if host is set.",
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
    validation = schema::immutable_field("schedulername"),
    validation = schema::immutable_field("host"),
    validation = schema::immutable_field("certificates"),
    validation = schema::immutable_field("sidecar"),
    validation = Rule::new("self.?runPolicy.?backoffLimit == oldSelf.?runPolicy.?backoffLimit")
        .message("runPolicy.backoffLimit is immutable: delete the object and create it again with the new value")
        .field_path(".runPolicy.backoffLimit"),
    validation = Rule::new("!has(self.exposure) || !has(self.exposure.driver) || self.exposure.driver == 'none' || has(self.host)")
        .message("host is required when exposure.driver is gateway or ingress")
        .field_path(".host"),
)]
pub struct IflearnerJobSpec {
    /// schedulername is the scheduler of the Pod, unless the template names one. Default: the
    /// scheduler of the cluster. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub schedulername: Option<String>,
    /// role is the role of this member: `server` for the aggregator, `client` for the trainer of a
    /// party. Required. Immutable.
    #[x_kube(validation = schema::immutable_value("role"))]
    pub role: Role,
    /// host is the DNS name at which the other members reach this job from outside the cluster, in
    /// lower case, for example `job1.server.example.org`. Default: none, the job is reachable only
    /// inside the cluster. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = schema::host())]
    pub host: Option<String>,
    /// template is the Pod to run. A Job supports only the restart policies Never and OnFailure:
    /// the operator replaces `Always` by `Never`, or by `OnFailure` if runPolicy.backoffLimit is
    /// greater than 0. Required. Immutable.
    #[schemars(schema_with = "schema::pod_template")]
    #[x_kube(validation = schema::immutable_value("template"))]
    pub template: PodTemplateSpec,
    /// runPolicy is the number of attempts, the deadline, the retention and the suspension of the
    /// Pod. Default: the Pod runs once, immediately and without a deadline. Partly mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_policy: Option<RunPolicy>,
    /// exposure is the kind of route that the operator creates for host. Default: the configuration
    /// of the operator. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// certificates are the trust roots that the operator mounts into every container. Default: for
    /// role `client` the two ConfigMaps of the original operator, for role `server` none.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Certificates>,
    /// sidecar is a container that runs beside the workload; it starts before the workload and ends
    /// after it. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Sidecar>,
}

/// The role of a member in a federated training.
#[derive(
    Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Aggregates the models of the trainers.
    Server,
    /// Trains on the data of a party.
    Client,
}

impl Role {
    /// Returns the value of the field `role`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Attempts, deadline, retention and suspension of the Pod of an IflearnerJob.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RunPolicy {
    /// activeDeadlineSeconds is the time in seconds after which an active job fails with the reason
    /// DeadlineExceeded. Default: no deadline. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,
    /// backoffLimit is the number of times that a failed Pod is replaced. A Pod that the cluster
    /// evicts does not count if the template has restartPolicy Never. Default: 0, a training is
    /// never restarted without a request. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub backoff_limit: Option<i32>,
    /// ttlSecondsAfterFinished is the time in seconds after which the Job, its Pod and the logs are
    /// deleted, counted from the end of the job. The IflearnerJob itself remains. Default: they
    /// remain as long as the IflearnerJob. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i32>,
    /// suspend prevents the start of the Pod, or deletes a running Pod until suspend is false.
    /// Default: unset, the operator leaves the suspension of the Job to other controllers such as
    /// Kueue. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// The route from the host of an IflearnerJob to its Service.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// driver is the kind of route: `gateway` for a GRPCRoute, `ingress` for an Ingress, `none` for
    /// no route. Default: the configuration of the operator, which prefers a Gateway to an Ingress.
    /// Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<ExposureDriver>,
    /// gateway is the Gateway that the GRPCRoute attaches to. Default: the configuration of the
    /// operator. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayRef>,
    /// ingressClassName is the class of the Ingress. Default: the configuration of the operator.
    /// Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub ingress_class_name: Option<String>,
    /// tlsSecretName is the Secret with the certificate of the Ingress. Default: the configuration
    /// of the operator for the role, which is the name of the original operator. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub tls_secret_name: Option<String>,
    /// authenticateClients demands a client certificate from every caller: the operator creates the
    /// route only if the gateway or the ingress controller verifies client certificates. Default:
    /// the configuration of the operator, which can demand it for every job. Mutable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticate_clients: bool,
}

/// The kind of route.
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

/// A Gateway, or one listener of a Gateway.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// name is the name of the Gateway. Required. Mutable.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub name: String,
    /// namespace is the namespace of the Gateway. Default: the namespace of the IflearnerJob.
    /// Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_PATTERN))]
    pub namespace: Option<String>,
    /// sectionName is the listener of the Gateway. Default: every listener that accepts the host.
    /// Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub section_name: Option<String>,
}

/// The trust roots of an IflearnerJob.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Certificates {
    /// disabled turns the mounting of certificates off. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// server is the source of `/etc/server-iflearner-secret.crt`. Default: for role `client` the
    /// ConfigMap `server-iflearner-crt`, for role `server` none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<CertificateSource>,
    /// party is the source of `/etc/party-iflearner-secret.crt`. Default: for role `client` the
    /// ConfigMap `party-iflearner-crt`, for role `server` none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<CertificateSource>,
    /// keyPairSecretName is a Secret of type kubernetes.io/tls with the client certificate of this
    /// job, for example `party-iflearner-secret`. Its tls.crt and tls.key are mounted in
    /// `/etc/iflearner-certificates`. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub key_pair_secret_name: Option<String>,
}

/// The ConfigMap or Secret that holds a certificate.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.configMap) != has(self.secret)").message("exactly one of configMap and secret must be set"))]
pub struct CertificateSource {
    /// configMap is the name of a ConfigMap. The operator creates the Pod only after the ConfigMap
    /// exists. Default: none; exactly one of configMap and secret is set. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub config_map: Option<String>,
    /// secret is the name of a Secret. The operator has no permission to read Secrets: a Pod whose
    /// Secret is missing waits in ContainerCreating. Default: none; exactly one of configMap and
    /// secret is set. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN_PATTERN))]
    pub secret: Option<String>,
    /// key is the key in the ConfigMap or Secret. Default: the name of the mounted file. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::KEY_PATTERN))]
    pub key: Option<String>,
}

/// A container that runs beside the workload: without service account token and ports, with
/// restricted privileges, and with the volume `flow-outputs`.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// image is the image of the sidecar. Required. Immutable.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// imagePullPolicy is the pull policy of the image: Always, IfNotPresent or Never. Default: the
    /// rule of Kubernetes for the tag of the image. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub image_pull_policy: Option<String>,
    /// args are the arguments of the image's entry point. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub args: Vec<String>,
    /// env is the environment of the sidecar. Default: empty. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::environment")]
    pub env: Vec<EnvVar>,
    /// resources are the resource requests and limits of the sidecar. Default: the configuration of
    /// the operator. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<ResourceRequirements>,
}

/// The observed state of an IflearnerJob. Only the operator writes it.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IflearnerJobStatus {
    /// phase is the summary of the state: Pending, Running, Succeeded, Failed, or Unknown if the
    /// node of the Pod does not respond. Default: absent until the first reconcile pass. Set by the
    /// operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// reason is the machine-readable reason of the phase in CamelCase, for example
    /// ImagePullBackOff. Default: absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// message is the human-readable reason of the phase, with the next step if the user can
    /// correct the cause. Default: absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// podIP is the IP address of the latest Pod. Default: absent until the Pod runs. Set by the
    /// operator.
    #[serde(rename = "podIP", default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// hostIP is the IP address of the node of the latest Pod. Default: absent until the Pod runs.
    /// Set by the operator.
    #[serde(rename = "hostIP", default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<String>,
    /// startTime is the time at which the Job controller started the Job. Default: absent. Set by
    /// the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// completionTime is the time at which the job succeeded or failed. Default: absent. Set by the
    /// operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// conditions are the conditions of the IflearnerJob: Progressing, Ready, Exposed,
    /// CertificatesReady, Complete and Failed. A condition that does not apply is absent. Set by
    /// the operator.
    #[serde(
        default,
        deserialize_with = "schema::null_as_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// observedGeneration is the generation of the object that this status describes. Default:
    /// absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// job is the Job that the operator created. The operator creates one Job for an object; if the
    /// recorded Job is gone, the run is over. Default: absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobRef>,
    /// podName is the name of the latest Pod. Default: absent until the Pod runs. Set by the
    /// operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// exitCode is the exit code of the workload's container; with several containers, that of the
    /// first one that failed. Default: absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// restarts is the number of container restarts of the workload over all existing Pods.
    /// Default: absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<i32>,
    /// endpoint is the address of the gRPC port as `host:port`: the host if the job is exposed,
    /// otherwise the name of the Service inside the cluster. Default: absent. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// The summary of the state, with the values of the original operator.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The workload does not run yet.
    Pending,
    /// The workload runs.
    Running,
    /// The workload exited with 0.
    Succeeded,
    /// The workload failed or will never run.
    Failed,
    /// The node of the Pod does not respond.
    Unknown,
}

impl Phase {
    /// Returns the value of the field `phase`.
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

    /// Returns whether the phase never changes again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A reference to the Job of an IflearnerJob.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRef {
    /// name is the name of the Job. Set by the operator.
    pub name: String,
    /// uid is the UID of the Job. Set by the operator.
    pub uid: String,
}

/// The types of the conditions in the status.
pub mod condition {
    /// The job has not ended; the reason names the current step.
    pub const PROGRESSING: &str = "Progressing";
    /// The workload runs and its readiness probes succeed.
    pub const READY: &str = "Ready";
    /// The route from outside the cluster exists and a controller accepted it.
    pub const EXPOSED: &str = "Exposed";
    /// The sources of all trust roots exist.
    pub const CERTIFICATES_READY: &str = "CertificatesReady";
    /// The workload succeeded.
    pub const COMPLETE: &str = "Complete";
    /// The workload failed or will never run.
    pub const FAILED: &str = "Failed";
}

/// A permission of Pods that the administrator of a namespace grants with [`ALLOW_ANNOTATION`].
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum OptIn {
    /// Run as root, with the container runtime's default capabilities.
    Root,
    /// Write to the root file system of its image.
    WriteRoot,
    /// Mount directories of the node, or storage that the template names without a claim.
    Hostpath,
    /// Share network, processes or ports with the node, or let the node connect to a host by a
    /// probe.
    Hostnetwork,
    /// Run privileged, with all permissions of the node.
    Privileged,
    /// Use a service account.
    ServiceAccount,
}

impl OptIn {
    /// All permissions.
    pub const ALL: [Self; 6] = [
        Self::Root,
        Self::WriteRoot,
        Self::Hostpath,
        Self::Hostnetwork,
        Self::Privileged,
        Self::ServiceAccount,
    ];

    /// Returns the name in the annotation.
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
    /// Returns the condition of this type, if it is present.
    #[must_use]
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Returns whether the condition of this type is present and `True`.
    #[must_use]
    pub fn is_true(&self, type_: &str) -> bool {
        self.condition(type_).is_some_and(|condition| condition.status == "True")
    }
}
