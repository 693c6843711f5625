//! `setup remove`: deletes the objects of a component, found by their labels, after it prints each
//! of them.
//!
//! Two kinds of objects are deleted only on request: IflearnerJobs, which a deleted definition
//! would delete too, and data that cannot be restored (volumes, passwords, the authority,
//! identities of agents).

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
use super::objects::{COMPONENT, FLOW, PART_OF};
use super::terminal::{SetupError, connect, note, print};
use super::{dns, secrets};
use crate::arguments::namespace;

/// Arguments of `setup remove`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Component to remove
    #[arg(value_enum)]
    component: Component,
    /// Remove from this namespace only. Operator, definition and DNS belong to the whole cluster
    /// and remain
    #[arg(short, long, value_parser = namespace)]
    namespace: Option<String>,
    /// Also delete all IflearnerJobs with their Pods and logs; required to remove the definition
    /// while some exist
    #[arg(long)]
    with_jobs: bool,
    /// Also delete data that cannot be restored: volumes, passwords, the authority, identities of
    /// agents
    #[arg(long)]
    with_data: bool,
    /// Delete without a question
    #[arg(short, long)]
    yes: bool,
    /// Print the objects, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Component {
    /// The operator, its namespace and its permissions. Running jobs continue without an operator.
    Operator,
    /// The agents.
    Agent,
    /// flow-server, and its MySQL if this project deployed it.
    Server,
    /// The definition of IflearnerJob.
    Crd,
    /// Key pairs and trust roots of `setup certificates`, and their renewal.
    Certificates,
    /// The zones of `setup dns`.
    Dns,
    /// All components.
    All,
}

/// An object to delete.
struct Target {
    resource: ApiResource,
    namespace: Option<String>,
    name: String,
}

impl Target {
    fn description(&self) -> String {
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
    found: Vec<Target>,
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
        search.add_component("agent").await?;
        search.add_leases().await?;
    }
    if is(Component::Server) {
        search.add_component("server").await?;
    }
    if args.with_data && (is(Component::Agent) || is(Component::Server)) {
        search.add_secrets(args.component).await?;
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
        search.add_certificates().await?;
    }
    if is(Component::Operator) && cluster_wide {
        search.add_component("operator").await?;
        search.add_permissions().await?;
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
                "{} IflearnerJobs would be deleted with their definition ({}{more}); delete them first, or add --with-jobs",
                jobs.len(),
                some.join(", ")
            )
            .into());
        }
        search.add_definition().await?;
    }
    let dns = is(Component::Dns) && cluster_wide && dns::is_written(&client).await?;
    let found = search.found;

    if found.is_empty() && !dns {
        print("the cluster has no objects of this component")?;
        return Ok(true);
    }
    for object in &found {
        print(&format!("delete {}", object.description()))?;
    }
    if dns {
        print("remove the zones of jobs from ConfigMap kube-system/coredns")?;
    }
    if !args.with_data {
        note(
            "volumes, passwords, the authority and the identities of agents remain; add --with-data to delete them",
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
            Ok(_) => print(&format!("deleted {}", object.description()))?,
            // Deleted together with another object.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => {
                return Err(format!("cannot delete {}: {error}", object.description()).into());
            }
        }
    }
    if dns {
        dns::write(&client, "", false, now).await?;
    }
    Ok(true)
}

fn confirmed() -> Result<bool, SetupError> {
    if !std::io::stdin().is_terminal() {
        return Err("standard input is not a terminal: add --yes to delete these objects; nothing was deleted".into());
    }
    write!(std::io::stderr(), "Type yes to delete these objects: ")?;
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn found<K: Resource<DynamicType = ()>>(namespace: Option<String>, name: String) -> Target {
    Target { resource: ApiResource::erase::<K>(&()), namespace, name }
}

impl Search<'_> {
    /// Lists the objects of a kind. An API that the cluster does not serve has none.
    async fn list<K: Resource<DynamicType = ()>>(
        &self,
        namespaced: bool,
        params: &ListParams,
    ) -> Result<Vec<Target>, SetupError> {
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
                .map(|object| Target {
                    resource: resource.clone(),
                    namespace: object.namespace(),
                    name: object.name_any(),
                })
                .collect()),
            // The API server answers 404 without a reason for the API of a missing definition.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(vec![]),
            Err(error) => Err(format!("cannot list {}: {error}", resource.plural).into()),
        }
    }

    async fn add_labelled<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
        &mut self,
        component: &str,
    ) -> Result<(), SetupError> {
        let params =
            ListParams::default().labels(&format!("{PART_OF}={FLOW},{COMPONENT}={component}"));
        let more = self.list::<K>(true, &params).await?;
        self.found.extend(more);
        Ok(())
    }

    /// Adds the objects in the manifests of a component.
    async fn add_component(&mut self, component: &str) -> Result<(), SetupError> {
        self.add_labelled::<Deployment>(component).await?;
        self.add_labelled::<StatefulSet>(component).await?;
        self.add_labelled::<CronJob>(component).await?;
        self.add_labelled::<Job>(component).await?;
        self.add_labelled::<Service>(component).await?;
        self.add_labelled::<NetworkPolicy>(component).await?;
        self.add_labelled::<PodDisruptionBudget>(component).await?;
        self.add_labelled::<ConfigMap>(component).await?;
        self.add_labelled::<RoleBinding>(component).await?;
        self.add_labelled::<Role>(component).await?;
        self.add_labelled::<ServiceAccount>(component).await?;
        if self.with_data {
            self.add_labelled::<PersistentVolumeClaim>(component).await?;
        }
        Ok(())
    }

    /// Adds the identities of agents. An identity is deleted with the agent's volume.
    async fn add_leases(&mut self) -> Result<(), SetupError> {
        if self.with_data {
            let more = self
                .list::<Lease>(true, &ListParams::default().fields("metadata.name=flow-federate"))
                .await?;
            self.found.extend(more);
        }
        Ok(())
    }

    async fn add_secrets(&mut self, of: Component) -> Result<(), SetupError> {
        let before = self.found.len();
        self.add_labelled::<Secret>(secrets::COMPONENT).await?;
        let wanted = |name: &str| match of {
            Component::Agent => name == secrets::AGENT,
            Component::Server => name == secrets::MYSQL,
            // The pull secret of a namespace may belong to several components.
            _ => true,
        };
        let more = self.found.split_off(before);
        self.found.extend(more.into_iter().filter(|object| wanted(&object.name)));
        Ok(())
    }

    async fn add_certificates(&mut self) -> Result<(), SetupError> {
        // The renewal first: it would create the other objects again.
        self.add_component(certificates::COMPONENT).await?;
        let before = self.found.len();
        self.add_labelled::<Secret>(certificates::COMPONENT).await?;
        let (with_data, more) = (self.with_data, self.found.split_off(before));
        self.found.extend(
            more.into_iter().filter(|object| with_data || object.name != certificates::AUTHORITY),
        );
        Ok(())
    }

    /// Adds the operator's cluster-wide permissions and its namespace, which is deleted last.
    async fn add_permissions(&mut self) -> Result<(), SetupError> {
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

    async fn add_definition(&mut self) -> Result<(), SetupError> {
        let params =
            ListParams::default().fields(&format!("metadata.name={}", IflearnerJob::crd_name()));
        let more = self.list::<CustomResourceDefinition>(false, &params).await?;
        self.found.extend(more);
        Ok(())
    }

    /// Lists namespace and name of each IflearnerJob.
    async fn jobs(&self) -> Result<Vec<(String, String)>, SetupError> {
        let found = self.list::<IflearnerJob>(true, &ListParams::default()).await?;
        Ok(found.into_iter().map(|job| (job.namespace.unwrap_or_default(), job.name)).collect())
    }
}
