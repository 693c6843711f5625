//! A registry of container images (Debian's docker-registry) with TLS and optional basic
//! authentication.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use flow_testkit::{Authority, wait_for_blocking};
use serde_json::json;

use crate::{Daemon, SOON};

/// Ends when it is dropped.
pub struct Registry {
    _daemon: Daemon,
    address: SocketAddr,
    ca: PathBuf,
    user: Option<String>,
}

impl Registry {
    /// Starts a registry without authentication.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::with(folder, &[], None)
    }

    /// Starts a registry for one user with a password, with further addresses in its certificate.
    #[must_use]
    pub fn with_password(folder: &Path, names: &[&str], user: &str, password: &str) -> Self {
        Self::with(folder, names, Some((user, password)))
    }

    fn with(folder: &Path, names: &[&str], user: Option<(&str, &str)>) -> Self {
        let authority = Authority::new();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, flow_testkit::free_port()));
        // Clients search their own key pair in the folder of the authority's certificate.
        let trust = folder.join("trust");
        fs::create_dir(&trust).expect("the folder is the test's own");
        let (ca, pair) = (
            authority.ca(&trust),
            authority.pair(folder, "registry", &[&["127.0.0.1"], names].concat()),
        );
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": folder.join("registry")}},
            "http": {"addr": address, "tls": {"certificate": pair.cert, "key": pair.key}},
        });
        if let Some((user, password)) = user {
            let path = folder.join("htpasswd");
            let hash = bcrypt::hash(password, 4).expect("the machine has random bytes");
            fs::write(&path, format!("{user}:{hash}\n")).expect("the folder is the test's own");
            config["auth"] = json!({"htpasswd": {"realm": "test", "path": path}});
        }
        // JSON is YAML.
        fs::write(folder.join("registry.yaml"), config.to_string())
            .expect("the folder is the test's own");
        let mut command = Command::new(flow_testkit::registry("docker-registry"));
        command.arg("serve").arg(folder.join("registry.yaml"));
        let mut daemon = Daemon::start(command, &folder.join("registry.log"));
        wait_for_blocking("the registry", SOON, || {
            assert!(daemon.ended().is_none(), "{}", daemon.log());
            std::net::TcpStream::connect(address).is_ok()
        });
        Self {
            _daemon: daemon,
            address,
            ca,
            user: user.map(|(user, password)| format!("{user}:{password}")),
        }
    }

    /// Address of the registry.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Certificate of the authority.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// Pushes the image of an archive as `name`, such as `team/image:1`.
    pub fn push(&self, archive: &Path, name: &str) {
        let mut command = Command::new(flow_testkit::registry("skopeo"));
        command
            .args(["--insecure-policy", "copy", "--quiet", "--dest-cert-dir"])
            .args(self.ca.parent());
        command.args(self.user.iter().flat_map(|user| ["--dest-creds", user]));
        command
            .arg(format!("docker-archive:{}", archive.display()))
            .arg(format!("docker://{}/{name}", self.address));
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
