//! `setup certificates`: the authority, a key pair per namespace, and the names under which the original's jobs and
//! gateways look for them.
//!
//! | where | object | what |
//! | --- | --- | --- |
//! | hub | Secret `flow-authority` | the authority with its key; nobody else has it |
//! | hub | Secret `server-iflearner-secret` | `*.ZONE`: where TLS of the server's jobs ends |
//! | hub | Secret `flow-server-tls` | flow-server's own |
//! | party | Secret `party-iflearner-secret` | `*.ZONE` of that party |
//! | each | ConfigMaps `server-iflearner-crt`, `party-iflearner-crt`, `flow-authority` | what is trusted: the authority |

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use flow_crd::{PARTY_CERTIFICATE, SERVER_CERTIFICATE};
use flow_domain::time::Timestamp;

use super::authority::{Authority, Details, Pair, date};
use super::names::{domain, host, namespace, pair};
use super::objects::{Outcome, Piece, Place, config_map, is_ours, secret, text};
use super::{SetupError, connect, note, say};

/// Value of the component label.
pub const COMPONENT: &str = "certificates";
/// Secret with the authority, and ConfigMap with its certificate.
pub const AUTHORITY: &str = "flow-authority";
/// Where TLS of a server's jobs ends.
pub const SERVER_SECRET: &str = "server-iflearner-secret";
/// Where TLS of a party's jobs ends.
pub const PARTY_SECRET: &str = "party-iflearner-secret";
/// flow-server's own.
pub const HUB_SECRET: &str = "flow-server-tls";

/// With `--out`: the file of the authority, without its ending. The other files are named after namespaces.
const AUTHORITY_FILE: &str = "authority";
const TLS: &str = "kubernetes.io/tls";

/// Arguments of `setup certificates`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
One command for the whole federation, where one person reaches every cluster's namespaces:
  flow-operator setup certificates --zone server.example.org --hub \\
    --party hospital-a=a.party.example.org --party hospital-b=b.party.example.org

Where nobody does: write manifests instead, and send each party its own:
  flow-operator setup certificates --out pki --zone … --party …
  kubectl apply --server-side -f pki/hospital-a.yaml

Run it again from time to time (deploy/kustomize/overlays/certificates-renewal does): what has less than a third of its life left is renewed.")]
pub struct Args {
    /// Namespace of the hub, where the authority is kept
    #[arg(short, long, default_value = "hub", value_parser = namespace)]
    namespace: String,
    /// Zone of the server's jobs: job1.server.example.org is in server.example.org
    #[arg(long, value_parser = domain)]
    zone: Vec<String>,
    /// A party's namespace and the zone of its jobs; may be repeated
    #[arg(long = "party", value_name = "NAMESPACE=ZONE", value_parser = party)]
    parties: Vec<(String, String)>,
    /// A certificate for flow-server itself, good for its Service and localhost
    #[arg(long)]
    hub: bool,
    /// A name under which flow-server is reached from elsewhere; may be repeated
    #[arg(long, value_name = "NAME", requires = "hub", value_parser = host)]
    hub_name: Vec<String>,
    /// Life of the authority in days
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(2..=36_500))]
    authority_days: u32,
    /// Life of each key pair in days
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Write manifests into this directory, one per namespace, instead of into the cluster
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put ours in the place of Secrets and ConfigMaps that somebody else made
    #[arg(long)]
    replace: bool,
    /// Print what would be written, without private keys, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn party(text: &str) -> Result<(String, String), String> {
    let (party, zone) = pair(text).map_err(|_| "write it as NAMESPACE=ZONE".to_owned())?;
    Ok((namespace(&party)?, domain(&zone)?))
}

/// A key pair to be: the Secret it goes to, and the names it stands for.
struct Wanted {
    namespace: String,
    name: &'static str,
    names: Vec<String>,
}

/// A zone's jobs, and the zone itself.
fn zone_names<'a>(zones: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let unique: BTreeSet<&String> = zones.into_iter().collect();
    unique.into_iter().flat_map(|zone| [format!("*.{zone}"), zone.clone()]).collect()
}

impl Args {
    fn wanted(&self) -> Vec<Wanted> {
        let mut wanted = vec![];
        if self.hub {
            let namespace = &self.namespace;
            let service = [
                "",
                &format!(".{namespace}"),
                &format!(".{namespace}.svc"),
                &format!(".{namespace}.svc.cluster.local"),
            ];
            let mut names: Vec<String> =
                service.iter().map(|rest| format!("flow-server{rest}")).collect();
            names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
            names.extend(
                self.hub_name
                    .iter()
                    .filter(|name| !names.contains(name))
                    .cloned()
                    .collect::<BTreeSet<_>>(),
            );
            wanted.push(Wanted { namespace: namespace.clone(), name: HUB_SECRET, names });
        }
        if !self.zone.is_empty() {
            wanted.push(Wanted {
                namespace: self.namespace.clone(),
                name: SERVER_SECRET,
                names: zone_names(&self.zone),
            });
        }
        let mut zones: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (namespace, zone) in &self.parties {
            zones.entry(namespace).or_default().push(zone);
        }
        wanted.extend(zones.into_iter().map(|(namespace, zones)| Wanted {
            namespace: namespace.clone(),
            name: PARTY_SECRET,
            names: zone_names(zones),
        }));
        wanted
    }
}

/// What is to be written, the file it goes to if it goes to files, and what is to be said about it.
struct Step {
    piece: Piece,
    file: String,
    why: String,
}

pub(super) async fn run(args: Args, now: Timestamp) -> Result<bool, SetupError> {
    let wanted = args.wanted();
    if wanted.is_empty() {
        return Err(
            "nothing to make: give --zone, --party NAMESPACE=ZONE or --hub; see --help".into()
        );
    }
    let place = match &args.out {
        Some(folder) => Place::Directory(folder.clone()),
        None => Place::Cluster(connect().await?),
    };
    let namespaces: BTreeSet<String> = wanted
        .iter()
        .map(|wanted| wanted.namespace.clone())
        .chain([args.namespace.clone()])
        .collect();
    if args.out.is_some() && namespaces.contains(AUTHORITY_FILE) {
        let why = format!(
            "--out keeps the authority in {AUTHORITY_FILE}.yaml, so no namespace can be called {AUTHORITY_FILE}"
        );
        return Err(format!("{why}: write into the cluster instead, without --out").into());
    }
    place.expect_namespaces(&namespaces).await?;

    let mut steps = vec![];
    let (authority, why) = authority(&args, &place, now).await?;
    let kept = authority.pair();
    let data = [("tls.crt", kept.certificate.as_str()), ("tls.key", kept.key.as_str())];
    steps.push(Step {
        piece: secret(&args.namespace, AUTHORITY, COMPONENT, TLS, &data),
        file: AUTHORITY_FILE.to_owned(),
        why,
    });
    for wanted in &wanted {
        steps.push(key_pair(&args, &place, &authority, wanted, now).await?);
    }
    for namespace in &namespaces {
        let trusted = [
            ("server-iflearner-crt", SERVER_CERTIFICATE),
            ("party-iflearner-crt", PARTY_CERTIFICATE),
            (AUTHORITY, "ca.crt"),
        ];
        for (name, key) in trusted {
            let piece = config_map(namespace, name, COMPONENT, key, authority.certificate());
            steps.push(Step { piece, file: namespace.clone(), why: String::new() });
        }
    }

    if args.dry_run {
        let shown: Vec<String> = steps.iter().map(|step| step.piece.shown()).collect();
        say(&shown.join("---\n"))?;
        for step in steps.iter().filter(|step| !step.why.is_empty()) {
            note(&format!("{}: {}", step.piece, step.why))?;
        }
        return Ok(true);
    }
    for Step { piece, file, why } in &steps {
        let outcome = place.put(piece, file, args.replace).await?;
        let why = if outcome == Outcome::Unchanged || why.is_empty() {
            String::new()
        } else {
            format!(": {why}")
        };
        say(&format!("{:<10} {piece}{why}", outcome.as_str()))?;
    }
    if let Some(folder) = &args.out {
        say(&format!(
            "\nKeep {0}/{AUTHORITY_FILE}.yaml to yourself. Each namespace gets its own file, by whoever may write there:",
            folder.display()
        ))?;
        for namespace in &namespaces {
            say(&format!(
                "  kubectl apply --server-side -f {}/{namespace}.yaml",
                folder.display()
            ))?;
        }
    }
    Ok(true)
}

async fn authority(
    args: &Args,
    place: &Place,
    now: Timestamp,
) -> Result<(Authority, String), SetupError> {
    let namespace = &args.namespace;
    let Some(found) = place.secret(namespace, AUTHORITY, AUTHORITY_FILE).await? else {
        let new = Authority::new(now, args.authority_days);
        let ends = date(Details::read(new.certificate())?.ends);
        return Ok((new, format!("a new authority, good until {ends}")));
    };
    let kept = stored(&found).ok_or_else(|| {
        format!("Secret {namespace}/{AUTHORITY} lacks tls.crt or tls.key; restore or delete it")
    })?;
    let kept = Authority::load(&kept)
        .map_err(|why| format!("Secret {namespace}/{AUTHORITY} holds no authority: it {why}"))?;
    if let Some(renewed) = kept.renewed(now, args.authority_days) {
        let ends = date(Details::read(renewed.certificate())?.ends);
        return Ok((
            renewed,
            format!("renewed until {ends}, with the same key: what it signed stays good"),
        ));
    }
    Details::read(kept.certificate())?.fresh(now).map_err(|why| {
        format!("Secret {namespace}/{AUTHORITY}: the authority was not made by this command and {why}; renew it where it was made")
    })?;
    Ok((kept, String::new()))
}

async fn key_pair(
    args: &Args,
    place: &Place,
    authority: &Authority,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Step, SetupError> {
    let Wanted { namespace, name, names } = wanted;
    let found = place.secret(namespace, name, namespace).await?;
    let kept = found.as_ref().and_then(stored);
    let verdict = kept.as_ref().map(|kept| authority.judge(kept, names, now));
    // Somebody else's stays untouched until `put` has asked for --replace, even if it happens to serve.
    let foreign = found.as_ref().is_some_and(|found| !is_ours(found));
    let (pair, why) = match (kept, verdict) {
        (Some(kept), Some(Ok(()))) if !foreign => (kept, String::new()),
        (_, verdict) => {
            let because = match verdict {
                Some(Err(why)) => format!(" (the old one {why})"),
                _ => String::new(),
            };
            let pair = authority.issue(names, now, args.days)?;
            let ends = date(Details::read(&pair.certificate)?.ends);
            (pair, format!("{}, good until {ends}{because}", names.join(", ")))
        }
    };
    let data = [
        ("tls.crt", pair.certificate.as_str()),
        ("tls.key", pair.key.as_str()),
        ("ca.crt", authority.certificate()),
    ];
    Ok(Step { piece: secret(namespace, name, COMPONENT, TLS, &data), file: namespace.clone(), why })
}

fn stored(secret: &k8s_openapi::api::core::v1::Secret) -> Option<Pair> {
    Some(Pair { certificate: text(secret, "tls.crt")?, key: text(secret, "tls.key")? })
}
