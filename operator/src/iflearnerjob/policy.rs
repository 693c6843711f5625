//! What a Pod may do, and what it gets where its template says nothing.
//!
//! Who may create an IflearnerJob has the operator create Pods, so the operator must not be the way around what that
//! person may not do: share the node, run privileged, act as a service account. Where the namespace's administrator does
//! not allow it by annotation, such a template is refused by name. Silence in the template is filled with the restricted
//! Pod security profile, and with the operator's requests and limits.

use std::collections::{BTreeMap, BTreeSet};

use flow_crd::{ALLOW_ANNOTATION, OptIn};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, Capabilities, Container, PodSpec, PodTemplateSpec, ResourceRequirements,
    SELinuxOptions, SeccompProfile, SecurityContext, Volume, WindowsSecurityContextOptions,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Capabilities a container runtime gives by default; more of them is more than root.
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

/// Volumes of the restricted profile, by the field that says what they are.
const VOLUMES: [&str; 9] = [
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

/// SELinux types under which a container stays one.
const SELINUX_TYPES: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Before there was a field for it, an annotation per container named the AppArmor profile. It still counts.
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// What a namespace allows.
pub type Allowed = BTreeSet<OptIn>;

/// Read the annotation of a namespace, as far as the operator honours it. Unknown words allow nothing.
#[must_use]
pub fn allowed(annotation: Option<&str>, honoured: &Allowed) -> Allowed {
    let words: Vec<&str> = annotation.unwrap_or_default().split(',').map(str::trim).collect();
    honoured.iter().copied().filter(|opt_in| words.contains(&opt_in.as_str())).collect()
}

/// Something a template wants that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What would allow it.
    pub opt_in: OptIn,
    /// What it is, with the path of the field.
    pub what: String,
}

/// Everything in the template that is not allowed.
#[must_use]
pub fn violations(
    template: &PodTemplateSpec,
    allowed: &Allowed,
    read_only_root: bool,
) -> Vec<Violation> {
    let Some(pod) = &template.spec else { return Vec::new() };
    let mut found = Vec::new();
    let mut want = |opt_in: OptIn, when: bool, what: String| {
        if when && !allowed.contains(&opt_in) {
            found.push(Violation { opt_in, what });
        }
    };
    for (field, set) in
        [("hostNetwork", pod.host_network), ("hostPID", pod.host_pid), ("hostIPC", pod.host_ipc)]
    {
        want(
            OptIn::Hostnetwork,
            set == Some(true),
            format!("spec.{field} shares it with the node"),
        );
    }
    for volume in pod.volumes.iter().flatten() {
        want(
            OptIn::Hostpath,
            volume.host_path.is_some(),
            format!("volume {} is a directory of the node", volume.name),
        );
        if let Some(kind) = unclaimed(volume) {
            want(
                OptIn::Hostpath,
                true,
                format!(
                    "volume {} is {kind}, named without a claim (use a persistentVolumeClaim)",
                    volume.name
                ),
            );
        }
        let sources =
            volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        let token = sources.into_iter().any(|source| source.service_account_token.is_some());
        want(
            OptIn::ServiceAccount,
            token,
            format!("volume {} holds a service account's token", volume.name),
        );
    }
    let account = [&pod.service_account_name, &pod.service_account]
        .into_iter()
        .flatten()
        .find(|name| !matches!(name.as_str(), "" | "default"));
    want(
        OptIn::ServiceAccount,
        account.is_some(),
        format!("it acts as the service account {}", account.map_or("", |name| name)),
    );
    let token = pod.automount_service_account_token == Some(true);
    want(
        OptIn::ServiceAccount,
        token,
        "spec.automountServiceAccountToken gives it a service account's token".to_owned(),
    );
    if let Some(context) = &pod.security_context {
        let root = context.run_as_user == Some(0) || context.run_as_non_root == Some(false);
        want(OptIn::Root, root, "spec.securityContext runs it as root".to_owned());
        let loose = loosened(
            &context.seccomp_profile,
            &context.app_armor_profile,
            &context.se_linux_options,
            &context.windows_options,
        );
        for what in loose {
            want(OptIn::Privileged, true, format!("spec.securityContext.{what}"));
        }
        let sysctls = context.sysctls.iter().flatten().next();
        want(
            OptIn::Privileged,
            sysctls.is_some(),
            "spec.securityContext.sysctls changes the kernel's settings".to_owned(),
        );
    }
    for (annotation, profile) in
        template.metadata.iter().flat_map(|metadata| metadata.annotations.iter().flatten())
    {
        let confined =
            profile.is_empty() || profile == "runtime/default" || profile.starts_with("localhost/");
        let apparmor = annotation.starts_with(APPARMOR_ANNOTATION) && !confined;
        want(OptIn::Privileged, apparmor, format!("annotation {annotation} is {profile}"));
    }
    for container in containers(pod) {
        let name = &container.name;
        want(
            OptIn::Hostnetwork,
            asks_a_host(container),
            format!("container {name} has the node connect to a host (probe or lifecycle)"),
        );
        let host_port = container
            .ports
            .iter()
            .flatten()
            .any(|port| port.host_port.is_some_and(|port| port != 0));
        want(
            OptIn::Hostnetwork,
            host_port,
            format!("container {name} takes a port of the node (hostPort)"),
        );
        let Some(context) = &container.security_context else { continue };
        let root = context.run_as_user == Some(0) || context.run_as_non_root == Some(false);
        want(OptIn::Root, root, format!("container {name} runs as root"));
        want(
            OptIn::Privileged,
            context.privileged == Some(true),
            format!("container {name} is privileged"),
        );
        let escalation = context.allow_privilege_escalation == Some(true);
        want(
            OptIn::Privileged,
            escalation,
            format!("container {name} may gain privileges (allowPrivilegeEscalation)"),
        );
        let loose = loosened(
            &context.seccomp_profile,
            &context.app_armor_profile,
            &context.se_linux_options,
            &context.windows_options,
        );
        for what in loose {
            want(OptIn::Privileged, true, format!("container {name}: {what}"));
        }
        let proc_mount = context.proc_mount.as_deref().is_some_and(|mount| mount != "Default");
        want(
            OptIn::Privileged,
            proc_mount,
            format!("container {name} sees all of /proc (procMount)"),
        );
        let drops = context.capabilities.iter().find_map(|capabilities| capabilities.drop.as_ref());
        let keeps = drops.is_some_and(|drops| drops.iter().all(|dropped| dropped != "ALL"));
        want(
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
            want(opt_in, true, format!("container {name} adds the capability {capability}"));
        }
        let writes = read_only_root && context.read_only_root_filesystem == Some(false);
        want(
            OptIn::WriteRoot,
            writes,
            format!(
                "container {name} writes to its root file system (readOnlyRootFilesystem: false)"
            ),
        );
    }
    found
}

/// What a volume is, if neither the restricted profile nor [`OptIn::Hostpath`]'s own check knows it.
fn unclaimed(volume: &Volume) -> Option<String> {
    let fields = serde_json::to_value(volume)
        .expect("a volume that was read from JSON can be written as JSON");
    let known = |field: &str| matches!(field, "name" | "hostPath") || VOLUMES.contains(&field);
    fields.as_object()?.keys().find(|field| !known(field)).cloned()
}

/// What of a security context loosens the walls around a container: these fields a Pod's has as well as a container's.
fn loosened(
    seccomp: &Option<SeccompProfile>,
    apparmor: &Option<AppArmorProfile>,
    selinux: &Option<SELinuxOptions>,
    windows: &Option<WindowsSecurityContextOptions>,
) -> Vec<&'static str> {
    let named = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let relabelled = |options: &SELinuxOptions| {
        named(&options.user)
            || named(&options.role)
            || !SELINUX_TYPES.contains(&options.type_.as_deref().unwrap_or_default())
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
            "seLinuxOptions names a user, a role or a type that is not a container's",
        ),
        (
            windows.as_ref().is_some_and(|options| options.host_process == Some(true)),
            "windowsOptions.hostProcess makes it the node's own",
        ),
    ];
    found.into_iter().filter_map(|(is, what)| is.then_some(what)).collect()
}

/// Whether a probe or a handler names a host. It is the node that connects to it, from its own network.
fn asks_a_host(container: &Container) -> bool {
    let probes = [&container.liveness_probe, &container.readiness_probe, &container.startup_probe]
        .into_iter()
        .flatten();
    let handlers = container
        .lifecycle
        .iter()
        .flat_map(|lifecycle| [&lifecycle.post_start, &lifecycle.pre_stop])
        .flatten();
    let asked = probes.map(|probe| (&probe.http_get, &probe.tcp_socket));
    let asked = asked.chain(handlers.map(|handler| (&handler.http_get, &handler.tcp_socket)));
    let hosts = asked.flat_map(|(http, tcp)| {
        [
            http.as_ref().and_then(|http| http.host.as_deref()),
            tcp.as_ref().and_then(|tcp| tcp.host.as_deref()),
        ]
    });
    hosts.flatten().any(|host| !host.is_empty())
}

fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    pod.containers.iter().chain(pod.init_containers.iter().flatten())
}

/// The sentence for what is refused.
#[must_use]
pub fn refusal(violations: &[Violation], namespace: &str, honoured: &Allowed) -> String {
    let what: Vec<&str> = violations.iter().map(|violation| violation.what.as_str()).collect();
    let opt_ins: BTreeSet<OptIn> = violations.iter().map(|violation| violation.opt_in).collect();
    format!("{}; {}", what.join("; "), remedy(opt_ins, namespace, honoured))
}

/// How these are allowed, or that they cannot be.
#[must_use]
pub fn remedy(opt_ins: BTreeSet<OptIn>, namespace: &str, honoured: &Allowed) -> String {
    let list =
        |opt_ins: Vec<OptIn>| opt_ins.into_iter().map(OptIn::as_str).collect::<Vec<_>>().join(",");
    let never: Vec<OptIn> = opt_ins.difference(honoured).copied().collect();
    if never.is_empty() {
        let all = list(opt_ins.into_iter().collect());
        format!(
            "change the template, or let the administrator of the namespace allow it: kubectl annotate namespace {namespace} \
             --overwrite {ALLOW_ANNOTATION}={all} (with what is allowed there already, separated by commas), and create the object anew"
        )
    } else {
        format!(
            "change the template: the operator's configuration (pods.opt_ins) lets no namespace allow {}",
            list(never)
        )
    }
}

/// Fill what the Pod leaves unset with the restricted profile, loosened by what the namespace allows.
pub fn harden(pod: &mut PodSpec, allowed: &Allowed, read_only_root: bool) {
    pod.automount_service_account_token.get_or_insert(false);
    // Variables for each Service of the namespace: in a namespace with thousands of jobs they would not fit.
    pod.enable_service_links.get_or_insert(false);
    let context = pod.security_context.get_or_insert_default();
    context.seccomp_profile.get_or_insert_with(runtime_default);
    let as_root = context.run_as_user == Some(0) || context.run_as_non_root == Some(false);
    if !allowed.contains(&OptIn::Root) {
        context.run_as_non_root.get_or_insert(true);
    }
    let any_user = allowed.contains(&OptIn::Root) && context.run_as_non_root != Some(true);
    for container in pod.containers.iter_mut().chain(pod.init_containers.iter_mut().flatten()) {
        let context = container.security_context.get_or_insert_default();
        let baseline = as_root || (any_user && context.run_as_non_root != Some(true));
        confine(context, baseline, read_only_root && !allowed.contains(&OptIn::WriteRoot));
    }
}

/// The same for one container. With `baseline`, it keeps the capabilities that its runtime gives to root.
pub fn confine(context: &mut SecurityContext, baseline: bool, read_only_root: bool) {
    if context.privileged == Some(true) {
        return;
    }
    // Kubernetes refuses the two together.
    let adds_admin = context
        .capabilities
        .iter()
        .flat_map(|capabilities| capabilities.add.iter().flatten())
        .any(|added| added == "SYS_ADMIN" || added == "CAP_SYS_ADMIN");
    if !adds_admin {
        context.allow_privilege_escalation.get_or_insert(false);
    }
    if !baseline {
        let capabilities: &mut Capabilities = context.capabilities.get_or_insert_default();
        capabilities.drop.get_or_insert_with(|| vec!["ALL".to_owned()]);
    }
    if read_only_root {
        context.read_only_root_filesystem.get_or_insert(true);
    }
}

/// Of every resource that `resources` does not mention: request and limit as given.
pub fn ration(
    resources: &mut ResourceRequirements,
    requests: &BTreeMap<String, String>,
    limits: &BTreeMap<String, String>,
) {
    let mentioned: BTreeSet<String> = [&resources.requests, &resources.limits]
        .into_iter()
        .flatten()
        .flat_map(BTreeMap::keys)
        .cloned()
        .collect();
    let silent = |amounts: &BTreeMap<String, String>| {
        let silent = amounts.iter().filter(|(resource, _)| !mentioned.contains(*resource));
        silent
            .map(|(resource, amount)| (resource.clone(), Quantity(amount.clone())))
            .collect::<BTreeMap<_, _>>()
    };
    for (into, amounts) in
        [(&mut resources.requests, silent(requests)), (&mut resources.limits, silent(limits))]
    {
        if !amounts.is_empty() {
            into.get_or_insert_default().extend(amounts);
        }
    }
}

/// Whether the memory of some container is limited by configuration, and not by the template.
#[must_use]
pub fn limits_memory(template: &PodTemplateSpec, limits: &BTreeMap<String, String>) -> bool {
    let mentions = |amounts: &Option<BTreeMap<String, Quantity>>| {
        amounts.as_ref().is_some_and(|amounts| amounts.contains_key(MEMORY))
    };
    let silent = |container: &Container| {
        container
            .resources
            .as_ref()
            .is_none_or(|resources| !mentions(&resources.requests) && !mentions(&resources.limits))
    };
    limits.contains_key(MEMORY) && template.spec.iter().flat_map(containers).any(silent)
}

const MEMORY: &str = "memory";

/// The container runtime's own filter of system calls.
#[must_use]
pub fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(spec: &str) -> PodTemplateSpec {
        let spec: PodSpec = serde_yaml_ng::from_str(spec).unwrap();
        PodTemplateSpec { metadata: None, spec: Some(spec) }
    }

    fn all() -> Allowed {
        OptIn::ALL.into_iter().collect()
    }

    #[test]
    fn i23_what_would_bypass_the_authors_own_rights_is_refused_unless_allowed() {
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
            let found = violations(&template, &Allowed::new(), true);
            assert!(found.iter().any(|violation| violation.opt_in == opt_in), "{spec}: {found:?}");
            assert!(
                refusal(&found, "n", &all())
                    .contains(&format!("{ALLOW_ANNOTATION}={}", opt_in.as_str())),
                "{spec}"
            );
            assert!(refusal(&found, "n", &Allowed::new()).contains("pods.opt_ins"), "{spec}");
            assert_eq!(violations(&template, &all(), true), [], "{spec}");
        }
    }

    #[test]
    fn i23_an_annotation_loosens_no_more_than_a_field() {
        let annotated = |profile: &str| {
            let mut template = template("{containers: [{name: a}]}");
            let annotations =
                BTreeMap::from([(format!("{APPARMOR_ANNOTATION}a"), profile.to_owned())]);
            template.metadata.get_or_insert_default().annotations = Some(annotations);
            violations(&template, &Allowed::new(), true)
                .into_iter()
                .map(|violation| violation.opt_in)
                .collect::<Vec<_>>()
        };
        assert_eq!(annotated("unconfined"), [OptIn::Privileged]);
        assert_eq!((annotated("runtime/default"), annotated("localhost/p")), (vec![], vec![]));
    }

    #[test]
    fn a_volume_that_is_refused_is_called_by_its_kind_with_what_to_use() {
        let found = violations(
            &template("{containers: [{name: a}], volumes: [{name: v, nfs: {server: s, path: /}}]}"),
            &Allowed::new(),
            true,
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].what.contains("volume v is nfs")
                && found[0].what.contains("persistentVolumeClaim"),
            "{found:?}"
        );
    }

    #[test]
    fn an_ordinary_template_needs_no_leave() {
        for spec in [
            "{containers: [{name: a, image: x, securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}], serviceAccountName: default}",
            "{containers: [{name: a, securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}, seLinuxOptions: {level: 's0:c1,c2'}}}], \
             securityContext: {seLinuxOptions: {type: container_t}}}",
            "{containers: [{name: a, livenessProbe: {httpGet: {port: 80}}, readinessProbe: {tcpSocket: {host: '', port: 80}}}]}",
            "{containers: [{name: a}], volumes: [{name: silent}, {name: b, configMap: {name: m}}, {name: c, csi: {driver: d}}, \
             {name: d, downwardAPI: {}}, {name: e, emptyDir: {}}, {name: f, ephemeral: {}}, {name: g, image: {reference: r}}, \
             {name: h, persistentVolumeClaim: {claimName: p}}, {name: i, projected: {sources: []}}, {name: j, secret: {secretName: s}}]}",
        ] {
            assert_eq!(violations(&template(spec), &Allowed::new(), true), [], "{spec}");
        }
    }

    #[test]
    fn i22_silence_is_filled_with_the_restricted_profile() {
        let mut pod =
            template("{containers: [{name: a}], initContainers: [{name: b}]}").spec.unwrap();
        harden(&mut pod, &Allowed::new(), true);
        assert_eq!(
            (pod.automount_service_account_token, pod.enable_service_links),
            (Some(false), Some(false))
        );
        let context = pod.security_context.as_ref().unwrap();
        assert_eq!(
            (context.run_as_non_root, context.seccomp_profile.as_ref()),
            (Some(true), Some(&runtime_default()))
        );
        for container in containers(&pod) {
            let context = container.security_context.as_ref().unwrap();
            assert_eq!(context.allow_privilege_escalation, Some(false));
            assert_eq!(context.read_only_root_filesystem, Some(true));
            assert_eq!(
                context.capabilities.as_ref().unwrap().drop.as_deref(),
                Some(["ALL".to_owned()].as_slice())
            );
        }
    }

    #[test]
    fn what_the_template_says_stays() {
        let spec = "{containers: [{name: a, securityContext: {readOnlyRootFilesystem: false, capabilities: {drop: [NET_RAW]}}}], \
                    securityContext: {runAsNonRoot: true, seccompProfile: {type: Localhost, localhostProfile: p}}, enableServiceLinks: true}";
        let mut pod = template(spec).spec.unwrap();
        harden(&mut pod, &all(), true);
        assert_eq!(pod.enable_service_links, Some(true));
        assert_eq!(
            pod.security_context.as_ref().unwrap().seccomp_profile.as_ref().unwrap().type_,
            "Localhost"
        );
        let context = pod.containers[0].security_context.as_ref().unwrap();
        assert_eq!(context.read_only_root_filesystem, Some(false));
        assert_eq!(
            context.capabilities.as_ref().unwrap().drop.as_deref(),
            Some(["NET_RAW".to_owned()].as_slice())
        );
    }

    #[test]
    fn where_root_is_allowed_an_image_that_runs_as_root_keeps_what_root_needs() {
        let mut pod = template("{containers: [{name: a}]}").spec.unwrap();
        harden(&mut pod, &Allowed::from([OptIn::Root]), true);
        assert_eq!(pod.security_context.as_ref().unwrap().run_as_non_root, None);
        let context = pod.containers[0].security_context.as_ref().unwrap();
        assert_eq!(
            (context.capabilities.as_ref(), context.allow_privilege_escalation),
            (None, Some(false))
        );
        assert_eq!(context.read_only_root_filesystem, Some(true), "each opt-in is its own");
    }

    #[test]
    fn i22_a_resource_that_the_template_does_not_mention_is_requested_and_limited() {
        let amounts =
            |text: &str| serde_yaml_ng::from_str::<BTreeMap<String, String>>(text).unwrap();
        let (requests, limits) = (amounts("{cpu: 100m, memory: 1Gi}"), amounts("{memory: 2Gi}"));
        let rationed = |text: &str| {
            let mut resources = serde_yaml_ng::from_str(text).unwrap();
            ration(&mut resources, &requests, &limits);
            serde_json::to_value(resources).unwrap()
        };
        let both = serde_json::json!({"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}});
        assert_eq!(rationed("{}"), both);
        let own = serde_json::json!({"requests": {"cpu": "100m", "memory": "9Gi"}});
        assert_eq!(
            rationed("{requests: {memory: 9Gi}}"),
            own,
            "a limit below what it asks for would be refused"
        );
        assert!(limits_memory(&template("{containers: [{name: a}]}"), &limits));
        assert!(!limits_memory(
            &template("{containers: [{name: a, resources: {limits: {memory: 1Gi}}}]}"),
            &limits
        ));
        assert!(!limits_memory(&template("{containers: [{name: a}]}"), &BTreeMap::new()));
    }

    #[test]
    fn a_namespace_allows_only_what_the_operator_honours() {
        let honoured = Allowed::from([OptIn::Root, OptIn::Hostpath]);
        assert_eq!(allowed(Some("root, privileged,sudo"), &honoured), Allowed::from([OptIn::Root]));
        assert_eq!(allowed(None, &honoured), Allowed::new());
    }
}
