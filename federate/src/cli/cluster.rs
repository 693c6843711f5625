//! The command line's way to a cluster.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use flow_common::clock::{self, Clock as _, SystemClock};
use flow_common::supervisor::Supervisor;
use futures::future::{BoxFuture, FutureExt as _};
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::{ConfigArgs, Failure, Report, SWEEP, load, say};
use crate::config::{Checked, Config, RuntimeKind};
use crate::journal::Journal;
use crate::retention::{Cutoffs, Retention, SWEEP_PERIOD};
use crate::runtime::Runtime;
use crate::runtime::kubernetes::settings::Settings;
use crate::runtime::kubernetes::{KubernetesConfig, KubernetesRuntime, access, cluster};

/// Largest log kept of one member, in bytes.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// `flow-federate kubernetes …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the Role that the agent needs in its namespace. Bind it to the agent's service account or user. With
    /// kubernetes.namespace set, no cluster is looked for.
    Rbac(ConfigArgs),
}

/// Do as the command says.
pub fn main(command: Command) -> Result<bool, Failure> {
    match command {
        Command::Rbac(args) => {
            let config = load(&args)?.value;
            let namespace = match config.kubernetes.namespace.as_str() {
                "" => alone(async { Ok(connect(&config).await?.1.namespace) })?,
                given => given.to_owned(),
            };
            say(access::role(Some(&namespace)).trim_end())
        }
    }
}

/// For a command that is no agent.
fn alone<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// A client for the configured cluster, which need not answer, and how it is used.
async fn connect(config: &Config) -> Result<(Client, Settings), Failure> {
    let wanted = &config.kubernetes;
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let file = Some(wanted.kubeconfig.as_path()).filter(|path| !path.as_os_str().is_empty());
    let found = cluster::configuration(file)
        .await
        .map_err(|error| format!("kubernetes.kubeconfig: {error}"))?;
    let settings = Settings {
        namespace: given(&wanted.namespace).unwrap_or_else(|| found.default_namespace.clone()),
        cluster_domain: wanted.cluster_domain.clone(),
        host_zone: given(&wanted.host_zone),
        route_port: wanted.route_port,
        hosts: wanted.hosts()?,
        certificates: wanted.certificates,
        sidecar_image: given(&wanted.sidecar_image),
        output_claim: given(&wanted.output_claim),
    };
    Ok((Client::try_from(found)?, settings))
}

/// Members as pods.
pub async fn runtime(
    config: &Config,
    checked: &Checked,
    supervisor: &Supervisor,
    stopping: &CancellationToken,
) -> Result<(Arc<dyn Runtime>, BoxFuture<'static, String>), Failure> {
    let (client, settings) = connect(config).await?;
    // Whose the namespace is, is said by the journal's identity.
    let journal = Journal::open(&config.data_dir, &checked.party).await?;
    let instance = journal.instance().clone();
    journal.close().await?;
    let namespace = settings.namespace.clone();
    let wanted = KubernetesConfig {
        settings,
        data_root: config.data_dir.clone(),
        party: checked.party.clone(),
        instance,
        log_limit_bytes: LOG_BYTES_MAX,
    };
    let runtime = Arc::new(KubernetesRuntime::start(client, wanted, SystemClock::shared()).await?);
    tracing::info!(namespace, "members run in the cluster");
    let sweep = sweep(Arc::clone(&runtime), config.retention, config.data_dir.clone());
    tokio::spawn(supervisor.essential(SWEEP, stopping, sweep));
    let lost = {
        let runtime = Arc::clone(&runtime);
        async move {
            runtime.lost().await;
            format!(
                "another agent has taken the namespace {namespace}; what was started goes on under it"
            )
        }
    };
    Ok((runtime, lost.boxed()))
}

/// Removes what the party keeps no longer, and warns about the disk.
async fn sweep(runtime: Arc<KubernetesRuntime>, retention: Retention, data_dir: PathBuf) {
    let mut cutoffs = Cutoffs::new(retention, SystemClock.read());
    loop {
        if let Some((proof, logs)) = cutoffs.at(SystemClock.read()) {
            match runtime.sweep(proof, logs) {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "records past their retention were removed"),
                Err(error) => {
                    tracing::warn!(%error, "records could not be removed; trying again later")
                }
            }
        }
        if let Some(warning) = retention.warning(&data_dir) {
            tracing::warn!("{warning}");
        }
        clock::sleep(SWEEP_PERIOD).await;
    }
}

/// What the cluster allows.
pub fn doctor(config: &Config, report: &mut Report) -> Result<(), Failure> {
    debug_assert_eq!(config.runtime, RuntimeKind::Kubernetes);
    alone(async {
        let Some((client, settings)) =
            report.note("kubernetes", connect(config).await.map_err(|e| e.to_string()))
        else {
            return Ok(());
        };
        let version =
            client.apiserver_version().await.map_err(|e| format!("{e}: is the API server up?"));
        if report.note("kubernetes: the API server answers", version).is_none() {
            return Ok(());
        }
        for (what, allowed) in access::review(&client, &settings.namespace).await {
            report.note(&format!("kubernetes: {what}"), allowed);
        }
        Ok(())
    })
}
