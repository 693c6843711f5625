//! A gateway in front of a cluster: Debian's nginx, configured from the GRPCRoutes that the operator made. TLS ends here,
//! with the certificate of the zone; what is behind is plain gRPC, as behind any gateway.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use flow_testkit::kube::Cluster;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{Daemon, eventually};

/// The proxy, and what it knows.
pub struct Gateway {
    nginx: Daemon,
    folder: PathBuf,
    listen: SocketAddr,
    /// Host name → where its Service is reached from here.
    routes: BTreeMap<String, SocketAddr>,
}

impl Gateway {
    /// Starts it in an empty folder with the pair `tls.crt`, `tls.key` in it. It knows no host yet.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], flow_testkit::free_port()));
        write(folder, listen, &BTreeMap::new());
        let mut command = Command::new(flow_testkit::nginx());
        command.arg("-p").arg(folder).args(["-e", "stderr", "-c"]).arg(folder.join("nginx.conf"));
        let nginx = Daemon::start(command, &folder.join("nginx.log"));
        Self { nginx, folder: folder.to_owned(), listen, routes: BTreeMap::new() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Waits until the namespace has a GRPCRoute for a host that is not known yet, and serves it from then on.
    pub async fn take_up_route(&mut self, cluster: &Cluster, namespace: &str) {
        let new = eventually(crate::SOON, async || {
            let routes = items(cluster, namespace, "grpcroutes.gateway.networking.k8s.io").await;
            routes.into_iter().find(|route| route["spec"]["hostnames"][0].as_str().is_some_and(|host| !self.routes.contains_key(host)))
        });
        let route = new.await.unwrap_or_else(|| panic!("no new GRPCRoute appeared in {namespace}"));
        let backend = &route["spec"]["rules"][0]["backendRefs"][0];
        let service = backend["name"].as_str().unwrap_or_else(|| panic!("a route without a backend: {route:#}"));
        let port = backend["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap_or_else(|| panic!("no port in {backend}"));
        let found = items(cluster, namespace, "services").await.into_iter().find(|found| found["metadata"]["name"] == service);
        let address = found.as_ref().and_then(|found| found["spec"]["clusterIP"].as_str()?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{service} has no address: {found:?}"));
        let host = route["spec"]["hostnames"][0].as_str().expect("it was just looked at").to_owned();
        self.routes.insert(host, cluster.forward(SocketAddr::new(address, port)));
        write(&self.folder, self.listen, &self.routes);
        self.nginx.signal(Signal::SIGHUP);
    }

    /// What it complained of.
    #[must_use]
    pub fn log(&self) -> String {
        self.nginx.log()
    }
}

async fn items(cluster: &Cluster, namespace: &str, what: &str) -> Vec<Value> {
    let text = cluster.kubectl_ok(&["get", what, "--namespace", namespace, "--output=json"]).await;
    let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
    list["items"].as_array().cloned().unwrap_or_default()
}

fn write(folder: &Path, listen: SocketAddr, routes: &BTreeMap<String, SocketAddr>) {
    let mut text = String::from("daemon off;\nuser root;\npid nginx.pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(text, "{kind}_temp_path temp;");
    }
    let _ = writeln!(text, "ssl_certificate {0}/tls.crt;\nssl_certificate_key {0}/tls.key;", folder.display());
    // A host nobody has told of yet: "unavailable" to a gRPC client.
    let _ = writeln!(text, "server {{ listen {listen} ssl http2 default_server; return 503; }}");
    for (host, to) in routes {
        let _ = writeln!(
            text,
            "server {{ listen {listen} ssl http2; server_name {host}; client_max_body_size 0; location / {{ grpc_pass grpc://{to}; \
             grpc_read_timeout 1h; grpc_send_timeout 1h; }} }}"
        );
    }
    text += "}\n";
    fs::write(folder.join("nginx.conf"), text).expect("the folder is the test's own");
}
