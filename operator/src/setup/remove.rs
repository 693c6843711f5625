//! `setup remove`: takes away what was installed, by its labels, after showing every object that goes.
//!
//! Two things never go by themselves: IflearnerJobs, which a removed definition would take with it, and what cannot be
//! made again (volumes, passwords, the authority, an agent's identity).

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use flow_crd::IflearnerJob;
use flow_domain::time::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams};
use kube::{Api, Client, CustomResourceExt as _, Resource, ResourceExt as _};

use super::certificates;
use super::names::namespace;
use super::objects::{COMPONENT, FLOW, PART_OF};
use super::{SetupError, connect, dns, note, say, secrets};

/// Arguments of `setup remove`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to take away
    #[arg(value_enum)]
    component: Component,
    /// From this namespace only. What belongs to the whole cluster (operator, definition, DNS) stays then.
    #[arg(short, long, value_parser = namespace)]
    namespace: Option<String>,
    /// Also all IflearnerJobs, with their Pods and logs; the definition cannot go without them
    #[arg(long)]
    with_jobs: bool,
    /// Also what cannot be made again: volumes, passwords, the authority, an agent's identity
    #[arg(long)]
    with_data: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Show what would go, and let it be
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Component {
    /// The operator, its namespace and its rights. Jobs run on, unattended.
    Operator,
    /// Agents.
    Agent,
    /// flow-server, and its MySQL if it is ours.
    Server,
    /// The definition of IflearnerJobs.
    Crd,
    /// Key pairs and trust roots that `setup certificates` made, and their renewal.
    Certificates,
    /// What `setup dns` wrote.
    Dns,
    /// Everything above.
    All,
}

/// An object that is to go.
struct Found {
    resource: ApiResource,
    namespace: Option<String>,
    name: String,
}

impl Found {
    fn shown(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.resource.kind, self.name),
            None => format!("{} {}", self.resource.kind, self.name),
        }
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

struct Search<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    with_data: bool,
    found: Vec<Found>,
}

pub(super) async fn run(args: Args, now: Timestamp) -> Result<bool, SetupError> {
    let client = connect().await?;
    let is = |component: Component| args.component == component || args.component == Component::All;
    let cluster_wide = args.namespace.is_none();
    let mut search = Search {
        client: &client,
        namespace: args.namespace.as_deref(),
        with_data: args.with_data,
        found: vec![],
    };
    if is(Component::Agent) {
        search.component("agent").await?;
        search.leases().await?;
    }
    if is(Component::Server) {
        search.component("server").await?;
    }
    if args.with_data && (is(Component::Agent) || is(Component::Server)) {
        search.secrets(args.component).await?;
    }
    let jobs = search.jobs().await?;
    if args.with_jobs {
        search.found.extend(
            jobs.iter().map(|(namespace, name)| {
                found::<IflearnerJob>(Some(namespace.clone()), name.clone())
            }),
        );
    }
    if is(Component::Certificates) {
        search.certificates().await?;
    }
    if is(Component::Operator) && cluster_wide {
        search.component("operator").await?;
        search.rights().await?;
    }
    if is(Component::Crd) && cluster_wide {
        if !jobs.is_empty() && !args.with_jobs {
            let some: Vec<String> = jobs
                .iter()
                .take(5)
                .map(|(namespace, name)| format!("{namespace}/{name}"))
                .collect();
            let more = if jobs.len() > some.len() { ", …" } else { "" };
            return Err(format!(
                "{} IflearnerJobs would go with their definition ({}{more}); delete them first, or add --with-jobs",
                jobs.len(),
                some.join(", ")
            )
            .into());
        }
        search.definition().await?;
    }
    let dns = is(Component::Dns) && cluster_wide && dns::is_written(&client).await?;
    let found = search.found;

    if found.is_empty() && !dns {
        say("there is nothing of it in this cluster")?;
        return Ok(true);
    }
    for object in &found {
        say(&format!("delete {}", object.shown()))?;
    }
    if dns {
        say("take the zones of jobs out of ConfigMap kube-system/coredns")?;
    }
    if !args.with_data {
        note(
            "volumes, passwords, the authority and agents' identities stay, if there are any; --with-data takes them too",
        )?;
    }
    if args.dry_run {
        return Ok(true);
    }
    if !args.yes && !confirmed()? {
        note("nothing was deleted")?;
        return Ok(false);
    }
    for object in &found {
        match object.api(&client).delete(&object.name, &DeleteParams::background()).await {
            Ok(_) => say(&format!("deleted {}", object.shown()))?,
            // What others take with them.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(format!("cannot delete {}: {error}", object.shown()).into()),
        }
    }
    if dns {
        dns::write(&client, "", false, now).await?;
    }
    Ok(true)
}

fn confirmed() -> Result<bool, SetupError> {
    if !std::io::stdin().is_terminal() {
        return Err("add --yes to delete these; nothing was deleted".into());
    }
    write!(std::io::stderr(), "Type yes to delete these: ")?;
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn found<K: Resource<DynamicType = ()>>(namespace: Option<String>, name: String) -> Found {
    Found { resource: ApiResource::erase::<K>(&()), namespace, name }
}

impl Search<'_> {
    /// All objects of a kind with these labels. An API that the cluster does not have has none.
    async fn list<K: Resource<DynamicType = ()>>(
        &self,
        namespaced: bool,
        params: &ListParams,
    ) -> Result<Vec<Found>, SetupError> {
        let resource = ApiResource::erase::<K>(&());
        let api: Api<DynamicObject> = match self.namespace {
            Some(namespace) if namespaced => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            _ => Api::all_with(self.client.clone(), &resource),
        };
        match api.list(params).await {
            Ok(list) => Ok(list
                .into_iter()
                .map(|object| Found {
                    resource: resource.clone(),
                    namespace: object.namespace(),
                    name: object.name_any(),
                })
                .collect()),
            // The API of a definition that is not installed is answered with 404 and no reason.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(vec![]),
            Err(error) => Err(format!("cannot list {}: {error}", resource.plural).into()),
        }
    }

    async fn labelled<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
        &mut self,
        component: &str,
    ) -> Result<(), SetupError> {
        let params =
            ListParams::default().labels(&format!("{PART_OF}={FLOW},{COMPONENT}={component}"));
        let more = self.list::<K>(true, &params).await?;
        self.found.extend(more);
        Ok(())
    }

    /// What the manifests of a component consist of.
    async fn component(&mut self, component: &str) -> Result<(), SetupError> {
        self.labelled::<Deployment>(component).await?;
        self.labelled::<StatefulSet>(component).await?;
        self.labelled::<CronJob>(component).await?;
        self.labelled::<Job>(component).await?;
        self.labelled::<Service>(component).await?;
        self.labelled::<NetworkPolicy>(component).await?;
        self.labelled::<PodDisruptionBudget>(component).await?;
        self.labelled::<ConfigMap>(component).await?;
        self.labelled::<RoleBinding>(component).await?;
        self.labelled::<Role>(component).await?;
        self.labelled::<ServiceAccount>(component).await?;
        if self.with_data {
            self.labelled::<PersistentVolumeClaim>(component).await?;
        }
        Ok(())
    }

    /// An agent's identity; it goes with the volume that belongs to it.
    async fn leases(&mut self) -> Result<(), SetupError> {
        if self.with_data {
            let more = self
                .list::<Lease>(true, &ListParams::default().fields("metadata.name=flow-federate"))
                .await?;
            self.found.extend(more);
        }
        Ok(())
    }

    async fn secrets(&mut self, of: Component) -> Result<(), SetupError> {
        let before = self.found.len();
        self.labelled::<Secret>(secrets::COMPONENT).await?;
        let wanted = |name: &str| match of {
            Component::Agent => name == secrets::AGENT,
            Component::Server => name == secrets::MYSQL,
            // The pull secret of a namespace too, which may be another component's.
            _ => true,
        };
        let more = self.found.split_off(before);
        self.found.extend(more.into_iter().filter(|object| wanted(&object.name)));
        Ok(())
    }

    async fn certificates(&mut self) -> Result<(), SetupError> {
        // The renewal first, which would make the rest again.
        self.component(certificates::COMPONENT).await?;
        let before = self.found.len();
        self.labelled::<Secret>(certificates::COMPONENT).await?;
        let (with_data, more) = (self.with_data, self.found.split_off(before));
        self.found.extend(
            more.into_iter().filter(|object| with_data || object.name != certificates::AUTHORITY),
        );
        Ok(())
    }

    /// The operator's rights in the whole cluster, and its namespace, which goes last.
    async fn rights(&mut self) -> Result<(), SetupError> {
        let params =
            ListParams::default().labels(&format!("{PART_OF}={FLOW},{COMPONENT}=operator"));
        for more in [
            self.list::<ClusterRoleBinding>(false, &params).await?,
            self.list::<ClusterRole>(false, &params).await?,
            self.list::<Namespace>(false, &params).await?,
        ] {
            self.found.extend(more);
        }
        Ok(())
    }

    async fn definition(&mut self) -> Result<(), SetupError> {
        let params =
            ListParams::default().fields(&format!("metadata.name={}", IflearnerJob::crd_name()));
        let more = self.list::<CustomResourceDefinition>(false, &params).await?;
        self.found.extend(more);
        Ok(())
    }

    /// Namespace and name of each IflearnerJob.
    async fn jobs(&self) -> Result<Vec<(String, String)>, SetupError> {
        let found = self.list::<IflearnerJob>(true, &ListParams::default()).await?;
        Ok(found.into_iter().map(|job| (job.namespace.unwrap_or_default(), job.name)).collect())
    }
}
