//! The properties of a template that need a permission of its namespace.
//!
//! A user who may create an IflearnerJob has the operator create Pods. The operator must not give
//! that user more rights than the user has: to share the node, to run privileged, to use a service
//! account. A template with such a property is rejected, unless the administrator of the namespace
//! allows it by annotation.

use std::collections::BTreeSet;

use flow_crd::{ALLOW_ANNOTATION, OptIn};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, PodSpec, PodTemplateSpec, SELinuxOptions, SeccompProfile, Volume,
    WindowsSecurityContextOptions,
};

/// Capabilities that a container runtime grants by default. Any other capability exceeds those of
/// root in a container.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Volume kinds of the restricted profile, by the name of their field.
const RESTRICTED_VOLUME_KINDS: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// SELinux types that keep the isolation of a container.
const CONTAINER_SELINUX_TYPES: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Prefix of the annotation that names the AppArmor profile of a container. Kubernetes still
/// honours it beside the field.
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// The permissions that a namespace grants to Pods.
pub type AllowedOptIns = BTreeSet<OptIn>;

/// Returns the permissions in the annotation of a namespace that the operator honours. Unknown
/// names are ignored.
#[must_use]
pub fn allowed_opt_ins(annotation: Option<&str>, honoured: &AllowedOptIns) -> AllowedOptIns {
    let names: Vec<&str> = annotation.unwrap_or_default().split(',').map(str::trim).collect();
    honoured.iter().copied().filter(|opt_in| names.contains(&opt_in.as_str())).collect()
}

/// A property of a template that needs a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The missing permission.
    pub opt_in: OptIn,
    /// The property, with the path of its field.
    pub property: String,
}

/// Returns all properties of the template that need a permission which the namespace does not
/// grant.
#[must_use]
pub fn violations(
    template: &PodTemplateSpec,
    allowed: &AllowedOptIns,
    read_only_root: bool,
) -> Vec<Violation> {
    let Some(pod) = &template.spec else { return Vec::new() };
    let mut found = Vec::new();
    let mut require = |opt_in: OptIn, is_used: bool, property: String| {
        if is_used && !allowed.contains(&opt_in) {
            found.push(Violation { opt_in, property });
        }
    };
    for (field, set) in
        [("hostNetwork", pod.host_network), ("hostPID", pod.host_pid), ("hostIPC", pod.host_ipc)]
    {
        require(
            OptIn::Hostnetwork,
            set == Some(true),
            format!("spec.{field} shares a namespace of the node"),
        );
    }
    for volume in pod.volumes.iter().flatten() {
        require(
            OptIn::Hostpath,
            volume.host_path.is_some(),
            format!("volume {} is a directory of the node", volume.name),
        );
        if let Some(kind) = unclaimed_volume_kind(volume) {
            require(
                OptIn::Hostpath,
                true,
                format!(
                    "volume {} is {kind} without a claim (use a persistentVolumeClaim)",
                    volume.name
                ),
            );
        }
        let sources =
            volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        let token = sources.into_iter().any(|source| source.service_account_token.is_some());
        require(
            OptIn::ServiceAccount,
            token,
            format!("volume {} contains the token of a service account", volume.name),
        );
    }
    let account = [&pod.service_account_name, &pod.service_account]
        .into_iter()
        .flatten()
        .find(|name| !matches!(name.as_str(), "" | "default"));
    require(
        OptIn::ServiceAccount,
        account.is_some(),
        format!("spec.serviceAccountName is {}", account.map_or("", |name| name)),
    );
    let token = pod.automount_service_account_token == Some(true);
    require(
        OptIn::ServiceAccount,
        token,
        "spec.automountServiceAccountToken mounts the token of a service account".to_owned(),
    );
    if let Some(context) = &pod.security_context {
        let root = context.run_as_user == Some(0) || context.run_as_non_root == Some(false);
        require(OptIn::Root, root, "spec.securityContext runs the Pod as root".to_owned());
        let weakened = weakened_isolation(
            &context.seccomp_profile,
            &context.app_armor_profile,
            &context.se_linux_options,
            &context.windows_options,
        );
        for property in weakened {
            require(OptIn::Privileged, true, format!("spec.securityContext.{property}"));
        }
        let sysctls = context.sysctls.iter().flatten().next();
        require(
            OptIn::Privileged,
            sysctls.is_some(),
            "spec.securityContext.sysctls changes kernel parameters".to_owned(),
        );
    }
    for (annotation, profile) in
        template.metadata.iter().flat_map(|metadata| metadata.annotations.iter().flatten())
    {
        let is_confined =
            profile.is_empty() || profile == "runtime/default" || profile.starts_with("localhost/");
        let apparmor = annotation.starts_with(APPARMOR_ANNOTATION) && !is_confined;
        require(OptIn::Privileged, apparmor, format!("annotation {annotation} is {profile}"));
    }
    for container in containers(pod) {
        let name = &container.name;
        require(
            OptIn::Hostnetwork,
            node_connects_to_a_host(container),
            format!("container {name} lets the node connect to a host (probe or lifecycle)"),
        );
        let host_port = container
            .ports
            .iter()
            .flatten()
            .any(|port| port.host_port.is_some_and(|port| port != 0));
        require(
            OptIn::Hostnetwork,
            host_port,
            format!("container {name} uses a port of the node (hostPort)"),
        );
        let Some(context) = &container.security_context else { continue };
        let root = context.run_as_user == Some(0) || context.run_as_non_root == Some(false);
        require(OptIn::Root, root, format!("container {name} runs as root"));
        require(
            OptIn::Privileged,
            context.privileged == Some(true),
            format!("container {name} is privileged"),
        );
        let escalation = context.allow_privilege_escalation == Some(true);
        require(
            OptIn::Privileged,
            escalation,
            format!("container {name} may gain privileges (allowPrivilegeEscalation)"),
        );
        let weakened = weakened_isolation(
            &context.seccomp_profile,
            &context.app_armor_profile,
            &context.se_linux_options,
            &context.windows_options,
        );
        for property in weakened {
            require(OptIn::Privileged, true, format!("container {name}: {property}"));
        }
        let proc_mount = context.proc_mount.as_deref().is_some_and(|mount| mount != "Default");
        require(
            OptIn::Privileged,
            proc_mount,
            format!("container {name} has an unmasked /proc (procMount)"),
        );
        let drops = context.capabilities.iter().find_map(|capabilities| capabilities.drop.as_ref());
        let keeps = drops.is_some_and(|drops| drops.iter().all(|dropped| dropped != "ALL"));
        require(
            OptIn::Root,
            keeps,
            format!("container {name} keeps capabilities (capabilities.drop without ALL)"),
        );
        for capability in
            context.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten())
        {
            let opt_in = match capability.as_str() {
                "NET_BIND_SERVICE" => continue,
                common if DEFAULT_CAPABILITIES.contains(&common) => OptIn::Root,
                _ => OptIn::Privileged,
            };
            require(opt_in, true, format!("container {name} adds the capability {capability}"));
        }
        let writes = read_only_root && context.read_only_root_filesystem == Some(false);
        require(
            OptIn::WriteRoot,
            writes,
            format!(
                "container {name} writes to its root file system (readOnlyRootFilesystem: false)"
            ),
        );
    }
    found
}

/// Returns the kind of a volume that is neither in the restricted profile nor a `hostPath`.
fn unclaimed_volume_kind(volume: &Volume) -> Option<String> {
    let fields = serde_json::to_value(volume)
        .expect("a volume that was read from JSON can be written as JSON");
    let known = |field: &str| {
        matches!(field, "name" | "hostPath") || RESTRICTED_VOLUME_KINDS.contains(&field)
    };
    fields.as_object()?.keys().find(|field| !known(field)).cloned()
}

/// Returns the fields of a security context that weaken the isolation of a container. The contexts
/// of Pods and of containers share these fields.
fn weakened_isolation(
    seccomp: &Option<SeccompProfile>,
    apparmor: &Option<AppArmorProfile>,
    selinux: &Option<SELinuxOptions>,
    windows: &Option<WindowsSecurityContextOptions>,
) -> Vec<&'static str> {
    let named = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let relabelled = |options: &SELinuxOptions| {
        named(&options.user)
            || named(&options.role)
            || !CONTAINER_SELINUX_TYPES.contains(&options.type_.as_deref().unwrap_or_default())
    };
    let found = [
        (
            seccomp.as_ref().is_some_and(|profile| profile.type_ == "Unconfined"),
            "seccompProfile is Unconfined",
        ),
        (
            apparmor.as_ref().is_some_and(|profile| profile.type_ == "Unconfined"),
            "appArmorProfile is Unconfined",
        ),
        (
            selinux.as_ref().is_some_and(relabelled),
            "seLinuxOptions sets a user, a role or a type that is not for containers",
        ),
        (
            windows.as_ref().is_some_and(|options| options.host_process == Some(true)),
            "windowsOptions.hostProcess runs a process of the node",
        ),
    ];
    found.into_iter().filter_map(|(is_set, property)| is_set.then_some(property)).collect()
}

/// Returns whether a probe or a lifecycle handler names a host. The node connects to that host,
/// from its own network.
fn node_connects_to_a_host(container: &Container) -> bool {
    let probes = [&container.liveness_probe, &container.readiness_probe, &container.startup_probe]
        .into_iter()
        .flatten();
    let handlers = container
        .lifecycle
        .iter()
        .flat_map(|lifecycle| [&lifecycle.post_start, &lifecycle.pre_stop])
        .flatten();
    let requests = probes.map(|probe| (&probe.http_get, &probe.tcp_socket));
    let requests = requests.chain(handlers.map(|handler| (&handler.http_get, &handler.tcp_socket)));
    let hosts = requests.flat_map(|(http, tcp)| {
        [
            http.as_ref().and_then(|http| http.host.as_deref()),
            tcp.as_ref().and_then(|tcp| tcp.host.as_deref()),
        ]
    });
    hosts.flatten().any(|host| !host.is_empty())
}

pub(super) fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    pod.containers.iter().chain(pod.init_containers.iter().flatten())
}

/// Returns the message for a rejected template.
#[must_use]
pub fn rejection_message(
    violations: &[Violation],
    namespace: &str,
    honoured: &AllowedOptIns,
) -> String {
    let properties: Vec<&str> =
        violations.iter().map(|violation| violation.property.as_str()).collect();
    let opt_ins: BTreeSet<OptIn> = violations.iter().map(|violation| violation.opt_in).collect();
    format!("{}; {}", properties.join("; "), opt_in_hint(opt_ins, namespace, honoured))
}

/// Returns the steps that grant these permissions, or the statement that no namespace can grant
/// them.
#[must_use]
pub fn opt_in_hint(opt_ins: BTreeSet<OptIn>, namespace: &str, honoured: &AllowedOptIns) -> String {
    let list =
        |opt_ins: Vec<OptIn>| opt_ins.into_iter().map(OptIn::as_str).collect::<Vec<_>>().join(",");
    let never: Vec<OptIn> = opt_ins.difference(honoured).copied().collect();
    if never.is_empty() {
        let all = list(opt_ins.into_iter().collect());
        format!(
            "change the template, or ask the administrator of the namespace to allow it and create the object again: \
             kubectl annotate namespace {namespace} --overwrite {ALLOW_ANNOTATION}={all} (add the permissions that the annotation \
             already has, separated by commas)"
        )
    } else {
        format!(
            "change the template: the configuration of the operator (pods.opt_ins) lets no namespace allow {}",
            list(never)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn template(spec: &str) -> PodTemplateSpec {
        let spec: PodSpec = serde_yaml_ng::from_str(spec).unwrap();
        PodTemplateSpec { metadata: None, spec: Some(spec) }
    }

    fn all() -> AllowedOptIns {
        OptIn::ALL.into_iter().collect()
    }

    #[test]
    fn i23_template_that_needs_a_permission_is_rejected_unless_allowed() {
        for (opt_in, spec) in [
            (OptIn::Hostnetwork, "{containers: [{name: a}], hostNetwork: true}"),
            (OptIn::Hostnetwork, "{containers: [{name: a}], hostPID: true}"),
            (
                OptIn::Hostnetwork,
                "{containers: [{name: a, ports: [{containerPort: 1, hostPort: 80}]}]}",
            ),
            (OptIn::Hostnetwork, "{containers: [{name: a}], hostIPC: true}"),
            (
                OptIn::Hostnetwork,
                "{containers: [{name: a, livenessProbe: {httpGet: {host: 10.0.0.1, port: 80}}}]}",
            ),
            (
                OptIn::Hostnetwork,
                "{containers: [{name: a, startupProbe: {tcpSocket: {host: 10.0.0.1, port: 80}}}]}",
            ),
            (
                OptIn::Hostnetwork,
                "{containers: [{name: a, lifecycle: {preStop: {httpGet: {host: 10.0.0.1, port: 80}}}}]}",
            ),
            (
                OptIn::Hostpath,
                "{containers: [{name: a}], volumes: [{name: v, hostPath: {path: /}}]}",
            ),
            (
                OptIn::Hostpath,
                "{containers: [{name: a}], volumes: [{name: v, nfs: {server: s, path: /}}]}",
            ),
            (
                OptIn::Hostpath,
                "{containers: [{name: a}], volumes: [{name: v, iscsi: {targetPortal: p, iqn: q, lun: 0}}]}",
            ),
            (
                OptIn::Hostpath,
                "{containers: [{name: a}], volumes: [{name: v, flexVolume: {driver: d}}]}",
            ),
            (
                OptIn::Hostpath,
                "{containers: [{name: a}], volumes: [{name: v, gitRepo: {repository: r}}]}",
            ),
            (OptIn::Root, "{containers: [{name: a}], securityContext: {runAsUser: 0}}"),
            (OptIn::Root, "{containers: [{name: a, securityContext: {runAsNonRoot: false}}]}"),
            (
                OptIn::Root,
                "{containers: [{name: a, securityContext: {capabilities: {add: [CHOWN]}}}]}",
            ),
            (
                OptIn::Root,
                "{containers: [{name: a, securityContext: {capabilities: {drop: [NET_RAW]}}}]}",
            ),
            (OptIn::Root, "{containers: [{name: a, securityContext: {capabilities: {drop: []}}}]}"),
            (
                OptIn::Root,
                "{containers: [{name: a}], initContainers: [{name: b, securityContext: {capabilities: {drop: [CHOWN]}}}]}",
            ),
            (OptIn::Privileged, "{containers: [{name: a, securityContext: {privileged: true}}]}"),
            (
                OptIn::Privileged,
                "{containers: [{name: a}], initContainers: [{name: b, securityContext: {privileged: true}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {allowPrivilegeEscalation: true}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {seccompProfile: {type: Unconfined}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a}], securityContext: {seccompProfile: {type: Unconfined}}}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a}], securityContext: {appArmorProfile: {type: Unconfined}}}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {appArmorProfile: {type: Unconfined}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a}], securityContext: {seLinuxOptions: {type: spc_t}}}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {seLinuxOptions: {type: spc_t}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {seLinuxOptions: {user: system_u}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {seLinuxOptions: {role: system_r}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a}], securityContext: {windowsOptions: {hostProcess: true}}}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {windowsOptions: {hostProcess: true}}}]}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a}], securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}}",
            ),
            (
                OptIn::Privileged,
                "{containers: [{name: a, securityContext: {procMount: Unmasked}}]}",
            ),
            (OptIn::ServiceAccount, "{containers: [{name: a}], serviceAccountName: admin}"),
            (
                OptIn::ServiceAccount,
                "{containers: [{name: a}], automountServiceAccountToken: true}",
            ),
            (
                OptIn::ServiceAccount,
                "{containers: [{name: a}], volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]}",
            ),
            (
                OptIn::WriteRoot,
                "{containers: [{name: a, securityContext: {readOnlyRootFilesystem: false}}]}",
            ),
        ] {
            let template = template(spec);
            let found = violations(&template, &AllowedOptIns::new(), true);
            assert!(found.iter().any(|violation| violation.opt_in == opt_in), "{spec}: {found:?}");
            assert!(
                rejection_message(&found, "n", &all())
                    .contains(&format!("{ALLOW_ANNOTATION}={}", opt_in.as_str())),
                "{spec}"
            );
            assert!(
                rejection_message(&found, "n", &AllowedOptIns::new()).contains("pods.opt_ins"),
                "{spec}"
            );
            assert_eq!(violations(&template, &all(), true), [], "{spec}");
        }
    }

    #[test]
    fn i23_apparmor_annotation_needs_the_same_permission_as_the_field() {
        let annotated = |profile: &str| {
            let mut template = template("{containers: [{name: a}]}");
            let annotations =
                BTreeMap::from([(format!("{APPARMOR_ANNOTATION}a"), profile.to_owned())]);
            template.metadata.get_or_insert_default().annotations = Some(annotations);
            violations(&template, &AllowedOptIns::new(), true)
                .into_iter()
                .map(|violation| violation.opt_in)
                .collect::<Vec<_>>()
        };
        assert_eq!(annotated("unconfined"), [OptIn::Privileged]);
        assert_eq!((annotated("runtime/default"), annotated("localhost/p")), (vec![], vec![]));
    }

    #[test]
    fn rejected_volume_is_named_with_its_kind_and_its_replacement() {
        let found = violations(
            &template("{containers: [{name: a}], volumes: [{name: v, nfs: {server: s, path: /}}]}"),
            &AllowedOptIns::new(),
            true,
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].property.contains("volume v is nfs")
                && found[0].property.contains("persistentVolumeClaim"),
            "{found:?}"
        );
    }

    #[test]
    fn ordinary_template_needs_no_permission() {
        for spec in [
            "{containers: [{name: a, image: x, securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}], serviceAccountName: default}",
            "{containers: [{name: a, securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}, seLinuxOptions: {level: 's0:c1,c2'}}}], \
             securityContext: {seLinuxOptions: {type: container_t}}}",
            "{containers: [{name: a, livenessProbe: {httpGet: {port: 80}}, readinessProbe: {tcpSocket: {host: '', port: 80}}}]}",
            "{containers: [{name: a}], volumes: [{name: unnamed}, {name: b, configMap: {name: m}}, {name: c, csi: {driver: d}}, \
             {name: d, downwardAPI: {}}, {name: e, emptyDir: {}}, {name: f, ephemeral: {}}, {name: g, image: {reference: r}}, \
             {name: h, persistentVolumeClaim: {claimName: p}}, {name: i, projected: {sources: []}}, {name: j, secret: {secretName: s}}]}",
        ] {
            assert_eq!(violations(&template(spec), &AllowedOptIns::new(), true), [], "{spec}");
        }
    }

    #[test]
    fn namespace_grants_only_honoured_permissions() {
        let honoured = AllowedOptIns::from([OptIn::Root, OptIn::Hostpath]);
        assert_eq!(
            allowed_opt_ins(Some("root, privileged,sudo"), &honoured),
            AllowedOptIns::from([OptIn::Root])
        );
        assert_eq!(allowed_opt_ins(None, &honoured), AllowedOptIns::new());
    }
}
