//! `setup dns`: the resolution of the names of jobs.
//!
//! A zone becomes a server block of CoreDNS that resolves every name in it to one address, that of
//! the gateway or ingress controller. A user without access to the cluster's DNS adds host aliases
//! to a Pod instead. The command changes only the lines between its two markers in a Corefile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use flow_domain::time::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use super::objects::SETUP;
use super::terminal::{SetupError, connect, note, print};
use crate::arguments::{domain, pair};

const BEGIN: &str = "# BEGIN flow-operator setup dns";
const END: &str = "# END flow-operator setup dns";
const NAMESPACE: &str = "kube-system";
/// Name of the ConfigMap and of the Deployment of CoreDNS in kubeadm and most distributions.
const COREDNS: &str = "coredns";

/// Arguments of `setup dns`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  flow-operator setup dns --zone server.example.org=192.0.2.10 --zone a.party.example.org=192.0.2.20
  flow-operator setup dns --zone server.example.org=192.0.2.10 --apply
  flow-operator setup dns --host-aliases job1.server.example.org=192.0.2.10

--apply replaces the zones that it wrote before: pass all zones each time.")]
pub struct Args {
    /// Zone and the address of all its names; repeat the option for more zones or for an IPv6
    /// address
    #[arg(long = "zone", value_name = "ZONE=ADDRESS", value_parser = address)]
    zones: Vec<(String, IpAddr)>,
    /// Name and its address, for one Pod instead of the cluster: prints host aliases for the
    /// template of an IflearnerJob
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = address, conflicts_with_all = ["zones", "apply", "remove"])]
    host_aliases: Vec<(String, IpAddr)>,
    /// Write the zones into the Corefile of kube-system/coredns, and restart CoreDNS if the
    /// Corefile changed
    #[arg(long)]
    apply: bool,
    /// Remove the zones of this command from the Corefile
    #[arg(long, conflicts_with_all = ["zones", "apply"])]
    remove: bool,
    /// With --apply or --remove: print the resulting Corefile, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn address(text: &str) -> Result<(String, IpAddr), String> {
    let form = "must be NAME=ADDRESS with an IP address such as 192.0.2.10";
    let (name, address) = pair(text).map_err(|_| form.to_owned())?;
    Ok((domain(&name)?, address.parse().map_err(|_| form.to_owned())?))
}

pub(super) async fn run(args: Args, now: Timestamp) -> Result<bool, SetupError> {
    if !args.host_aliases.is_empty() {
        return print(&host_aliases(&args.host_aliases)).map(|()| true);
    }
    if args.remove {
        return write(&connect().await?, "", args.dry_run, now).await;
    }
    if args.zones.is_empty() {
        return Err("no zone: pass --zone ZONE=ADDRESS for each zone, or --host-aliases NAME=ADDRESS for each name; see --help".into());
    }
    let blocks = blocks(&args.zones);
    if args.apply {
        write(&connect().await?, &blocks, args.dry_run, now).await
    } else {
        print(&blocks).map(|()| true)
    }
}

/// Returns the server blocks of CoreDNS for these zones.
#[must_use]
pub fn blocks(zones: &[(String, IpAddr)]) -> String {
    let mut text = String::new();
    for (zone, addresses) in grouped(zones) {
        // Writing to a String cannot fail.
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
        // For any other record type these names exist without a record.
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

/// The cause for which a Corefile is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorefileConflict {
    /// The block of this command was edited.
    #[error(
        "the markers {BEGIN:?} and {END:?} are not a pair: remove them and the lines between them by hand"
    )]
    Markers,
    /// Two blocks serve one zone; CoreDNS would not start.
    #[error("another block serves {0}: remove that block, or omit the zone here")]
    Served(String),
}

/// Returns `corefile` with `blocks` between the markers of this command, or without the markers if
/// `blocks` is empty.
pub fn patch_corefile(corefile: &str, blocks: &str) -> Result<String, CorefileConflict> {
    let others = match (corefile.find(BEGIN), corefile.find(END)) {
        (None, None) => corefile.trim_end().to_owned(),
        (Some(begin), Some(end)) if begin < end => {
            let after = corefile[end + END.len()..].trim();
            let before = corefile[..begin].trim_end();
            if after.is_empty() { before.to_owned() } else { format!("{before}\n{after}") }
        }
        _ => return Err(CorefileConflict::Markers),
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
        return Err(CorefileConflict::Served(zone));
    }
    Ok(if blocks.is_empty() {
        format!("{others}\n")
    } else {
        format!("{others}\n{BEGIN}\n{}\n{END}\n", blocks.trim_end())
    })
}

/// Returns the zones that this command wrote; `None` without its markers.
pub(super) fn written_zones(corefile: &str) -> Option<Vec<String>> {
    let block = corefile.split_once(BEGIN)?.1.split_once(END)?.0;
    Some(block.lines().filter_map(|line| line.strip_suffix(":53 {")).map(str::to_owned).collect())
}

/// Returns whether the Corefile contains zones of this command.
pub(super) async fn is_written(client: &Client) -> Result<bool, SetupError> {
    let found = Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE).get_opt(COREDNS).await?;
    let corefile = found.and_then(|map| map.data?.remove("Corefile"));
    Ok(corefile.is_some_and(|corefile| written_zones(&corefile).is_some()))
}

/// Writes `blocks` into the Corefile of the cluster and restarts CoreDNS.
pub(super) async fn write(
    client: &Client,
    blocks: &str,
    dry_run: bool,
    now: Timestamp,
) -> Result<bool, SetupError> {
    let elsewhere =
        "print the blocks without --apply for the administrator of the DNS, or use --host-aliases";
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
    let new = patch_corefile(&old, blocks)
        .map_err(|error| format!("cannot change the Corefile: {error}"))?;
    if dry_run {
        print(&new)?;
        return Ok(true);
    }
    if new == old {
        print(&format!("unchanged  ConfigMap {NAMESPACE}/{COREDNS}"))?;
        return Ok(true);
    }
    map.data.get_or_insert_default().insert("Corefile".to_owned(), new);
    // The request carries the version that was read, so a concurrent change is not overwritten.
    maps.replace(
        COREDNS,
        &PostParams { field_manager: Some(SETUP.to_owned()), ..PostParams::default() },
        &map,
    )
    .await
    .map_err(|error| format!("cannot write ConfigMap {NAMESPACE}/{COREDNS}: {error}"))?;
    print(&format!("changed    ConfigMap {NAMESPACE}/{COREDNS}"))?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"flow-operator/restarted-at": now.0.to_string()}}}}});
    match deployments.patch(COREDNS, &PatchParams::default(), &Patch::Strategic(restart)).await {
        Ok(_) => print(&format!(
            "restarted  Deployment {NAMESPACE}/{COREDNS}; follow the restart with: kubectl -n {NAMESPACE} rollout status deployment/{COREDNS}; \
             for some seconds after the restart, cached answers remain"
        ))?,
        Err(error) => note(&format!(
            "cannot restart CoreDNS ({error}); with `reload` in its Corefile it reads the change within minutes"
        ))?,
    }
    Ok(true)
}

/// Returns the host aliases for a template.
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
    fn zone_with_several_addresses_is_one_block() {
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
    fn zones_are_replaced_and_removed() {
        let first = patch_corefile(COREFILE, &blocks(&zones(&[("a.org", "192.0.2.1")]))).unwrap();
        let second = patch_corefile(&first, &blocks(&zones(&[("b.org", "192.0.2.2")]))).unwrap();
        assert!(
            second.starts_with(COREFILE)
                && second.contains("b.org:53 {")
                && !second.contains("a.org")
        );
        assert_eq!(
            patch_corefile(&second, &blocks(&zones(&[("b.org", "192.0.2.2")]))).unwrap(),
            second
        );
        assert_eq!(patch_corefile(&second, "").unwrap(), COREFILE);
        let between = format!("{second}c.org:53 {{\n}}\n");
        assert_eq!(
            patch_corefile(&between, "").unwrap(),
            format!("{COREFILE}c.org:53 {{\n}}\n"),
            "lines after the markers are kept"
        );
    }

    #[test]
    fn conflicting_corefile_is_not_changed() {
        let blocks = blocks(&zones(&[("a.org", "192.0.2.1")]));
        for served in ["a.org {\n}\n", "a.org:53 {\n}\n", "x.org a.org. {\n}\n"] {
            assert_eq!(
                patch_corefile(&format!("{COREFILE}{served}"), &blocks),
                Err(CorefileConflict::Served("a.org".to_owned())),
                "{served}"
            );
        }
        assert_eq!(
            patch_corefile(&format!("{COREFILE}{END}\n{BEGIN}\n"), &blocks),
            Err(CorefileConflict::Markers)
        );
        assert_eq!(
            patch_corefile(&format!("{COREFILE}{BEGIN}\n"), &blocks),
            Err(CorefileConflict::Markers)
        );
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
