//! Children built from manifests, compared as the JSON that the API server receives.

use flow_crd::{IflearnerJob, OUTPUTS_DIR, SIDECAR_CONTAINER, UID_LABEL};
use serde_json::{Value, json};

use super::samples::{CLIENT, SERVER, job as parsed};
use super::{Desired, desired, job};
use crate::apis::Apis;
use crate::config::Config;
use crate::iflearnerjob::pod_security::AllowedOptIns;
use crate::iflearnerjob::validate::{self, Plan};

fn with(pairs: &[(&str, &str)]) -> Config {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    crate::config::load(None, pairs).unwrap().value
}

fn plan(object: &IflearnerJob, config: &Config) -> Plan {
    Plan::new(object, config, Apis { grpc_route: true, ingress: true })
}

fn children(object: &IflearnerJob, config: &Config) -> Desired {
    desired(&plan(object, config), config)
}

fn built(object: &IflearnerJob) -> Value {
    let config = Config::default();
    let pod_plan = validate::pod(object, AllowedOptIns::new(), &config).unwrap();
    serde_json::to_value(job(object, &plan(object, &config), &pod_plan)).unwrap()
}

fn spec_of(yaml: &str, more: &str) -> IflearnerJob {
    let mut value: Value = serde_yaml_ng::from_str(yaml).unwrap();
    let more: Value = serde_yaml_ng::from_str(more).unwrap();
    value["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

#[test]
fn service_of_a_server_has_both_ports_of_the_original_and_that_of_a_client_the_first() {
    let ports = |yaml: &str| {
        serde_json::to_value(
            children(&parsed(yaml), &Config::default()).service.spec.unwrap().ports,
        )
        .unwrap()
    };
    let grpc = json!({"name": "grpc", "port": 80, "targetPort": 50001, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"});
    let http = json!({"name": "http", "port": 82, "targetPort": 50002, "protocol": "TCP"});
    assert_eq!(ports(SERVER), json!([grpc, http]));
    assert_eq!(ports(CLIENT), json!([grpc]));
}

#[test]
fn every_child_has_the_object_as_its_controller() {
    let object = parsed(SERVER);
    let config = with(&[("exposure.gateway.name", "g")]);
    let Desired { network_policy, service, grpc_route, ingress } = children(&object, &config);
    assert_eq!(ingress, None);
    let job = built(&object);
    assert_eq!(job["metadata"]["ownerReferences"][0]["blockOwnerDeletion"], json!(true));
    for child in [json!(network_policy), json!(service), json!(grpc_route), job] {
        let owner = &child["metadata"]["ownerReferences"][0];
        assert_eq!(
            (&owner["kind"], &owner["uid"], &owner["controller"]),
            (&json!("IflearnerJob"), &json!(object.metadata.uid), &json!(true))
        );
        assert_eq!(child["metadata"]["labels"][UID_LABEL], json!(object.metadata.uid));
    }
}

#[test]
fn i06_template_metadata_is_kept_and_cannot_break_the_selector() {
    let object = parsed(CLIENT);
    let template = &built(&object)["spec"]["template"]["metadata"];
    assert_eq!(template["labels"]["team"], "a");
    assert_eq!(template["annotations"]["note"], "kept");
    assert_eq!(template["labels"]["app"], "iflearnerjob-client", "the operator's labels win");
    let selector =
        serde_json::to_value(children(&object, &Config::default()).service.spec.unwrap().selector)
            .unwrap();
    assert_eq!(selector, json!({UID_LABEL: object.metadata.uid}));
    assert_eq!(template["labels"][UID_LABEL], json!(object.metadata.uid));
}

#[test]
fn i11_job_runs_one_pod_at_a_time_and_once() {
    let job = &built(&parsed(SERVER))["spec"];
    assert_eq!((&job["backoffLimit"], &job["podReplacementPolicy"]), (&json!(0), &json!("Failed")));
    assert_eq!((&job["completions"], &job["parallelism"]), (&json!(1), &json!(1)));
    assert_eq!((&job["ttlSecondsAfterFinished"], &job["suspend"]), (&Value::Null, &Value::Null));
    assert_eq!(job["template"]["spec"]["restartPolicy"], "Never");
    let policy = "{runPolicy: {activeDeadlineSeconds: 60, backoffLimit: 2, suspend: true, ttlSecondsAfterFinished: 9}}";
    let job = &built(&spec_of(SERVER, policy))["spec"];
    assert_eq!(
        (&job["backoffLimit"], &job["activeDeadlineSeconds"], &job["suspend"]),
        (&json!(2), &json!(60), &json!(true))
    );
    assert_eq!(
        job["ttlSecondsAfterFinished"],
        Value::Null,
        "the retention is set after the end is recorded"
    );
    assert_eq!(job["template"]["spec"]["restartPolicy"], "OnFailure");
}

#[test]
fn i12_pod_has_the_named_scheduler() {
    let scheduler =
        |object: &IflearnerJob| built(object)["spec"]["template"]["spec"]["schedulerName"].clone();
    assert_eq!(scheduler(&spec_of(SERVER, "{schedulername: gang}")), "gang");
    assert_eq!(scheduler(&parsed(SERVER)), Value::Null);
    let mut both = spec_of(SERVER, "{schedulername: gang}");
    both.spec.template.spec.as_mut().unwrap().scheduler_name = Some("own".to_owned());
    assert_eq!(scheduler(&both), "own", "the template takes precedence");
}

#[test]
fn i17_every_container_has_the_certificates_at_the_old_paths_and_in_the_directory() {
    let pod = &built(&parsed(CLIENT))["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 2);
    for container in containers {
        let at = |path: &str| {
            container["volumeMounts"]
                .as_array()
                .unwrap()
                .iter()
                .find(|mount| mount["mountPath"] == path)
                .cloned()
                .unwrap()
        };
        for file in ["server-iflearner-secret.crt", "party-iflearner-secret.crt"] {
            let mount = at(&format!("/etc/{file}"));
            assert_eq!((&mount["subPath"], &mount["readOnly"]), (&json!(file), &json!(true)));
        }
        assert_eq!(at("/etc/iflearner-certificates")["subPath"], Value::Null);
    }
    let volume = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|volume| volume["name"] == "flow-certificates")
        .unwrap();
    let names: Vec<&Value> = volume["projected"]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| &source["configMap"]["name"])
        .collect();
    assert_eq!(names, ["server-iflearner-crt", "party-iflearner-crt"]);
    assert_eq!(
        built(&parsed(SERVER))["spec"]["template"]["spec"]["volumes"][0]["name"],
        "flow-tmp",
        "a server has none"
    );
}

#[test]
fn mounts_of_the_template_are_kept() {
    let mut object = parsed(CLIENT);
    let spec = object.spec.template.spec.as_mut().unwrap();
    spec.volumes = serde_yaml_ng::from_str("[{name: own, emptyDir: {}}]").unwrap();
    spec.containers[0].volume_mounts =
        serde_yaml_ng::from_str("[{name: own, mountPath: /tmp/}, {name: own, mountPath: /etc/server-iflearner-secret.crt, subPath: x}]")
            .unwrap();
    let job = built(&object);
    let mounts =
        job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    let of = |name: &str| {
        mounts
            .iter()
            .filter(|mount| mount["name"] == name)
            .map(|mount| mount["mountPath"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("own"), ["/tmp/", "/etc/server-iflearner-secret.crt"]);
    assert_eq!(of("flow-tmp"), [""; 0]);
    assert_eq!(
        of("flow-certificates"),
        ["/etc/iflearner-certificates", "/etc/party-iflearner-secret.crt"]
    );
}

#[test]
fn sidecar_runs_beside_the_workload_without_token_and_port() {
    let object = spec_of(
        SERVER,
        "{sidecar: {image: side, args: [--x], env: [{name: A, value: b}], resources: {limits: {cpu: 1}}}}",
    );
    let pod = &built(&object)["spec"]["template"]["spec"];
    let sidecar = &pod["initContainers"][0];
    assert_eq!(
        (&sidecar["name"], &sidecar["restartPolicy"], &sidecar["image"]),
        (&json!(SIDECAR_CONTAINER), &json!("Always"), &json!("side"))
    );
    assert_eq!((&sidecar["args"], &sidecar["ports"]), (&json!(["--x"]), &Value::Null));
    assert_eq!(sidecar["resources"]["limits"]["cpu"], "1");
    let context = &sidecar["securityContext"];
    assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(
        (
            &context["runAsNonRoot"],
            &context["allowPrivilegeEscalation"],
            &context["readOnlyRootFilesystem"]
        ),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(pod["automountServiceAccountToken"], json!(false));
    for container in [sidecar, &pod["containers"][0]] {
        assert!(
            container["volumeMounts"]
                .as_array()
                .unwrap()
                .iter()
                .any(|mount| mount["name"] == "flow-outputs" && mount["mountPath"] == OUTPUTS_DIR)
        );
    }
    let outputs = || {
        pod["volumes"].as_array().unwrap().iter().filter(|volume| volume["name"] == "flow-outputs")
    };
    assert_eq!(outputs().next().unwrap()["emptyDir"], json!({}));
}

#[test]
fn sidecar_shares_the_outputs_volume_of_the_template() {
    let mut object = spec_of(SERVER, "{sidecar: {image: side}}");
    let spec = object.spec.template.spec.as_mut().unwrap();
    spec.volumes = serde_yaml_ng::from_str(
        "[{name: flow-outputs, persistentVolumeClaim: {claimName: results}}]",
    )
    .unwrap();
    spec.containers[0].volume_mounts =
        serde_yaml_ng::from_str("[{name: flow-outputs, mountPath: /data}]").unwrap();
    let pod = &built(&object)["spec"]["template"]["spec"];
    let named = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|volume| volume["name"] == "flow-outputs")
        .count();
    assert_eq!(named, 1);
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    assert_eq!(
        mounts.iter().filter(|mount| mount["name"] == "flow-outputs").count(),
        1,
        "the mount of the template is kept"
    );
}

#[test]
fn i01_i27_ingress_uses_the_current_api_without_annotations_of_a_controller() {
    let config = with(&[("exposure.ingress.class", "haproxy")]);
    let ingress =
        serde_json::to_value(children(&parsed(SERVER), &config).ingress.unwrap()).unwrap();
    assert_eq!(ingress["apiVersion"], "networking.k8s.io/v1");
    assert_eq!(ingress["spec"]["ingressClassName"], "haproxy");
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!((&path["path"], &path["pathType"]), (&json!("/"), &json!("Prefix")));
    assert_eq!(
        path["backend"]["service"],
        json!({"name": "iflearnerjob-server", "port": {"name": "grpc"}})
    );
    assert_eq!(
        ingress["spec"]["tls"][0],
        json!({"hosts": ["job1.server.iflearner.com"], "secretName": "server-iflearner-secret"})
    );
    assert_eq!(
        ingress["metadata"]["annotations"].as_object().unwrap().len(),
        1,
        "the operator's own"
    );
    let annotated = with(&[
        ("exposure.ingress.class", "nginx"),
        ("exposure.ingress.annotations.\"nginx.ingress.kubernetes.io/backend-protocol\"", "GRPC"),
    ]);
    let ingress = children(&parsed(SERVER), &annotated).ingress.unwrap();
    assert_eq!(
        ingress.metadata.annotations.unwrap()["nginx.ingress.kubernetes.io/backend-protocol"],
        "GRPC"
    );
}

#[test]
fn grpc_route_attaches_to_the_configured_gateway() {
    let config = with(&[
        ("exposure.gateway.name", "edge"),
        ("exposure.gateway.namespace", "infra"),
        ("exposure.gateway.listener", "tls"),
    ]);
    let route =
        serde_json::to_value(children(&parsed(SERVER), &config).grpc_route.unwrap()).unwrap();
    assert_eq!(
        (&route["apiVersion"], &route["kind"]),
        (&json!("gateway.networking.k8s.io/v1"), &json!("GRPCRoute"))
    );
    let parent = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", "namespace": "infra", "sectionName": "tls"});
    assert_eq!(route["spec"]["parentRefs"], json!([parent]));
    assert_eq!(route["spec"]["hostnames"], json!(["job1.server.iflearner.com"]));
    assert_eq!(
        route["spec"]["rules"],
        json!([{"backendRefs": [{"name": "iflearnerjob-server", "namespace": "default", "port": 80, "weight": 1}], "matches": [], "filters": []}])
    );
}

#[test]
fn i22_network_policy_allows_only_the_ports_of_the_service() {
    let policy = |yaml: &str| {
        serde_json::to_value(children(&parsed(yaml), &Config::default()).network_policy.unwrap())
            .unwrap()["spec"]
            .clone()
    };
    let server = policy(SERVER);
    assert_eq!(
        server["podSelector"],
        json!({"matchLabels": {UID_LABEL: parsed(SERVER).metadata.uid}})
    );
    assert_eq!(server["policyTypes"], json!(["Ingress"]));
    assert_eq!(
        server["ingress"],
        json!([{"ports": [{"port": 50001, "protocol": "TCP"}, {"port": 50002, "protocol": "TCP"}]}])
    );
    assert_eq!(policy(CLIENT)["ingress"], json!([{"ports": [{"port": 50001, "protocol": "TCP"}]}]));
    let off = with(&[("network_policy.enabled", "false")]);
    assert_eq!(children(&parsed(SERVER), &off).network_policy, None);
}

#[test]
fn i28_ports_of_service_and_container_come_from_the_configuration() {
    let config = with(&[
        ("service.grpc_port", "8080"),
        ("service.grpc_target", "9090"),
        ("exposure.gateway.name", "g"),
    ]);
    let Desired { service, grpc_route, network_policy, .. } = children(&parsed(CLIENT), &config);
    let port = &service.spec.unwrap().ports.unwrap()[0];
    assert_eq!((port.port, serde_json::to_value(&port.target_port).unwrap()), (8080, json!(9090)));
    assert_eq!(grpc_route.unwrap().spec.rules[0].backend_refs[0].port, Some(8080));
    assert_eq!(
        serde_json::to_value(network_policy).unwrap()["spec"]["ingress"][0]["ports"][0]["port"],
        json!(9090)
    );
}

#[test]
fn job_inherits_only_the_queue_label() {
    let mut object = parsed(SERVER);
    object.metadata.labels =
        serde_yaml_ng::from_str("{kueue.x-k8s.io/queue-name: gpus, team: a}").unwrap();
    let labels = &built(&object)["metadata"]["labels"];
    assert_eq!(
        (&labels["kueue.x-k8s.io/queue-name"], &labels["team"]),
        (&json!("gpus"), &Value::Null)
    );
}
