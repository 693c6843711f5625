//! Rejected properties of Pods, and their permission by an administrator.

use flow_crd::{IflearnerJobStatus, Phase, condition};
use flow_operator::gateway_api::GrpcRoute;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Container};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::support::{CLIENT, SERVER, World, eventually, manifest};

#[tokio::test]
async fn i17_client_waits_for_its_certificates_and_reports_the_command_that_creates_them() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(CLIENT, "a", json!({}))).await.unwrap();
    let status = world
        .until("a", "a reason", |status| status.reason.as_deref() == Some("CertificatesMissing"))
        .await;
    assert_eq!(status.phase, Some(Phase::Pending));
    let found = status.condition(condition::CERTIFICATES_READY).unwrap();
    assert!(
        found.status == "False"
            && found.message.contains("kubectl create configmap server-iflearner-crt"),
        "{found:?}"
    );
    assert_eq!(world.all::<Job>().await.len(), 0, "no Pod stays in ContainerCreating");
    world.event("a", "CertificatesMissing").await;
    world.trust_roots().await;
    let status = world.until("a", "its Job", |status| status.job.is_some()).await;
    assert!(status.is_true(condition::CERTIFICATES_READY));
    world.live("a", 0).await;
}

#[tokio::test]
async fn i17_config_map_without_the_key_counts_as_missing() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "roots"}, "data": {"other": "x"}}))
            .unwrap();
    world.api().create(&PostParams::default(), &map).await.unwrap();
    let both = |name: &str| json!({"configMap": name});
    world
        .create(&manifest(
            CLIENT,
            "a",
            json!({"certificates": {"server": both("roots"), "party": both("roots")}}),
        ))
        .await
        .unwrap();
    let status = world.until("a", "a reason", |status| status.reason.is_some()).await;
    assert!(status.message.unwrap().contains("has no key server-iflearner-secret.crt"));
    world.delete::<ConfigMap>("roots", &DeleteParams::default()).await;
    world
        .create(&manifest(CLIENT, "none", json!({"certificates": {"disabled": true}})))
        .await
        .unwrap();
    world.recorded("none").await;
    world
        .create(&manifest(
            CLIENT,
            "secret",
            json!({"certificates": {"server": {"secret": "s"}, "party": {"secret": "s"}}}),
        ))
        .await
        .unwrap();
    let status = world.until("secret", "its Job", |status| status.job.is_some()).await;
    let found = status.condition(condition::CERTIFICATES_READY).unwrap();
    assert_eq!((found.status.as_str(), found.reason.as_str()), ("Unknown", "NotChecked"));
}

#[tokio::test]
async fn i20_job_that_authenticates_clients_is_exposed_only_by_a_gateway_that_does() {
    let world = World::new().await;
    // The field is in the standard channel of the Gateway API since 1.5.
    let keep = json!([{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-preserve-unknown-fields", "value": true}]);
    let definition = "crd/gateways.gateway.networking.k8s.io";
    world
        .cluster
        .kubectl_ok(&["patch", definition, "--type=json", "--patch", &keep.to_string()])
        .await;
    let _operator = world.operator(&[("exposure.gateway.name", "edge")]).await;
    let asks = json!({"exposure": {"authenticateClients": true}});
    world.create(&manifest(SERVER, "a", asks)).await.unwrap();
    let refused = |status: &IflearnerJobStatus| {
        status
            .condition(condition::EXPOSED)
            .is_some_and(|found| found.reason == "ClientsNotAuthenticated")
    };
    let status = world.until("a", "no Gateway", refused).await;
    assert!(
        status
            .condition(condition::EXPOSED)
            .unwrap()
            .message
            .contains(&format!("Gateway {}/edge does not exist", world.namespace))
    );
    assert!(status.endpoint.unwrap().ends_with(".svc:80"), "it is reached inside the cluster only");

    let gateway = |tls: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "edge", "namespace": world.namespace},
            "spec": {"gatewayClassName": "c", "tls": tls, "listeners": [{"name": "grpc", "port": 443, "protocol": "HTTPS",
                "tls": {"mode": "Terminate", "certificateRefs": [{"name": "server-iflearner-secret"}]}}]}})
    };
    // The API server applies a changed definition with a delay.
    eventually("the field", async || {
        world
            .would_create(gateway(json!({})))
            .await
            .is_ok_and(|made| made.data["spec"]["tls"].is_object())
    })
    .await;
    world.cluster.apply(&gateway(json!({})).to_string()).await;
    let is_unauthenticated = |status: &IflearnerJobStatus| {
        refused(status)
            && status
                .condition(condition::EXPOSED)
                .unwrap()
                .message
                .contains("does not request one")
    };
    world
        .create(&manifest(SERVER, "b", json!({"exposure": {"authenticateClients": true}})))
        .await
        .unwrap();
    world.until("b", "a Gateway without client certificates", is_unauthenticated).await;
    assert_eq!(world.all::<GrpcRoute>().await.len(), 0, "no way in without a certificate");
    world.create(&manifest(SERVER, "open", json!({}))).await.unwrap();
    world.found::<GrpcRoute>("open", |_| true).await;

    let authority = json!({"frontend": {"default": {"validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "flow-authority"}]}}}});
    world.cluster.apply(&gateway(authority).to_string()).await;
    for name in ["a", "b"] {
        world.found::<GrpcRoute>(name, |_| true).await;
        world
            .until(name, "a route", |status| {
                status
                    .condition(condition::EXPOSED)
                    .is_some_and(|found| found.reason == "NotAccepted")
            })
            .await;
    }
    world.cluster.apply(&gateway(json!({"frontend": {"default": {}}})).to_string()).await;
    for name in ["a", "b"] {
        world.gone::<GrpcRoute>(name).await;
    }
    world.found::<GrpcRoute>("open", |_| true).await;
}

#[tokio::test]
async fn i20_ingress_has_the_client_annotations_or_is_not_created() {
    let (knows, does_not) = (World::new().await, World::new().await);
    let class = ("exposure.ingress.class", "c");
    let all = ("exposure.authenticate_clients", "true");
    let client_annotation =
        ("exposure.ingress.client_annotations.ask", "{namespace}/party-iflearner-secret");
    let _operators = [
        knows.operator(&[class, all, client_annotation]).await,
        does_not.operator(&[class, all]).await,
    ];
    for world in [&knows, &does_not] {
        world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    }
    let ingress: Ingress = knows.found("a", |_| true).await;
    assert_eq!(ingress.annotations()["ask"], format!("{}/party-iflearner-secret", knows.namespace));
    let refused = |status: &IflearnerJobStatus| {
        status
            .condition(condition::EXPOSED)
            .is_some_and(|found| found.reason == "ClientsNotAuthenticated")
    };
    let status = does_not.until("a", "no way to ask", refused).await;
    assert!(
        status
            .condition(condition::EXPOSED)
            .unwrap()
            .message
            .contains("exposure.ingress.client_annotations")
    );
    assert_eq!(does_not.all::<Ingress>().await.len(), 0);
}

#[tokio::test]
async fn i20_job_can_have_a_key_pair_and_only_listed_namespaces_can_connect() {
    let world = World::new().await;
    let _operator = world.operator(&[("network_policy.from_namespaces", r#"["edge"]"#)]).await;
    world
        .create(&manifest(
            SERVER,
            "a",
            json!({"certificates": {"keyPairSecretName": "party-iflearner-secret"}}),
        ))
        .await
        .unwrap();
    let pod = world.pod("a").await.spec.unwrap();
    let mounted = pod.containers[0].volume_mounts.as_ref().unwrap();
    assert!(
        mounted.iter().any(|mount| mount.mount_path == "/etc/iflearner-certificates"
            && mount.read_only == Some(true))
    );
    assert!(mounted.iter().all(|mount| !mount.mount_path.starts_with("/etc/tls.")), "only there");
    let volume =
        pod.volumes.unwrap().into_iter().find(|volume| volume.name == "flow-certificates").unwrap();
    let files: Vec<(String, String)> = volume
        .projected
        .unwrap()
        .sources
        .unwrap()
        .into_iter()
        .filter_map(|source| source.secret)
        .flat_map(|secret| {
            secret.items.unwrap().into_iter().map(move |item| (secret.name.clone(), item.path))
        })
        .collect();
    assert_eq!(
        files,
        ["tls.crt", "tls.key"].map(|file| ("party-iflearner-secret".to_owned(), file.to_owned()))
    );
    let policy: NetworkPolicy = world.found("a", |_| true).await;
    let from = serde_json::to_value(&policy.spec.unwrap().ingress.unwrap()[0].from).unwrap();
    let edge = json!({"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["edge"]}]}});
    assert_eq!(from, json!([{"podSelector": {}}, edge]));
}

#[tokio::test]
async fn i22_container_without_resources_gets_the_operators_defaults() {
    let world = World::new().await;
    let _operator = world.operator(&[("pods.limits.memory", "2Gi")]).await;
    let own = json!({"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x", "resources": {"limits": {"memory": "1Gi"}}}]}});
    world
        .create(&manifest(SERVER, "a", json!({"template": own, "sidecar": {"image": "x"}})))
        .await
        .unwrap();
    let pod = world.pod("a").await.spec.unwrap();
    let resources = |container: &Container| serde_json::to_value(&container.resources).unwrap();
    let given =
        json!({"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}});
    assert_eq!(resources(&pod.containers[0]), given);
    let kept = json!({"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}});
    assert_eq!(resources(&pod.containers[1]), kept, "the values of the template are kept");
    assert_eq!(
        resources(&pod.init_containers.unwrap()[0]),
        given,
        "the sidecar too: a quota on limits would refuse the Pod otherwise"
    );
}

#[tokio::test]
async fn i22_pods_pass_the_restricted_pod_security_profile() {
    let world = World::new().await;
    world
        .cluster
        .kubectl_ok(&[
            "label",
            "namespace",
            &world.namespace,
            "pod-security.kubernetes.io/enforce=restricted",
        ])
        .await;
    let lax = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lax"}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    eventually("the profile", async || {
        world.would_create(lax.clone()).await.is_err_and(|error| error.contains("PodSecurity"))
    })
    .await;
    let _operator = world.operator(&[]).await;
    world.trust_roots().await;
    world.create(&manifest(CLIENT, "a", json!({"sidecar": {"image": "x"}}))).await.unwrap();
    // Admission rejects any other Pod.
    let pod = world.pod("a").await.spec.unwrap();
    assert_eq!(
        (pod.automount_service_account_token, pod.enable_service_links),
        (Some(false), Some(false))
    );
    assert!(pod.volumes.unwrap().iter().all(|volume| volume.name != "kube-api-access"), "no token");
}

#[tokio::test]
async fn i23_template_without_permission_is_rejected_and_runs_after_the_opt_in() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let data = json!({"spec": {
        "volumes": [{"name": "data", "hostPath": {"path": "/srv/data", "type": "Directory"}}],
        "containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]
    }});
    world.create(&manifest(SERVER, "a", json!({"template": data}))).await.unwrap();
    let status = world.until("a", "a rejection", |status| status.is_true(condition::FAILED)).await;
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Failed), Some("NotAllowed")));
    let remedy = format!(
        "kubectl annotate namespace {} --overwrite flow-operator/allow=hostpath",
        world.namespace
    );
    assert!(status.message.as_ref().unwrap().contains(&remedy), "{status:?}");
    assert!(world.event("a", "NotAllowed").await.contains("volume data"));
    assert_eq!(world.all::<Job>().await.len(), 0);
    world.allow("root,hostpath").await;
    world.create(&manifest(SERVER, "b", json!({"template": data}))).await.unwrap();
    let job = world.recorded("b").await;
    let pod = job.spec.unwrap().template.spec.unwrap();
    assert_eq!(
        pod.security_context.unwrap().run_as_non_root,
        None,
        "the image decides, as with the original"
    );
    world.live("b", 0).await;
}

#[tokio::test]
async fn i23_template_outside_the_restricted_profile_is_rejected() {
    let world = World::new().await;
    world
        .cluster
        .kubectl_ok(&[
            "label",
            "namespace",
            &world.namespace,
            "pod-security.kubernetes.io/enforce=restricted",
        ])
        .await;
    let _operator = world.operator(&[]).await;
    let restricted = json!({
        "metadata": {"annotations": {}},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {"name": "a", "image": "x", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}
            ]
        }
    });
    let pod = |template: &Value| {
        let metadata = json!({"name": "p", "annotations": template["metadata"]["annotations"]});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    };
    let rows = [
        (
            "/metadata/annotations",
            "container.apparmor.security.beta.kubernetes.io/a",
            json!("unconfined"),
        ),
        ("/spec", "hostPID", json!(true)),
        ("/spec", "volumes", json!([{"name": "v", "nfs": {"server": "s", "path": "/"}}])),
        ("/spec", "volumes", json!([{"name": "v", "flexVolume": {"driver": "a/b"}}])),
        ("/spec/securityContext", "seLinuxOptions", json!({"type": "spc_t"})),
        ("/spec/securityContext", "seccompProfile", json!({"type": "Unconfined"})),
        ("/spec/securityContext", "appArmorProfile", json!({"type": "Unconfined"})),
        ("/spec/securityContext", "sysctls", json!([{"name": "kernel.msgmax", "value": "1"}])),
        ("/spec/securityContext", "runAsUser", json!(0)),
        ("/spec/containers/0", "ports", json!([{"containerPort": 1, "hostPort": 1}])),
        (
            "/spec/containers/0",
            "livenessProbe",
            json!({"tcpSocket": {"host": "10.0.0.1", "port": 1}}),
        ),
        ("/spec/containers/0/securityContext", "seLinuxOptions", json!({"user": "system_u"})),
        ("/spec/containers/0/securityContext", "seLinuxOptions", json!({"role": "system_r"})),
        ("/spec/containers/0/securityContext", "capabilities", json!({"drop": ["NET_RAW"]})),
        (
            "/spec/containers/0/securityContext",
            "capabilities",
            json!({"drop": ["ALL"], "add": ["CHOWN"]}),
        ),
    ];
    let loose: Vec<Value> = rows
        .iter()
        .map(|(at, field, value)| {
            let mut template = restricted.clone();
            template.pointer_mut(at).unwrap()[*field] = value.clone();
            template
        })
        .collect();
    // Waits until the policy is in force and the service account exists.
    eventually("the profile", async || {
        world.would_create(pod(&loose[1])).await.is_err_and(|error| error.contains("PodSecurity"))
    })
    .await;
    eventually("leave for the rest", async || world.would_create(pod(&restricted)).await.is_ok())
        .await;
    for (number, template) in loose.iter().enumerate() {
        let answer = world.would_create(pod(template)).await;
        assert!(
            answer.as_ref().is_err_and(|error| error.contains("PodSecurity")),
            "{:?}: {answer:?}",
            rows[number]
        );
        world
            .create(&manifest(SERVER, &format!("a{number}"), json!({"template": template})))
            .await
            .unwrap();
    }
    for (number, row) in rows.iter().enumerate() {
        let status = world
            .until(&format!("a{number}"), &format!("a refusal of {row:?}"), |status| {
                status.phase == Some(Phase::Failed)
            })
            .await;
        assert_eq!(status.reason.as_deref(), Some("NotAllowed"), "{row:?}");
    }
    assert_eq!(world.all::<Job>().await.len(), 0);
}

#[tokio::test]
async fn i23_configuration_limits_the_permissions_of_a_namespace() {
    let world = World::new().await;
    let _operator = world.operator(&[("pods.opt_ins", "[\"root\"]")]).await;
    world.allow("privileged,root").await;
    let privileged = json!({"spec": {"containers": [{"name": "a", "image": "x", "securityContext": {"privileged": true}}]}});
    world.create(&manifest(SERVER, "a", json!({"template": privileged}))).await.unwrap();
    let status = world.until("a", "a rejection", |status| status.is_true(condition::FAILED)).await;
    assert!(status.message.unwrap().contains("pods.opt_ins"));
}

#[tokio::test]
async fn i23_image_that_runs_as_root_fails_and_leaves_no_child() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let job = world.recorded("a").await.metadata.name.unwrap();
    let pod = world.pod("a").await;
    let waiting = json!([{"name": "aggregator", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "container has runAsNonRoot and image will run as root (pod: \"a\")"}}}]);
    world.set_pod(&pod, json!({"containerStatuses": waiting, "conditions": [{"type": "PodScheduled", "status": "True"}]})).await;
    let status = world.until("a", "a rejection", |status| status.is_true(condition::FAILED)).await;
    assert_eq!(status.reason.as_deref(), Some("RunsAsRoot"));
    assert!(status.message.unwrap().contains("flow-operator/allow=root"));
    world.gone::<Job>(&job).await;
}
