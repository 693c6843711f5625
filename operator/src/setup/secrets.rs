//! `setup secrets`: the secrets that no manifest contains. An existing secret is never replaced,
//! because its users would lose their access.

use std::io::Read as _;
use std::path::PathBuf;

use flow_common::{ids, secret_file};
use k8s_openapi::ByteString;
use serde_json::json;

use super::objects::{Destination, SetupObject, secret};
use super::terminal::{SetupError, connect, print};
use crate::arguments::namespace;

/// Value of the component label.
pub const COMPONENT: &str = "secrets";
/// Passwords of the hub's MySQL: `root-password`, and `password` of user `flow`.
pub const MYSQL: &str = "flow-mysql";
/// The party secret of an agent, under the key `secret`.
pub const AGENT: &str = "flow-federate";
/// Pull secret of a registry, for `imagePullSecrets`.
pub const REGISTRY: &str = "registry";

/// Arguments of `setup secrets`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  flow-operator setup secrets -n hub --mysql
  kubectl -n hub exec deploy/flow-server -- flowctl party add hospital-a --print-secret |
    flow-operator setup secrets -n hospital-a --agent -
  flow-operator setup secrets -n hospital-a --registry registry.example --user puller --password registry.password")]
pub struct Args {
    /// Namespace of the secrets
    #[arg(short, long, value_parser = namespace)]
    namespace: String,
    /// Create random passwords for the hub's MySQL (Secret flow-mysql)
    #[arg(long)]
    mysql: bool,
    /// Store the party secret that the hub created (Secret flow-federate); FILE may be - for
    /// standard input
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Store the credentials of this image registry, HOST or HOST:PORT (Secret registry, for
    /// imagePullSecrets)
    #[arg(long, value_name = "HOST", requires_all = ["user", "password"], value_parser = host)]
    registry: Option<String>,
    /// User that pulls from --registry
    #[arg(long, value_name = "NAME", requires = "registry", value_parser = user)]
    user: Option<String>,
    /// Password or token of --user; FILE may be - for standard input
    #[arg(long, value_name = "FILE", requires = "registry")]
    password: Option<PathBuf>,
    /// Print the objects without the secrets, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: Args) -> Result<bool, SetupError> {
    let namespace = &args.namespace;
    if [&args.agent, &args.password]
        .into_iter()
        .flatten()
        .filter(|file| file.as_os_str() == "-")
        .count()
        > 1
    {
        return Err("one secret at most can come from standard input".into());
    }
    let mut wanted: Vec<(&str, SetupObject)> = vec![];
    if args.mysql {
        let (root, user) = (ids::secret(), ids::secret());
        wanted.push((
            MYSQL,
            secret(
                namespace,
                MYSQL,
                COMPONENT,
                "Opaque",
                &[("root-password", &root), ("password", &user)],
            ),
        ));
    }
    if let Some(file) = &args.agent {
        let given = read(file)?;
        if given.contains(char::is_whitespace) {
            return Err("the input is more than a secret: print only the secret".into());
        }
        wanted.push((AGENT, secret(namespace, AGENT, COMPONENT, "Opaque", &[("secret", &given)])));
    }
    if let (Some(host), Some(user), Some(file)) = (&args.registry, &args.user, &args.password) {
        let text = docker_config(host, user, &read(file)?);
        let data = [(".dockerconfigjson", text.as_str())];
        wanted.push((
            REGISTRY,
            secret(namespace, REGISTRY, COMPONENT, "kubernetes.io/dockerconfigjson", &data),
        ));
    }
    if wanted.is_empty() {
        return Err(
            "no secret to create: pass --mysql, --agent FILE or --registry HOST; see --help".into(),
        );
    }
    if args.dry_run {
        let shown: Vec<String> = wanted.iter().map(|(_, object)| object.redacted()).collect();
        print(&shown.join("---\n"))?;
        return Ok(true);
    }
    let destination = Destination::Cluster(connect().await?);
    destination.expect_namespaces([namespace]).await?;
    for (name, object) in &wanted {
        if destination.secret(namespace, name, namespace).await?.is_some() {
            let hint = match *name {
                MYSQL => "the database was created with these passwords: change them there first"
                    .to_owned(),
                _ => format!(
                    "to replace it: kubectl -n {namespace} delete secret {name}, and repeat this command"
                ),
            };
            print(&format!("unchanged  {object} ({hint})"))?;
        } else {
            let outcome = destination.put(object, namespace, false).await?;
            print(&format!("{:<10} {object}", outcome.as_str()))?;
        }
    }
    Ok(true)
}

/// Parses a registry as it stands in an image reference: without scheme and path.
fn host(text: &str) -> Result<String, String> {
    let is = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let whole = !text.is_empty() && text.chars().all(is);
    whole.then(|| text.to_owned()).ok_or_else(|| {
        "must be HOST or HOST:PORT, the part before the first / of an image name".to_owned()
    })
}

fn user(text: &str) -> Result<String, String> {
    // The credentials are sent as user:password.
    let whole = !text.is_empty() && !text.contains(|c: char| c == ':' || c.is_control());
    whole
        .then(|| text.to_owned())
        .ok_or_else(|| "must not be empty and must not contain a colon".to_owned())
}

/// Returns the content of a pull secret.
/// Source: Kubernetes, "Pull an Image from a Private Registry".
fn docker_config(host: &str, user: &str, password: &str) -> String {
    // Serialized as base64.
    let auth = ByteString(format!("{user}:{password}").into_bytes());
    json!({"auths": {host: {"username": user, "password": password, "auth": auth}}}).to_string()
}

fn read(file: &std::path::Path) -> Result<String, SetupError> {
    if file.as_os_str() != "-" {
        return Ok(secret_file::read(file)?.expose().to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    match text.trim() {
        "" => {
            Err("standard input is empty: check whether the command before the pipe failed".into())
        }
        given => Ok(given.to_owned()),
    }
}
