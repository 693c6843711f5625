//! Commands and the runtime of an agent whose members run in a cluster.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use flow_common::clock::SystemClock;
use futures::future::{BoxFuture, FutureExt as _};
use kube::Client;

use super::report::Report;
use super::source::{ConfigArgs, Failure, load, print};
use crate::config::{Checked, Config, RuntimeKind};
use crate::journal::Journal;
use crate::runtime::Runtime;
use crate::runtime::kubernetes::settings::Settings;
use crate::runtime::kubernetes::{KubernetesConfig, KubernetesRuntime, access, cluster};

/// Largest log kept of one member.
const LOG_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the Role that the agent needs in its namespace. Bind it to the agent's service account
    /// or user. If kubernetes.namespace is set, the command contacts no cluster.
    Rbac(ConfigArgs),
}

pub(super) fn main(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Rbac(args) => {
            let config = load(&args)?.value;
            let namespace = match config.kubernetes.namespace.as_str() {
                "" => block_on(async { Ok(connect(&config).await?.1.namespace) })?,
                given => given.to_owned(),
            };
            print(access::role(Some(&namespace)).trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// A client for the configured cluster, and the settings for it. Sends no request.
async fn connect(config: &Config) -> Result<(Client, Settings), Failure> {
    let configured = &config.kubernetes;
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let file = Some(configured.kubeconfig.as_path()).filter(|path| !path.as_os_str().is_empty());
    let found = cluster::configuration(file)
        .await
        .map_err(|error| format!("kubernetes.kubeconfig: {error}"))?;
    let settings = Settings {
        namespace: given(&configured.namespace).unwrap_or_else(|| found.default_namespace.clone()),
        cluster_domain: configured.cluster_domain.clone(),
        host_zone: given(&configured.host_zone),
        route_port: configured.route_port,
        hosts: configured.hosts()?,
        certificates: configured.certificates,
        sidecar_image: given(&configured.sidecar_image),
        output_claim: given(&configured.output_claim),
    };
    Ok((Client::try_from(found)?, settings))
}

/// Starts the runtime. The future completes when another agent has taken the namespace.
pub(super) async fn start_runtime(
    config: &Config,
    checked: &Checked,
) -> Result<(Arc<dyn Runtime>, BoxFuture<'static, String>), Failure> {
    let (client, settings) = connect(config).await?;
    // The identity of the journal owns the namespace.
    let journal = Journal::open(&config.data_dir, &checked.party).await?;
    let instance = journal.instance().clone();
    journal.close().await?;
    let namespace = settings.namespace.clone();
    let kubernetes = KubernetesConfig {
        settings,
        data_root: config.data_dir.clone(),
        party: checked.party.clone(),
        instance,
        log_limit_bytes: LOG_BYTES_MAX,
    };
    let clock = SystemClock::shared();
    let runtime = Arc::new(KubernetesRuntime::start(client, kubernetes, clock).await?);
    tracing::info!(namespace, "members run in the cluster");
    let lost = {
        let runtime = Arc::clone(&runtime);
        async move {
            runtime.lost().await;
            format!(
                "another agent has taken the namespace {namespace} and the work in it: give each \
                 agent its own kubernetes.namespace"
            )
        }
    };
    Ok((runtime, lost.boxed()))
}

/// Checks the API server and the agent's rights.
pub(super) fn doctor(config: &Config, report: &mut Report) -> Result<(), Failure> {
    debug_assert_eq!(config.runtime, RuntimeKind::Kubernetes);
    block_on(async {
        let connected = connect(config).await.map_err(|e| e.to_string());
        let Some((client, settings)) = report.note("kubernetes", connected) else {
            return Ok(());
        };
        let version = client.apiserver_version().await;
        let version = version
            .map_err(|e| format!("{e}: check kubernetes.kubeconfig and that the API server runs"));
        if report.note("kubernetes: the API server answers", version).is_none() {
            return Ok(());
        }
        for (right, allowed) in access::review(&client, &settings.namespace).await {
            report.note(&format!("kubernetes: {right}"), allowed);
        }
        Ok(())
    })
}
