//! `setup status`: one line for each component of the cluster that the caller may read, with the
//! next step for the user where a component is missing or fails.

use std::collections::BTreeMap;

use flow_crd::{IflearnerJob, Phase};
use flow_domain::time::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, PodTemplateSpec, Secret};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ListParams};
use kube::{Client, CustomResourceExt as _, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::authority::{Details, date};
use super::certificates::{self, AUTHORITY, HUB_SECRET, PARTY_SECRET, SERVER_SECRET};
use super::objects::{COMPONENT, FLOW, PART_OF, text};
use super::secrets;
use super::terminal::{SetupError, connect, print};
use crate::arguments::namespace;
use crate::iflearnerjob::observe::{self, JobEnd};

/// The oldest minor version of Kubernetes 1 with sidecar containers.
const OLDEST_MINOR: u32 = 29;

/// Arguments of `setup status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show this namespace only
    #[arg(short, long, value_parser = namespace)]
    namespace: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Installed and healthy.
    Ok,
    /// Not installed, which may be intended.
    None,
    /// Not readable by this caller.
    Unknown,
    /// Required and not installed.
    Missing,
    /// Installed and not healthy.
    Failing,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
            Self::Failing => "failing",
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    component: &'static str,
    /// `namespace/name` or another identifier; empty for none.
    object: String,
    state: State,
    detail: String,
    /// The next step of the user; empty for none.
    remedy: String,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    components: &'a [Row],
}

/// A Deployment or StatefulSet.
trait ReplicatedWorkload:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + DeserializeOwned
{
    /// Returns the desired and the available number of replicas.
    fn replicas(&self) -> (i32, i32);
    fn template(&self) -> &PodTemplateSpec;
}

impl ReplicatedWorkload for Deployment {
    fn replicas(&self) -> (i32, i32) {
        let available = self.status.as_ref().and_then(|status| status.available_replicas);
        (self.spec.replicas.unwrap_or(1), available.unwrap_or(0))
    }

    fn template(&self) -> &PodTemplateSpec {
        &self.spec.template
    }
}

impl ReplicatedWorkload for StatefulSet {
    fn replicas(&self) -> (i32, i32) {
        let available = self.status.as_ref().and_then(|status| status.available_replicas);
        (self.spec.replicas.unwrap_or(1), available.unwrap_or(0))
    }

    fn template(&self) -> &PodTemplateSpec {
        &self.spec.template
    }
}

/// Collects the rows of the report.
struct StatusReport {
    client: Client,
    namespace: Option<String>,
    rows: Vec<Row>,
}

pub(super) async fn run(args: Args, now: Timestamp) -> Result<bool, SetupError> {
    let client = connect().await?;
    let version = client
        .apiserver_version()
        .await
        .map_err(|error| format!("the API server does not respond: {error}"))?;
    let mut report = StatusReport { client, namespace: args.namespace, rows: vec![] };
    report.cluster(&version);
    report.crd().await;
    report.operator(now).await;
    report
        .workloads::<Deployment>(
            "server",
            "flow-server",
            HUB_SECRET,
            "flow-operator setup certificates --hub -n",
        )
        .await;
    report
        .workloads::<StatefulSet>(
            "mysql",
            "flow-mysql",
            secrets::MYSQL,
            "flow-operator setup secrets --mysql -n",
        )
        .await;
    report
        .workloads::<Deployment>(
            "agent",
            "flow-federate",
            secrets::AGENT,
            "flowctl party add PARTY --print-secret | flow-operator setup secrets --agent - -n",
        )
        .await;
    report.routes().await;
    report.certificates(now).await;
    report.renewal().await;
    report.dns().await;
    report.jobs().await;
    let ok = !report.rows.iter().any(|row| matches!(row.state, State::Missing | State::Failing));
    match args.output {
        Output::Json => {
            print(&serde_json::to_string_pretty(&Report { ok, components: &report.rows })?)?
        }
        Output::Table => print(&table(&report.rows))?,
    }
    Ok(ok)
}

fn table(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> usize, least: usize| {
        rows.iter().map(of).max().unwrap_or_default().max(least)
    };
    let (component, object) =
        (width(|row| row.component.len(), 9), width(|row| row.object.len(), 6));
    let line = |state: &str, name: &str, what: &str, detail: &str| {
        format!("{state:<8} {name:<component$} {what:<object$}  {detail}").trim_end().to_owned()
    };
    let mut lines = vec![line("STATE", "COMPONENT", "OBJECT", "DETAIL")];
    for row in rows {
        lines.push(line(row.state.as_str(), row.component, &row.object, &row.detail));
        if !row.remedy.is_empty() {
            lines.push(format!("         -> {}", row.remedy));
        }
    }
    lines.join("\n")
}

impl StatusReport {
    fn add(
        &mut self,
        component: &'static str,
        object: impl Into<String>,
        state: State,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.rows.push(Row {
            component,
            object: object.into(),
            state,
            detail: detail.into(),
            remedy: remedy.into(),
        });
    }

    /// Returns the API of the requested namespace, or of all namespaces.
    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Lists objects. Adds a row and returns `None` if the caller has no permission.
    async fn list<K>(
        &mut self,
        component: &'static str,
        api: Api<K>,
        selector: &str,
    ) -> Option<Vec<K>>
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        match api.list(&ListParams::default().labels(selector)).await {
            Ok(list) => Some(list.items),
            Err(error) => {
                let remedy =
                    "use an account with permission to list them, or select one namespace with -n";
                self.add(
                    component,
                    "",
                    State::Unknown,
                    format!("{}: {error}", K::plural(&())),
                    remedy,
                );
                None
            }
        }
    }

    fn cluster(&mut self, version: &k8s_openapi::apimachinery::pkg::version::Info) {
        let minor: u32 = version
            .minor
            .trim_end_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap_or_default();
        let (state, remedy) = if version.major == "1" && minor < OLDEST_MINOR {
            (
                State::Failing,
                format!(
                    "members with a sidecar need Kubernetes 1.{OLDEST_MINOR} or newer; IflearnerJobs without a sidecar work"
                ),
            )
        } else {
            (State::Ok, String::new())
        };
        self.add("cluster", "", state, format!("Kubernetes {}", version.git_version), remedy);
    }

    async fn crd(&mut self) {
        let name = IflearnerJob::crd_name();
        let install = "make install, or: flow-operator crd | kubectl apply --server-side -f -";
        let (state, detail, remedy) =
            match Api::<CustomResourceDefinition>::all(self.client.clone()).get_opt(name).await {
                Err(error) => (
                    State::Unknown,
                    error.to_string(),
                    "use an account with permission to read resource definitions".to_owned(),
                ),
                Ok(None) => (State::Missing, String::new(), install.to_owned()),
                Ok(Some(crd)) => {
                    let established = crd
                        .status
                        .iter()
                        .flat_map(|status| status.conditions.iter().flatten())
                        .any(|c| c.type_ == "Established" && c.status == "True");
                    let text = serde_json::to_string(&crd.spec).unwrap_or_default();
                    if !established {
                        (
                            State::Failing,
                            "not established".to_owned(),
                            format!("kubectl describe crd {name} shows the reason"),
                        )
                    } else if text.contains("\"runPolicy\"") {
                        (State::Ok, String::new(), String::new())
                    } else {
                        (
                            State::Failing,
                            "the definition of the original operator".to_owned(),
                            format!("{install} (existing jobs remain)"),
                        )
                    }
                }
            };
        self.add("crd", name, state, detail, remedy);
    }

    async fn operator(&mut self, now: Timestamp) {
        let selector = format!("{PART_OF}={FLOW},{COMPONENT}=operator");
        let Some(found) = self.list("operator", self.api::<Deployment>(), &selector).await else {
            return;
        };
        for deployment in &found {
            self.workload("operator", deployment);
        }
        if !found.is_empty() {
            return;
        }
        let leases = self
            .api::<Lease>()
            .list(&ListParams::default().fields("metadata.name=flow-operator"))
            .await;
        let outside = leases.ok().into_iter().flatten().find_map(|lease| {
            let spec = lease.spec?;
            let renewed = spec.renew_time?.0.as_second();
            let valid = renewed + i64::from(spec.lease_duration_seconds?) >= now.0 / 1_000_000;
            valid.then(|| spec.holder_identity.unwrap_or_default())
        });
        match outside {
            Some(holder) => self.add(
                "operator",
                "",
                State::Ok,
                format!("runs outside the cluster as {holder}"),
                "",
            ),
            None => self.add(
                "operator",
                "",
                State::Missing,
                "no operator reconciles IflearnerJobs",
                "make deploy IMG=…, or locally: make run",
            ),
        }
    }

    fn workload<K: ReplicatedWorkload>(&mut self, component: &'static str, workload: &K) {
        let namespace = workload.namespace().unwrap_or_default();
        let name = workload.name_any();
        let (wanted, available) = workload.replicas();
        let image =
            workload.template().spec.as_ref().and_then(|pod| pod.containers.first()?.image.clone());
        let detail = format!("{available} of {wanted} available, {}", image.unwrap_or_default());
        let is_healthy = wanted > 0 && available >= wanted;
        let remedy = if is_healthy {
            String::new()
        } else {
            let kind = K::kind(&()).to_lowercase();
            format!(
                "kubectl -n {namespace} describe pods, kubectl -n {namespace} logs {kind}/{name}"
            )
        };
        self.add(
            component,
            format!("{namespace}/{name}"),
            if is_healthy { State::Ok } else { State::Failing },
            detail,
            remedy,
        );
    }

    /// Adds the workloads of a program, and the Secret that it requires in each namespace.
    async fn workloads<K: ReplicatedWorkload>(
        &mut self,
        component: &'static str,
        program: &str,
        required_secret: &str,
        create_command: &str,
    ) {
        let selector = format!("{PART_OF}={FLOW},app.kubernetes.io/name={program}");
        let Some(found) = self.list(component, self.api::<K>(), &selector).await else { return };
        if found.is_empty() {
            self.add(component, "", State::None, "not in this cluster", "");
        }
        for workload in &found {
            self.workload(component, workload);
            let namespace = workload.namespace().unwrap_or_default();
            if let Ok(None) = Api::<Secret>::namespaced(self.client.clone(), &namespace)
                .get_opt(required_secret)
                .await
            {
                self.add(
                    component,
                    format!("{namespace}/{required_secret}"),
                    State::Missing,
                    "Secret",
                    format!("{create_command} {namespace}"),
                );
            }
        }
    }

    async fn routes(&mut self) {
        let gateway =
            crate::apis::has::<crate::gateway_api::GrpcRoute>(&self.client).await.unwrap_or(false);
        let classes =
            Api::<IngressClass>::all(self.client.clone()).list(&ListParams::default()).await;
        let classes: Vec<String> =
            classes.ok().into_iter().flatten().map(|class| class.name_any()).collect();
        if gateway {
            self.add("routes", "Gateway API", State::Ok, "GRPCRoute v1", "");
        }
        if !classes.is_empty() {
            self.add("routes", "Ingress", State::Ok, format!("classes {}", classes.join(", ")), "");
        }
        if !gateway && classes.is_empty() {
            let remedy = "to reach jobs from other clusters, install a Gateway API implementation or an ingress controller";
            self.add(
                "routes",
                "",
                State::None,
                "jobs are reachable inside this cluster only",
                remedy,
            );
        }
    }

    async fn certificates(&mut self, now: Timestamp) {
        let Some(found) = self.list("certificates", self.api::<Secret>(), "").await else { return };
        let is_own = |secret: &Secret| {
            let labels = secret.labels();
            labels.get(COMPONENT).is_some_and(|component| component == certificates::COMPONENT)
                && labels.get(PART_OF).is_some_and(|part| part == FLOW)
        };
        let is_known = |secret: &Secret| {
            is_own(secret)
                || [AUTHORITY, SERVER_SECRET, PARTY_SECRET, HUB_SECRET]
                    .contains(&secret.name_any().as_str())
        };
        let found: Vec<Secret> = found.into_iter().filter(is_known).collect();
        if found.is_empty() {
            self.add(
                "certificates",
                "",
                State::None,
                "",
                "to reach jobs from other clusters: flow-operator setup certificates --help",
            );
        }
        for secret in &found {
            let object =
                format!("{}/{}", secret.namespace().unwrap_or_default(), secret.name_any());
            let repeat = "flow-operator setup certificates, with the same arguments as before";
            let remedy = if is_own(secret) {
                repeat.to_owned()
            } else {
                format!("renew it where it was created, or: {repeat} and --replace")
            };
            match text(secret, "tls.crt")
                .ok_or_else(|| "the Secret has no tls.crt".to_owned())
                .and_then(|pem| {
                    Details::read(&pem).map_err(|cause| format!("the certificate {cause}"))
                }) {
                Err(cause) => self.add("certificates", object, State::Failing, cause, remedy),
                Ok(details) if details.ends <= now => self.add(
                    "certificates",
                    object,
                    State::Failing,
                    format!("expired on {}", date(details.ends)),
                    remedy,
                ),
                Ok(details) => {
                    let names = if details.names.is_empty() {
                        String::new()
                    } else {
                        format!(", for {}", details.names.join(" "))
                    };
                    let detail = format!("until {}{names}", date(details.ends));
                    let leaf_without_names =
                        details.names.is_empty() && secret.name_any() != AUTHORITY;
                    if leaf_without_names {
                        let cause = format!(
                            "{detail}; clients reject the certificate because it has no subject alternative name"
                        );
                        self.add("certificates", object, State::Failing, cause, remedy);
                    } else if details.check_lifetime(now).is_err() {
                        self.add(
                            "certificates",
                            object,
                            State::Failing,
                            format!("{detail}: less than a third of the lifetime is left"),
                            remedy,
                        );
                    } else {
                        self.add("certificates", object, State::Ok, detail, "");
                    }
                }
            }
        }
    }

    /// Adds the CronJobs that renew certificates, with their last results.
    async fn renewal(&mut self) {
        let selector = format!("{PART_OF}={FLOW},{COMPONENT}={}", certificates::COMPONENT);
        let Some(found) = self.list("renewal", self.api::<CronJob>(), &selector).await else {
            return;
        };
        if found.is_empty() {
            let remedy = "repeat flow-operator setup certificates from time to time, or deploy \
                          deploy/kustomize/overlays/certificates-renewal";
            self.add("renewal", "", State::None, "not in this cluster", remedy);
            return;
        }
        let jobs = self.list("renewal", self.api::<Job>(), &selector).await.unwrap_or_default();
        for renewal in &found {
            self.add_renewal(renewal, &jobs);
        }
    }

    fn add_renewal(&mut self, renewal: &CronJob, jobs: &[Job]) {
        let (namespace, name, uid) = (
            renewal.namespace().unwrap_or_default(),
            renewal.name_any(),
            renewal.uid().unwrap_or_default(),
        );
        let runs = jobs
            .iter()
            .filter(|job| job.owner_references().iter().any(|owner| owner.uid == uid))
            .map(observe::job);
        let ended: Vec<(String, JobEnd)> =
            runs.filter_map(|run| Some((run.name, run.end?))).collect();
        // Ended Jobs are deleted after a while; the CronJob records the time of the last success.
        let recorded =
            renewal.status.as_ref().and_then(|status| status.last_successful_time.clone());
        let succeeded = ended
            .iter()
            .filter(|(_, end)| end.succeeded)
            .filter_map(|(_, end)| end.at.clone())
            .chain(recorded)
            .max();
        let failed = ended
            .iter()
            .filter(|(_, end)| !end.succeeded && (succeeded.is_none() || end.at > succeeded));
        let failed = failed.max_by_key(|(_, end)| end.at.clone());
        let day = |at: &Time| date(Timestamp(at.0.as_microsecond()));
        let success = succeeded.as_ref().map_or_else(
            || "has never succeeded".to_owned(),
            |at| format!("last succeeded on {}", day(at)),
        );
        let run_now = format!("kubectl -n {namespace} create job {name}-now --from=cronjob/{name}");
        let (state, detail, remedy) = match failed {
            Some((job, end)) => {
                let when = end.at.as_ref().map(|at| format!(" on {}", day(at))).unwrap_or_default();
                let remedy = format!(
                    "kubectl -n {namespace} logs job/{job} shows the cause; to retry: {run_now}"
                );
                (State::Failing, format!("failed{when}: {}; {success}", end.cause.message), remedy)
            }
            None if renewal.spec.suspend == Some(true) => {
                let remedy = format!(
                    "kubectl -n {namespace} patch cronjob {name} --patch '{{\"spec\":{{\"suspend\":false}}}}'"
                );
                (State::Failing, format!("suspended; {success}"), remedy)
            }
            None if succeeded.is_none() => {
                (State::Ok, success, format!("to test it now: {run_now}"))
            }
            None => (State::Ok, success, String::new()),
        };
        self.add("renewal", format!("{namespace}/{name}"), state, detail, remedy);
    }

    async fn dns(&mut self) {
        let found = Api::<ConfigMap>::namespaced(self.client.clone(), "kube-system")
            .get_opt("coredns")
            .await;
        let corefile = found.ok().flatten().and_then(|map| map.data?.remove("Corefile"));
        let Some(corefile) = corefile else { return };
        match super::dns::written_zones(&corefile) {
            Some(zones) => self.add(
                "dns",
                "kube-system/coredns",
                State::Ok,
                format!("resolves {}", zones.join(", ")),
                "",
            ),
            None => self.add("dns", "kube-system/coredns", State::None, "no zones of jobs", ""),
        }
    }

    async fn jobs(&mut self) {
        // The row of the definition reports a missing definition.
        let Ok(found) = self.api::<IflearnerJob>().list(&ListParams::default()).await else {
            return;
        };
        let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
        for job in &found {
            let phase =
                job.status.as_ref().and_then(|status| status.phase).map_or("new", Phase::as_str);
            *phases.entry(phase).or_default() += 1;
        }
        let counts: Vec<String> =
            phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
        let detail = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        self.add("jobs", "", State::Ok, detail, "");
    }
}
