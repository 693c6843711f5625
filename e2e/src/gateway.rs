//! A gateway in front of a cluster: Debian's nginx, configured from the GRPCRoute of the operator.
//! The gateway terminates TLS with the certificate of the zone and forwards plain gRPC.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use flow_testkit::kube::Cluster;
use serde_json::{Value, json};

use crate::{Daemon, eventually};

/// The place of the proxy, which stands there once there is a route.
pub struct Gateway {
    folder: PathBuf,
    listen: SocketAddr,
    asks: bool,
    nginx: Option<Daemon>,
}

impl Gateway {
    /// One that will run in an empty folder with the pair `tls.crt`, `tls.key` in it. Until it
    /// does, callers are refused.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], flow_testkit::free_port()));
        Self { folder: folder.to_owned(), listen, asks: false, nginx: None }
    }

    /// Requires client certificates of this authority.
    #[must_use]
    pub fn asking_for(mut self, authority: &str) -> Self {
        fs::write(self.folder.join("callers.crt"), authority)
            .expect("the folder is the test's own");
        self.asks = true;
        self
    }

    /// Address of the gateway.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Waits until the namespace has a GRPCRoute and then serves it.
    pub async fn take_up_route(&mut self, cluster: &Cluster, namespace: &str) {
        let routes =
            async || items(cluster, namespace, "grpcroutes.gateway.networking.k8s.io").await.pop();
        let route = eventually(crate::SOON, routes)
            .await
            .unwrap_or_else(|| panic!("no GRPCRoute appeared in {namespace}"));
        let host = route["spec"]["hostnames"][0]
            .as_str()
            .unwrap_or_else(|| panic!("a route without a host: {route:#}"));
        let backend = &route["spec"]["rules"][0]["backendRefs"][0];
        let service = backend["name"]
            .as_str()
            .unwrap_or_else(|| panic!("a route without a backend: {route:#}"));
        let port = backend["port"]
            .as_u64()
            .and_then(|port| port.try_into().ok())
            .unwrap_or_else(|| panic!("no port in {backend}"));
        let found = items(cluster, namespace, "services")
            .await
            .into_iter()
            .find(|found| found["metadata"]["name"] == service);
        let address =
            found.as_ref().and_then(|found| found["spec"]["clusterIP"].as_str()?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{service} has no address: {found:?}"));
        let config = self.folder.join("nginx.conf");
        let to = cluster.forward(SocketAddr::new(address, port));
        fs::write(&config, self.configuration(host, to)).expect("the folder is the test's own");
        let mut command = Command::new(flow_testkit::nginx());
        command.arg("-p").arg(&self.folder).args(["-e", "stderr", "-c"]).arg(&config);
        self.nginx = Some(Daemon::start(command, &self.folder.join("nginx.log")));
        // Like a Gateway controller: before that the member behind the route does not count as
        // started.
        let since = "2026-01-02T03:04:05Z";
        let accepted = json!({ "type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": since });
        let gateway = &route["spec"]["parentRefs"][0];
        let parent = json!({ "parentRef": gateway, "controllerName": "example.org/nginx", "conditions": [accepted] });
        let patch = json!({ "status": { "parents": [parent] } }).to_string();
        let name = route["metadata"]["name"]
            .as_str()
            .unwrap_or_else(|| panic!("a route without a name: {route:#}"));
        let what =
            ["patch", "grpcroutes.gateway.networking.k8s.io", name, "--namespace", namespace];
        cluster
            .kubectl_ok(
                &[&what[..], &["--subresource=status", "--type=merge", "--patch", &patch]].concat(),
            )
            .await;
    }

    fn configuration(&self, host: &str, to: SocketAddr) -> String {
        let (folder, listen) = (self.folder.display(), self.listen);
        // Without a master process no worker survives a kill.
        let mut text = String::from(
            "daemon off;\nmaster_process off;\nuser root;\npid nginx.pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n",
        );
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(text, "{kind}_temp_path temp;");
        }
        // The default is sufficient for names of about 50 characters; a host name can have 253.
        text += "server_names_hash_bucket_size 512;\n";
        let _ = writeln!(
            text,
            "ssl_certificate {folder}/tls.crt;\nssl_certificate_key {folder}/tls.key;"
        );
        if self.asks {
            let _ = writeln!(
                text,
                "ssl_client_certificate {folder}/callers.crt;\nssl_verify_client on;"
            );
        }
        let _ =
            writeln!(text, "server {{ listen {listen} ssl http2 default_server; return 503; }}");
        let _ = writeln!(
            text,
            "server {{ listen {listen} ssl http2; server_name {host}; client_max_body_size 0; location / {{ grpc_pass grpc://{to}; \
             grpc_read_timeout 1h; grpc_send_timeout 1h; }} }}"
        );
        text += "}\n";
        text
    }
}

async fn items(cluster: &Cluster, namespace: &str, what: &str) -> Vec<Value> {
    let text = cluster.kubectl_ok(&["get", what, "--namespace", namespace, "--output=json"]).await;
    let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
    list["items"].as_array().cloned().unwrap_or_default()
}
