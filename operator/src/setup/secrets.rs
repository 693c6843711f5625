//! `setup secrets`: what no manifest may hold. A secret that is there is never replaced: whoever uses it would be locked
//! out.

use std::io::Read as _;
use std::path::PathBuf;

use flow_common::{ids, secret_file};

use super::objects::{Piece, Place, secret};
use super::{Failure, connect, say};

/// Value of the component label.
pub const COMPONENT: &str = "secrets";
/// Passwords of the hub's MySQL: `root-password`, and `password` of user `flow`.
pub const MYSQL: &str = "flow-mysql";
/// What an agent identifies its party by, as `secret`.
pub const AGENT: &str = "flow-federate";

/// Arguments of `setup secrets`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  flow-operator setup secrets -n hub --mysql
  kubectl -n hub exec deploy/flow-server -- flowctl party add hospital-a --print-secret |
    flow-operator setup secrets -n hospital-a --agent -")]
pub struct Args {
    /// Where they go
    #[arg(short, long)]
    namespace: String,
    /// Make random passwords for the hub's MySQL (Secret flow-mysql)
    #[arg(long)]
    mysql: bool,
    /// Keep the secret that the hub made for a party (Secret flow-federate); FILE may be - for standard input
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Print what would be written, without the secrets, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: Args) -> Result<bool, Failure> {
    let namespace = &args.namespace;
    let mut wanted: Vec<(&str, Piece)> = vec![];
    if args.mysql {
        let (root, user) = (ids::secret(), ids::secret());
        wanted.push((MYSQL, secret(namespace, MYSQL, COMPONENT, "Opaque", &[("root-password", &root), ("password", &user)])));
    }
    if let Some(file) = &args.agent {
        let given = read(file)?;
        wanted.push((AGENT, secret(namespace, AGENT, COMPONENT, "Opaque", &[("secret", &given)])));
    }
    if wanted.is_empty() {
        return Err("nothing to make: give --mysql or --agent FILE; see --help".into());
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
            let anew = format!("to make it anew: kubectl -n {namespace} delete secret {name}, and this again");
            say(&format!("unchanged  {piece} ({anew})"))?;
        } else {
            let outcome = place.put(piece, namespace, false).await?;
            say(&format!("{:<10} {piece}", outcome.as_str()))?;
        }
    }
    Ok(true)
}

fn read(file: &std::path::Path) -> Result<String, Failure> {
    if file.as_os_str() != "-" {
        return Ok(secret_file::read(file)?.expose().to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [word] => Ok(word.to_owned()),
        [] => Err("standard input was empty: did the command before it fail?".into()),
        _ => Err("standard input holds more than a secret: print the secret alone".into()),
    }
}
