//! The cluster of the tests for manual use and for `make kube-quickstart`:
//!
//! `kube-testbed up DIR [--nodes N] [--gateway-api] [--image ARCHIVE]…` starts it, imports the
//! images on every node, writes DIR/kubeconfig (last, so that the cluster is ready once the file
//! exists) and runs until SIGTERM or SIGINT. The user of the kubeconfig has all permissions. More
//! than 0 nodes need root.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flow_testkit::kube::{Cluster, Options};
use tokio::signal::unix::{SignalKind, signal};

struct Wanted {
    folder: PathBuf,
    nodes: usize,
    gateway_api: bool,
    images: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let Some(wanted) = parse(std::env::args().skip(1)) else {
        eprintln!("usage: kube-testbed up DIR [--nodes N] [--gateway-api] [--image ARCHIVE]...");
        return ExitCode::from(2);
    };
    match tokio::runtime::Runtime::new().and_then(|runtime| runtime.block_on(up(wanted))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kube-testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    if arguments.next()? != "up" {
        return None;
    }
    let mut wanted =
        Wanted { folder: arguments.next()?.into(), nodes: 0, gateway_api: false, images: vec![] };
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--nodes" => wanted.nodes = arguments.next()?.parse().ok()?,
            "--gateway-api" => wanted.gateway_api = true,
            "--image" => wanted.images.push(arguments.next()?.into()),
            _ => return None,
        }
    }
    Some(wanted)
}

async fn up(wanted: Wanted) -> std::io::Result<()> {
    let (mut term, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let kubeconfig = wanted.folder.join("kubeconfig");
    std::fs::create_dir_all(&wanted.folder)?;
    // A signal drops the cluster in any state.
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
        failed = keep(&wanted, &kubeconfig) => return failed,
    }
    match std::fs::remove_file(&kubeconfig) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Starts the cluster and keeps it running; returns only on errors.
async fn keep(wanted: &Wanted, kubeconfig: &Path) -> std::io::Result<()> {
    let cluster = Cluster::start_with(Options { nodes: wanted.nodes, ..Options::default() }).await;
    if wanted.gateway_api {
        cluster.install_gateway_api().await;
    }
    for archive in &wanted.images {
        cluster.import_image(archive).await;
    }
    let part = kubeconfig.with_extension("part");
    std::fs::copy(cluster.kubeconfig(), &part)?;
    std::fs::rename(&part, kubeconfig)?;
    println!("the cluster is up: export KUBECONFIG={}", kubeconfig.display());
    std::future::pending().await
}
