//! The settings of a federation, and its start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Federation;
use crate::{Hub, job};

/// A preparation of a folder.
pub type Prepare = fn(&Path);

/// A cluster for members.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// By party: kubeconfig of its agent, and its namespace.
    pub parties: BTreeMap<String, (PathBuf, String)>,
    /// Further configuration of the agents below `[kubernetes]`.
    pub settings: String,
    /// The image of the digits workload, and the workload's directory in it.
    pub image: (String, String),
}

/// Settings of a federation.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(super) parties: Vec<String>,
    pub(super) digits: bool,
    pub(super) database: Option<(String, String)>,
    pub(super) cluster: Option<Cluster>,
    tls: bool,
    pub(super) server: Vec<(String, String)>,
    pub(super) agent: Vec<(String, String)>,
    pub(super) prepared: Vec<(String, Prepare)>,
    pub(super) logs_in_data_dirs: bool,
}

impl Default for Builder {
    fn default() -> Self {
        let parties = ["hospital-a", "hospital-b"].map(str::to_owned).to_vec();
        // Short timeouts for agents keep the tests of disconnects short.
        let server = vec![("contact.away_after_s".to_owned(), "1".to_owned())];
        Self {
            parties,
            digits: false,
            database: None,
            cluster: None,
            tls: false,
            server,
            agent: Vec::new(),
            prepared: Vec::new(),
            logs_in_data_dirs: false,
        }
    }
}

impl Builder {
    /// Parties with an agent, in addition to the hub's own.
    #[must_use]
    pub fn parties(mut self, names: &[&str]) -> Self {
        self.parties = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// With the real framework and a dataset `digits` at each party.
    #[must_use]
    pub fn digits(mut self) -> Self {
        self.digits = true;
        self
    }

    /// Runs members in a cluster, with one namespace per party. The hub's party then has a separate
    /// agent, like the others.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.cluster = Some(cluster);
        self.server.push(("hub_agent.enabled".to_owned(), "false".to_owned()));
        self.parties.push("hub".to_owned());
        self
    }

    /// Uses this database (URL without password, password) instead of the embedded one. The hub's
    /// party then has a separate agent, like the others.
    #[must_use]
    pub fn database(mut self, url: &str, password: &str) -> Self {
        self.database = Some((url.to_owned(), password.to_owned()));
        self.server.push(("hub_agent.enabled".to_owned(), "false".to_owned()));
        self.parties.push("hub".to_owned());
        self
    }

    /// Serves TLS; [`Federation::ca`] is the certificate of the hub's authority.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Sets one key of the hub's configuration.
    #[must_use]
    pub fn server(mut self, key: &str, value: &str) -> Self {
        self.server.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets one key of every agent's configuration.
    #[must_use]
    pub fn agent(mut self, key: &str, value: &str) -> Self {
        self.agent.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Prepares the folder of a party before its agent starts, or of the hub (`server`).
    #[must_use]
    pub fn at_data_dir(mut self, party: &str, prepare: Prepare) -> Self {
        self.prepared.push((party.to_owned(), prepare));
        self
    }

    /// With the log of each program on the same disk as its data.
    #[must_use]
    pub fn logs_in_data_dirs(mut self) -> Self {
        self.logs_in_data_dirs = true;
        self
    }

    /// Starts the federation and waits until every party is connected.
    pub async fn start(self) -> Federation {
        let folder = tempfile::Builder::new()
            .prefix("flow-e2e-")
            .tempdir()
            .expect("the temporary folder can be written");
        let root = folder.path().canonicalize().expect("it was just made");
        job::lay_out(&root, self.digits);
        let (rest, grpc) = (flow_testkit::free_port(), flow_testkit::free_port());
        let ca = self.tls.then(|| {
            let authority = flow_testkit::Authority::new();
            let _ = authority.pair(&root, "hub", &["127.0.0.1"]);
            authority.ca(&root)
        });
        let mut federation = Federation {
            hub: Hub::new(rest, root.clone(), ca.as_deref()),
            ca,
            server: None,
            agents: BTreeMap::new(),
            rest,
            grpc,
            builder: self,
            root,
            _folder: folder,
        };
        federation.configure_server();
        federation.prepare("server");
        if federation.builder.database.is_some() {
            federation.server_command(&["migrate"]);
        }
        federation.start_server().await;
        for party in federation.builder.parties.clone() {
            federation.add_party(&party).await;
            federation.prepare(&party);
            federation.spawn_agent(&party);
        }
        for party in federation.builder.parties.clone() {
            federation.wait_contact(&party, "connected").await;
        }
        federation
    }
}
