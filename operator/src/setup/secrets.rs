//! `setup secrets`: what no manifest may hold. A secret that is there is never replaced: whoever uses it would be locked
//! out.

use std::io::Read as _;
use std::path::PathBuf;

use flow_common::{ids, secret_file};
use k8s_openapi::ByteString;
use serde_json::json;

use super::names::namespace;
use super::objects::{Piece, Place, secret};
use super::{SetupError, connect, say};

/// Value of the component label.
pub const COMPONENT: &str = "secrets";
/// Passwords of the hub's MySQL: `root-password`, and `password` of user `flow`.
pub const MYSQL: &str = "flow-mysql";
/// What an agent identifies its party by, as `secret`.
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
    /// Where they go
    #[arg(short, long, value_parser = namespace)]
    namespace: String,
    /// Make random passwords for the hub's MySQL (Secret flow-mysql)
    #[arg(long)]
    mysql: bool,
    /// Keep the secret that the hub made for a party (Secret flow-federate); FILE may be - for standard input
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Keep what this image registry, HOST or HOST:PORT, asks for (Secret registry, to be named in imagePullSecrets)
    #[arg(long, value_name = "HOST", requires_all = ["user", "password"], value_parser = host)]
    registry: Option<String>,
    /// Who pulls from --registry
    #[arg(long, value_name = "NAME", requires = "registry", value_parser = user)]
    user: Option<String>,
    /// That user's password or token; FILE may be - for standard input
    #[arg(long, value_name = "FILE", requires = "registry")]
    password: Option<PathBuf>,
    /// Print what would be written, without the secrets, and write nothing
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
    let mut wanted: Vec<(&str, Piece)> = vec![];
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
            return Err("this is more than a secret: print the secret alone".into());
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
            "nothing to make: give --mysql, --agent FILE or --registry HOST; see --help".into()
        );
    }
    if args.dry_run {
        let shown: Vec<String> = wanted.iter().map(|(_, piece)| piece.shown()).collect();
        say(&shown.join("---\n"))?;
        return Ok(true);
    }
    let place = Place::Cluster(connect().await?);
    place.expect_namespaces([namespace]).await?;
    for (name, piece) in &wanted {
        if place.secret(namespace, name, namespace).await?.is_some() {
            let anew = match *name {
                MYSQL => "its database was made with these: change them there first".to_owned(),
                _ => format!(
                    "to make it anew: kubectl -n {namespace} delete secret {name}, and this again"
                ),
            };
            say(&format!("unchanged  {piece} ({anew})"))?;
        } else {
            let outcome = place.put(piece, namespace, false).await?;
            say(&format!("{:<10} {piece}", outcome.as_str()))?;
        }
    }
    Ok(true)
}

/// A registry as image references begin with it: no scheme, no path.
fn host(text: &str) -> Result<String, String> {
    let is = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let whole = !text.is_empty() && text.chars().all(is);
    whole.then(|| text.to_owned()).ok_or_else(|| {
        "write HOST or HOST:PORT, as before the first / of the image's name".to_owned()
    })
}

fn user(text: &str) -> Result<String, String> {
    // What is sent is user:password.
    let whole = !text.is_empty() && !text.contains(|c: char| c == ':' || c.is_control());
    whole
        .then(|| text.to_owned())
        .ok_or_else(|| "a user's name is not empty and has no colon".to_owned())
}

/// What a kubelet takes for a pull secret.
/// Source: Kubernetes, "Pull an Image from a Private Registry".
fn docker_config(host: &str, user: &str, password: &str) -> String {
    // Written as base64.
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
        "" => Err("standard input was empty: did the command before it fail?".into()),
        given => Ok(given.to_owned()),
    }
}
