//! `setup dns`: the names of jobs. A zone becomes a server block of CoreDNS that answers every name in it with one
//! address, that of the gateway or ingress controller in front of it; where nobody may edit the cluster's DNS, the few
//! names that a Pod dials become host aliases of that Pod.
//!
//! What is written into a Corefile stands between two markers, and nothing else in it is touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use flow_domain::time::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use super::names::{domain, pair};
use super::objects::US;
use super::{SetupError, connect, note, say};

const BEGIN: &str = "# BEGIN flow-operator setup dns";
const END: &str = "# END flow-operator setup dns";
const NAMESPACE: &str = "kube-system";
/// ConfigMap and Deployment, as kubeadm and most distributions have them.
const COREDNS: &str = "coredns";

/// Arguments of `setup dns`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  flow-operator setup dns --zone server.example.org=192.0.2.10 --zone a.party.example.org=192.0.2.20
  flow-operator setup dns --zone server.example.org=192.0.2.10 --apply
  flow-operator setup dns --host-aliases job1.server.example.org=192.0.2.10

--apply replaces what it wrote before: give all zones each time.")]
pub struct Args {
    /// A zone and the address of all names in it; repeat it for more zones or an IPv6 address
    #[arg(long = "zone", value_name = "ZONE=ADDRESS", value_parser = address)]
    zones: Vec<(String, IpAddr)>,
    /// A name and its address, for Pods instead of the cluster: prints them for the template of an IflearnerJob
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = address, conflicts_with_all = ["zones", "apply", "remove"])]
    host_aliases: Vec<(String, IpAddr)>,
    /// Write it into the Corefile of kube-system/coredns and restart CoreDNS if it is new
    #[arg(long)]
    apply: bool,
    /// Take what was written out of the Corefile again
    #[arg(long, conflicts_with_all = ["zones", "apply"])]
    remove: bool,
    /// With --apply or --remove: print the Corefile as it would be, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn address(text: &str) -> Result<(String, IpAddr), String> {
    let form = "write it as NAME=ADDRESS, the address in digits such as 192.0.2.10";
    let (name, address) = pair(text).map_err(|_| form.to_owned())?;
    Ok((domain(&name)?, address.parse().map_err(|_| form.to_owned())?))
}

pub(super) async fn run(args: Args, now: Timestamp) -> Result<bool, SetupError> {
    if !args.host_aliases.is_empty() {
        return say(&host_aliases(&args.host_aliases)).map(|()| true);
    }
    if args.remove {
        return write(&connect().await?, "", args.dry_run, now).await;
    }
    if args.zones.is_empty() {
        return Err("give --zone ZONE=ADDRESS for each zone, or --host-aliases NAME=ADDRESS for each name; see --help".into());
    }
    let blocks = blocks(&args.zones);
    if args.apply {
        write(&connect().await?, &blocks, args.dry_run, now).await
    } else {
        say(&blocks).map(|()| true)
    }
}

/// The server blocks of CoreDNS for these zones.
#[must_use]
pub fn blocks(zones: &[(String, IpAddr)]) -> String {
    let mut text = String::new();
    for (zone, addresses) in grouped(zones) {
        // Written to a String, which cannot fail.
        let _ = writeln!(text, "{zone}:53 {{\n    errors");
        for (kind, of_kind) in
            [("A", IpAddr::is_ipv4 as fn(&IpAddr) -> bool), ("AAAA", IpAddr::is_ipv6)]
        {
            if addresses.iter().any(of_kind) {
                let _ = writeln!(text, "    template IN {kind} {{");
                for address in addresses.iter().filter(|address| of_kind(address)) {
                    let _ =
                        writeln!(text, "        answer \"{{{{ .Name }}}} 60 IN {kind} {address}\"");
                }
                text.push_str("    }\n");
            }
        }
        // Anything else about these names: they exist and have no such record.
        text.push_str("    template IN ANY {\n        rcode NOERROR\n    }\n}\n");
    }
    text
}

fn grouped(pairs: &[(String, IpAddr)]) -> BTreeMap<&str, Vec<IpAddr>> {
    let mut grouped: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for (name, address) in pairs {
        let addresses = grouped.entry(name).or_default();
        if !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    grouped
}

/// Why a Corefile is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Somebody edited our part.
    #[error(
        "the markers {BEGIN:?} and {END:?} are not a pair in it: take them and what is between them out by hand"
    )]
    Markers,
    /// CoreDNS would not start.
    #[error(
        "it has a block for {0} already, that is not ours: take it out, or leave that zone out here"
    )]
    Served(String),
}

/// `corefile` with `blocks` as our part of it, or without our part if there are none.
pub fn patched(corefile: &str, blocks: &str) -> Result<String, Misfit> {
    let others = match (corefile.find(BEGIN), corefile.find(END)) {
        (None, None) => corefile.trim_end().to_owned(),
        (Some(begin), Some(end)) if begin < end => {
            let after = corefile[end + END.len()..].trim();
            let before = corefile[..begin].trim_end();
            if after.is_empty() { before.to_owned() } else { format!("{before}\n{after}") }
        }
        _ => return Err(Misfit::Markers),
    };
    let zones = |text: &str| -> Vec<String> {
        let opening = text
            .lines()
            .filter(|line| !line.starts_with([' ', '\t', '#']))
            .filter_map(|line| line.trim_end().strip_suffix('{'));
        opening
            .flat_map(|names| {
                names
                    .split([' ', ','])
                    .map(|name| name.trim_end_matches('.').trim_end_matches(":53").to_owned())
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let served = zones(&others);
    if let Some(zone) =
        zones(blocks).into_iter().find(|zone| !zone.is_empty() && served.contains(zone))
    {
        return Err(Misfit::Served(zone));
    }
    Ok(if blocks.is_empty() {
        format!("{others}\n")
    } else {
        format!("{others}\n{BEGIN}\n{}\n{END}\n", blocks.trim_end())
    })
}

/// The zones that were written into it; `None` if there is no part of ours.
pub(super) fn written(corefile: &str) -> Option<Vec<String>> {
    let ours = corefile.split_once(BEGIN)?.1.split_once(END)?.0;
    Some(ours.lines().filter_map(|line| line.strip_suffix(":53 {")).map(str::to_owned).collect())
}

/// Whether there is anything to take out again.
pub(super) async fn is_written(client: &Client) -> Result<bool, SetupError> {
    let found = Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE).get_opt(COREDNS).await?;
    let corefile = found.and_then(|map| map.data?.remove("Corefile"));
    Ok(corefile.is_some_and(|corefile| written(&corefile).is_some()))
}

/// Brings our part of the cluster's Corefile to `blocks`, and has CoreDNS read it.
pub(super) async fn write(
    client: &Client,
    blocks: &str,
    dry_run: bool,
    now: Timestamp,
) -> Result<bool, SetupError> {
    let elsewhere = "print the blocks without --apply for whoever runs this cluster's DNS, or use --host-aliases";
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let found = maps
        .get_opt(COREDNS)
        .await
        .map_err(|error| format!("cannot read ConfigMap {NAMESPACE}/{COREDNS}: {error}"))?;
    let corefile =
        |map: &ConfigMap| map.data.as_ref().and_then(|data| data.get("Corefile").cloned());
    let Some((mut map, old)) = found.and_then(|map| corefile(&map).map(|text| (map, text))) else {
        return Err(format!(
            "this cluster has no Corefile in ConfigMap {NAMESPACE}/{COREDNS}: {elsewhere}"
        )
        .into());
    };
    let new = patched(&old, blocks).map_err(|why| format!("the Corefile stays as it is: {why}"))?;
    if dry_run {
        say(&new)?;
        return Ok(true);
    }
    if new == old {
        say(&format!("unchanged  ConfigMap {NAMESPACE}/{COREDNS}"))?;
        return Ok(true);
    }
    map.data.get_or_insert_default().insert("Corefile".to_owned(), new);
    // Carries the version that was read: whoever edited it since is not overwritten.
    maps.replace(
        COREDNS,
        &PostParams { field_manager: Some(US.to_owned()), ..PostParams::default() },
        &map,
    )
    .await
    .map_err(|error| format!("cannot write ConfigMap {NAMESPACE}/{COREDNS}: {error}"))?;
    say(&format!("changed    ConfigMap {NAMESPACE}/{COREDNS}"))?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"flow-operator/restarted-at": now.0.to_string()}}}}});
    match deployments.patch(COREDNS, &PatchParams::default(), &Patch::Strategic(restart)).await {
        Ok(_) => say(&format!(
            "restarted  Deployment {NAMESPACE}/{COREDNS}; see it come up with: kubectl -n {NAMESPACE} rollout status deployment/{COREDNS}; \
             for some seconds after that, names may still be answered as before"
        ))?,
        Err(error) => note(&format!(
            "CoreDNS was not restarted ({error}); where its Corefile has `reload` it follows by itself within minutes"
        ))?,
    }
    Ok(true)
}

/// Aliases for a template.
fn host_aliases(pairs: &[(String, IpAddr)]) -> String {
    let mut by_address: BTreeMap<IpAddr, Vec<&str>> = BTreeMap::new();
    for (name, address) in pairs {
        by_address.entry(*address).or_default().push(name);
    }
    let mut text = "# In an IflearnerJob, under spec.template.spec:\nhostAliases:\n".to_owned();
    for (address, names) in &by_address {
        let _ = writeln!(text, "  - {{ip: \"{address}\", hostnames: [{}]}}", names.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COREFILE: &str = ".:53 {\n    errors\n    ready\n}\n";

    fn zones(pairs: &[(&str, &str)]) -> Vec<(String, IpAddr)> {
        pairs.iter().map(|(zone, address)| ((*zone).to_owned(), address.parse().unwrap())).collect()
    }

    #[test]
    fn a_zone_is_one_block_whatever_its_addresses() {
        let text = blocks(&zones(&[
            ("b.org", "192.0.2.1"),
            ("a.org", "192.0.2.2"),
            ("b.org", "2001:db8::1"),
            ("b.org", "192.0.2.1"),
        ]));
        assert_eq!(text.matches("b.org:53 {").count(), 1);
        assert!(
            text.contains("answer \"{{ .Name }} 60 IN A 192.0.2.1\"")
                && text.contains("IN AAAA 2001:db8::1")
        );
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn what_was_written_is_replaced_and_taken_away_again() {
        let first = patched(COREFILE, &blocks(&zones(&[("a.org", "192.0.2.1")]))).unwrap();
        let second = patched(&first, &blocks(&zones(&[("b.org", "192.0.2.2")]))).unwrap();
        assert!(
            second.starts_with(COREFILE)
                && second.contains("b.org:53 {")
                && !second.contains("a.org")
        );
        assert_eq!(patched(&second, &blocks(&zones(&[("b.org", "192.0.2.2")]))).unwrap(), second);
        assert_eq!(patched(&second, "").unwrap(), COREFILE);
        let between = format!("{second}c.org:53 {{\n}}\n");
        assert_eq!(
            patched(&between, "").unwrap(),
            format!("{COREFILE}c.org:53 {{\n}}\n"),
            "what others put behind it stays"
        );
    }

    #[test]
    fn a_corefile_that_would_break_is_left_alone() {
        let blocks = blocks(&zones(&[("a.org", "192.0.2.1")]));
        for served in ["a.org {\n}\n", "a.org:53 {\n}\n", "x.org a.org. {\n}\n"] {
            assert_eq!(
                patched(&format!("{COREFILE}{served}"), &blocks),
                Err(Misfit::Served("a.org".to_owned())),
                "{served}"
            );
        }
        assert_eq!(patched(&format!("{COREFILE}{END}\n{BEGIN}\n"), &blocks), Err(Misfit::Markers));
        assert_eq!(patched(&format!("{COREFILE}{BEGIN}\n"), &blocks), Err(Misfit::Markers));
    }

    #[test]
    fn host_aliases_of_one_address_are_one_entry() {
        let text = host_aliases(&zones(&[("a.x.org", "192.0.2.1"), ("b.x.org", "192.0.2.1")]));
        let parsed: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
        assert_eq!(
            parsed["hostAliases"],
            serde_json::json!([{"ip": "192.0.2.1", "hostnames": ["a.x.org", "b.x.org"]}])
        );
    }
}
