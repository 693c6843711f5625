//! `setup certificates`: the authority and one key pair per namespace, in the objects that the jobs
//! and gateways of the original operator read.
//!
//! | namespace | object | content |
//! | --- | --- | --- |
//! | hub | Secret `flow-authority` | the authority with its key; no other namespace has the key |
//! | hub | Secret `server-iflearner-secret` | `*.ZONE`: TLS of the jobs of role `server` |
//! | hub | Secret `flow-server-tls` | the certificate of flow-server |
//! | party | Secret `party-iflearner-secret` | `*.ZONE` of that party |
//! | each | ConfigMaps `server-iflearner-crt`, `party-iflearner-crt`, `flow-authority` | the certificate of the authority |

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use flow_crd::{PARTY_CERTIFICATE, SERVER_CERTIFICATE};
use flow_domain::time::Timestamp;

use super::authority::{Authority, Details, Pair, date};
use super::objects::{Destination, Outcome, SetupObject, config_map, is_own, secret, text};
use super::terminal::{SetupError, connect, note, print};
use crate::arguments::{domain, host, namespace, pair};

/// Value of the component label.
pub const COMPONENT: &str = "certificates";
/// Name of the Secret with the authority, and of the ConfigMap with its certificate.
pub const AUTHORITY: &str = "flow-authority";
/// Name of the Secret with which the gateway terminates TLS for jobs of role `server`.
pub const SERVER_SECRET: &str = "server-iflearner-secret";
/// Name of the Secret with which the gateway terminates TLS for the jobs of a party.
pub const PARTY_SECRET: &str = "party-iflearner-secret";
/// Name of the Secret of flow-server.
pub const HUB_SECRET: &str = "flow-server-tls";

/// Name of the file with the authority in the directory of `--out`, without extension. Other files
/// have the name of a namespace.
const AUTHORITY_FILE: &str = "authority";
const TLS: &str = "kubernetes.io/tls";

/// Arguments of `setup certificates`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
One command for the whole federation, if one user reaches all clusters:
  flow-operator setup certificates --zone server.example.org --hub \\
    --party hospital-a=a.party.example.org --party hospital-b=b.party.example.org

Otherwise write manifests, and send each party its own:
  flow-operator setup certificates --out pki --zone … --party …
  kubectl apply --server-side -f pki/hospital-a.yaml

Repeat the command from time to time (deploy/kustomize/overlays/certificates-renewal does): it renews certificates with less than a third of their lifetime left.")]
pub struct Args {
    /// Namespace of the hub, which holds the authority
    #[arg(short, long, default_value = "hub", value_parser = namespace)]
    namespace: String,
    /// Zone of the jobs of role server: job1.server.example.org is in server.example.org
    #[arg(long, value_parser = domain)]
    zone: Vec<String>,
    /// Namespace of a party and the zone of its jobs; may be repeated
    #[arg(long = "party", value_name = "NAMESPACE=ZONE", value_parser = party)]
    parties: Vec<(String, String)>,
    /// Create a certificate for flow-server, valid for its Service and localhost
    #[arg(long)]
    hub: bool,
    /// Another name or address of flow-server; may be repeated
    #[arg(long, value_name = "NAME", requires = "hub", value_parser = host)]
    hub_name: Vec<String>,
    /// Lifetime of the authority in days
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(2..=36_500))]
    authority_days: u32,
    /// Lifetime of each key pair in days
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Write one manifest per namespace into this directory, and nothing into a cluster
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace Secrets and ConfigMaps that this command did not create
    #[arg(long)]
    replace: bool,
    /// Print the objects without private keys, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn party(text: &str) -> Result<(String, String), String> {
    let (party, zone) = pair(text).map_err(|_| "must be NAMESPACE=ZONE".to_owned())?;
    Ok((namespace(&party)?, domain(&zone)?))
}

/// A key pair to create: its Secret and its names.
struct WantedPair {
    namespace: String,
    name: &'static str,
    names: Vec<String>,
}

/// Returns the wildcard of each zone and the zone itself.
fn zone_names<'a>(zones: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let unique: BTreeSet<&String> = zones.into_iter().collect();
    unique.into_iter().flat_map(|zone| [format!("*.{zone}"), zone.clone()]).collect()
}

impl Args {
    fn wanted(&self) -> Vec<WantedPair> {
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
            wanted.push(WantedPair { namespace: namespace.clone(), name: HUB_SECRET, names });
        }
        if !self.zone.is_empty() {
            wanted.push(WantedPair {
                namespace: self.namespace.clone(),
                name: SERVER_SECRET,
                names: zone_names(&self.zone),
            });
        }
        let mut zones: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (namespace, zone) in &self.parties {
            zones.entry(namespace).or_default().push(zone);
        }
        wanted.extend(zones.into_iter().map(|(namespace, zones)| WantedPair {
            namespace: namespace.clone(),
            name: PARTY_SECRET,
            names: zone_names(zones),
        }));
        wanted
    }
}

/// An object to write.
struct Step {
    object: SetupObject,
    /// Name of its file in a directory, without extension.
    file: String,
    /// The change, for the output; empty for none.
    change: String,
}

pub(super) async fn run(args: Args, now: Timestamp) -> Result<bool, SetupError> {
    let wanted = args.wanted();
    if wanted.is_empty() {
        return Err(
            "no certificate to create: pass --zone, --party NAMESPACE=ZONE or --hub; see --help"
                .into(),
        );
    }
    let destination = match &args.out {
        Some(folder) => Destination::Directory(folder.clone()),
        None => Destination::Cluster(connect().await?),
    };
    let namespaces: BTreeSet<String> = wanted
        .iter()
        .map(|wanted| wanted.namespace.clone())
        .chain([args.namespace.clone()])
        .collect();
    if args.out.is_some() && namespaces.contains(AUTHORITY_FILE) {
        let cause = format!(
            "--out writes the authority to {AUTHORITY_FILE}.yaml, so no namespace can have the name {AUTHORITY_FILE}"
        );
        return Err(format!("{cause}: write into the cluster, without --out").into());
    }
    destination.expect_namespaces(&namespaces).await?;

    let mut steps = vec![];
    let (authority, change) = authority(&args, &destination, now).await?;
    let kept = authority.pair();
    let data = [("tls.crt", kept.certificate.as_str()), ("tls.key", kept.key.as_str())];
    steps.push(Step {
        object: secret(&args.namespace, AUTHORITY, COMPONENT, TLS, &data),
        file: AUTHORITY_FILE.to_owned(),
        change,
    });
    for wanted in &wanted {
        steps.push(key_pair(&args, &destination, &authority, wanted, now).await?);
    }
    for namespace in &namespaces {
        let trusted = [
            ("server-iflearner-crt", SERVER_CERTIFICATE),
            ("party-iflearner-crt", PARTY_CERTIFICATE),
            (AUTHORITY, "ca.crt"),
        ];
        for (name, key) in trusted {
            let object = config_map(namespace, name, COMPONENT, key, authority.certificate());
            steps.push(Step { object, file: namespace.clone(), change: String::new() });
        }
    }

    if args.dry_run {
        let shown: Vec<String> = steps.iter().map(|step| step.object.redacted()).collect();
        print(&shown.join("---\n"))?;
        for step in steps.iter().filter(|step| !step.change.is_empty()) {
            note(&format!("{}: {}", step.object, step.change))?;
        }
        return Ok(true);
    }
    for Step { object, file, change } in &steps {
        let outcome = destination.put(object, file, args.replace).await?;
        let change = if outcome == Outcome::Unchanged || change.is_empty() {
            String::new()
        } else {
            format!(": {change}")
        };
        print(&format!("{:<10} {object}{change}", outcome.as_str()))?;
    }
    if let Some(folder) = &args.out {
        print(&format!(
            "\nKeep {0}/{AUTHORITY_FILE}.yaml secret. A user with access to each namespace applies its file:",
            folder.display()
        ))?;
        for namespace in &namespaces {
            print(&format!(
                "  kubectl apply --server-side -f {}/{namespace}.yaml",
                folder.display()
            ))?;
        }
    }
    Ok(true)
}

async fn authority(
    args: &Args,
    destination: &Destination,
    now: Timestamp,
) -> Result<(Authority, String), SetupError> {
    let namespace = &args.namespace;
    let Some(found) = destination.secret(namespace, AUTHORITY, AUTHORITY_FILE).await? else {
        let new = Authority::new(now, args.authority_days);
        let ends = date(Details::read(new.certificate())?.ends);
        return Ok((new, format!("a new authority, valid until {ends}")));
    };
    let kept = stored(&found).ok_or_else(|| {
        format!("Secret {namespace}/{AUTHORITY} has no tls.crt or no tls.key: restore or delete the Secret")
    })?;
    let kept = Authority::load(&kept).map_err(|cause| {
        format!(
            "Secret {namespace}/{AUTHORITY} contains no valid authority: the certificate {cause}"
        )
    })?;
    if let Some(renewed) = kept.renewed(now, args.authority_days) {
        let ends = date(Details::read(renewed.certificate())?.ends);
        return Ok((
            renewed,
            format!(
                "renewed until {ends} with the same key: certificates that it signed remain valid"
            ),
        ));
    }
    Details::read(kept.certificate())?.check_lifetime(now).map_err(|cause| {
        format!("Secret {namespace}/{AUTHORITY}: the certificate was not created by this command and {cause}: renew it where it was created")
    })?;
    Ok((kept, String::new()))
}

async fn key_pair(
    args: &Args,
    destination: &Destination,
    authority: &Authority,
    wanted: &WantedPair,
    now: Timestamp,
) -> Result<Step, SetupError> {
    let WantedPair { namespace, name, names } = wanted;
    let found = destination.secret(namespace, name, namespace).await?;
    let kept = found.as_ref().and_then(stored);
    let validity = kept.as_ref().map(|kept| authority.check(kept, names, now));
    // A Secret of another writer is issued again, so that `put` demands --replace even if its
    // certificate is valid.
    let is_foreign = found.as_ref().is_some_and(|found| !is_own(found));
    let (pair, change) = match (kept, validity) {
        (Some(kept), Some(Ok(()))) if !is_foreign => (kept, String::new()),
        (_, validity) => {
            let reason = match validity {
                Some(Err(cause)) => format!(" (the old certificate {cause})"),
                _ => String::new(),
            };
            let pair = authority.issue(names, now, args.days)?;
            let ends = date(Details::read(&pair.certificate)?.ends);
            (pair, format!("{}, valid until {ends}{reason}", names.join(", ")))
        }
    };
    let data = [
        ("tls.crt", pair.certificate.as_str()),
        ("tls.key", pair.key.as_str()),
        ("ca.crt", authority.certificate()),
    ];
    Ok(Step {
        object: secret(namespace, name, COMPONENT, TLS, &data),
        file: namespace.clone(),
        change,
    })
}

fn stored(secret: &k8s_openapi::api::core::v1::Secret) -> Option<Pair> {
    Some(Pair { certificate: text(secret, "tls.crt")?, key: text(secret, "tls.key")? })
}
