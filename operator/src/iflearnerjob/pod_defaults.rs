//! The security and resource defaults of Pods: fields that a template leaves unset get the restricted
//! Pod security profile and the operator's requests and limits.

use std::collections::{BTreeMap, BTreeSet};

use flow_crd::OptIn;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile,
    SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::pod_security::{AllowedOptIns, containers};

const MEMORY: &str = "memory";

/// Sets the fields that the Pod leaves unset to the restricted profile, minus the permissions of
/// the namespace.
pub fn apply_restricted_profile(pod: &mut PodSpec, allowed: &AllowedOptIns, read_only_root: bool) {
    pod.automount_service_account_token.get_or_insert(false);
    // In a namespace with thousands of jobs the environment variables for their Services would
    // exceed its size limit.
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
        restrict_container(
            context,
            baseline,
            read_only_root && !allowed.contains(&OptIn::WriteRoot),
        );
    }
}

/// Sets the unset fields of one container. With `baseline` the container keeps the capabilities
/// that its runtime grants to root.
pub fn restrict_container(context: &mut SecurityContext, baseline: bool, read_only_root: bool) {
    if context.privileged == Some(true) {
        return;
    }
    // Kubernetes rejects allowPrivilegeEscalation: false together with this capability.
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

/// Sets the default request and limit of every resource that `resources` does not name.
pub fn set_default_resources(
    resources: &mut ResourceRequirements,
    requests: &BTreeMap<String, String>,
    limits: &BTreeMap<String, String>,
) {
    let named: BTreeSet<String> = [&resources.requests, &resources.limits]
        .into_iter()
        .flatten()
        .flat_map(BTreeMap::keys)
        .cloned()
        .collect();
    let defaults = |amounts: &BTreeMap<String, String>| {
        let unnamed = amounts.iter().filter(|(resource, _)| !named.contains(*resource));
        unnamed
            .map(|(resource, amount)| (resource.clone(), Quantity(amount.clone())))
            .collect::<BTreeMap<_, _>>()
    };
    for (into, amounts) in
        [(&mut resources.requests, defaults(requests)), (&mut resources.limits, defaults(limits))]
    {
        if !amounts.is_empty() {
            into.get_or_insert_default().extend(amounts);
        }
    }
}

/// Returns whether the memory limit of a container comes from the configuration and not from the
/// template.
#[must_use]
pub fn has_default_memory_limit(
    template: &PodTemplateSpec,
    limits: &BTreeMap<String, String>,
) -> bool {
    let names_memory = |amounts: &Option<BTreeMap<String, Quantity>>| {
        amounts.as_ref().is_some_and(|amounts| amounts.contains_key(MEMORY))
    };
    let is_unnamed = |container: &Container| {
        container.resources.as_ref().is_none_or(|resources| {
            !names_memory(&resources.requests) && !names_memory(&resources.limits)
        })
    };
    limits.contains_key(MEMORY) && template.spec.iter().flat_map(containers).any(is_unnamed)
}

/// Returns the seccomp profile of the container runtime.
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

    #[test]
    fn i22_unset_fields_get_the_restricted_profile() {
        let mut pod =
            template("{containers: [{name: a}], initContainers: [{name: b}]}").spec.unwrap();
        apply_restricted_profile(&mut pod, &AllowedOptIns::new(), true);
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
    fn fields_of_the_template_are_kept() {
        let spec = "{containers: [{name: a, securityContext: {readOnlyRootFilesystem: false, capabilities: {drop: [NET_RAW]}}}], \
                    securityContext: {runAsNonRoot: true, seccompProfile: {type: Localhost, localhostProfile: p}}, enableServiceLinks: true}";
        let mut pod = template(spec).spec.unwrap();
        apply_restricted_profile(&mut pod, &OptIn::ALL.into_iter().collect(), true);
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
    fn root_keeps_its_default_capabilities_where_it_is_allowed() {
        let mut pod = template("{containers: [{name: a}]}").spec.unwrap();
        apply_restricted_profile(&mut pod, &AllowedOptIns::from([OptIn::Root]), true);
        assert_eq!(pod.security_context.as_ref().unwrap().run_as_non_root, None);
        let context = pod.containers[0].security_context.as_ref().unwrap();
        assert_eq!(
            (context.capabilities.as_ref(), context.allow_privilege_escalation),
            (None, Some(false))
        );
        assert_eq!(context.read_only_root_filesystem, Some(true), "each permission is separate");
    }

    #[test]
    fn i22_unnamed_resource_gets_the_default_request_and_limit() {
        let amounts =
            |text: &str| serde_yaml_ng::from_str::<BTreeMap<String, String>>(text).unwrap();
        let (requests, limits) = (amounts("{cpu: 100m, memory: 1Gi}"), amounts("{memory: 2Gi}"));
        let with_defaults = |text: &str| {
            let mut resources = serde_yaml_ng::from_str(text).unwrap();
            set_default_resources(&mut resources, &requests, &limits);
            serde_json::to_value(resources).unwrap()
        };
        let both = serde_json::json!({"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}});
        assert_eq!(with_defaults("{}"), both);
        let own = serde_json::json!({"requests": {"cpu": "100m", "memory": "9Gi"}});
        assert_eq!(
            with_defaults("{requests: {memory: 9Gi}}"),
            own,
            "the API server rejects a limit below the request"
        );
        assert!(has_default_memory_limit(&template("{containers: [{name: a}]}"), &limits));
        assert!(!has_default_memory_limit(
            &template("{containers: [{name: a, resources: {limits: {memory: 1Gi}}}]}"),
            &limits
        ));
        assert!(!has_default_memory_limit(
            &template("{containers: [{name: a}]}"),
            &BTreeMap::new()
        ));
    }
}
