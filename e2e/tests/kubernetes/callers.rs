//! A job behind a gateway that requires client certificates.

use flow_testkit::Authority;
use serde_json::json;

use super::*;

const HOST: &str = "job1.closed.iflearner.com";

/// Calls a method that servers of the framework answer with `UNIMPLEMENTED`, with a client
/// certificate if one is given. While the server is not ready, the gateway answers 502.
const CALL: &str = r#"
import sys, time, grpc
read = lambda name: open(name, "rb").read()
pair = [read(sys.argv[2] + name) for name in ("/tls.key", "/tls.crt")] if len(sys.argv) > 2 else []
trusted = grpc.ssl_channel_credentials(read("/etc/server-iflearner-secret.crt"), *pair)
call = grpc.secure_channel(sys.argv[1], trusted).unary_unary("/nobody.Knows/This")
expected = "status: 502"
while "status: 502" in expected:
    try:
        call(b"", timeout=60, wait_for_ready=True)
    except grpc.RpcError as error:
        expected = f"{error.code().name} {error.details()}"
    time.sleep(0.1)
print(expected)
"#;

/// Directory of the key pair in a Pod.
const PAIR: &str = "/etc/iflearner-certificates";

fn job(role: &str, name: &str, more: &Value, spec: &Value) -> String {
    let mut job = json!({"apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "metadata": {"name": name}, "spec": more});
    job["spec"]["role"] = role.into();
    job["spec"]["template"] = json!({"spec": spec});
    job.to_string()
}

#[tokio::test]
async fn i20_gateway_accepts_only_clients_with_a_certificate_of_the_authority() {
    let mut ground = Ground::new().await;
    let (cluster, hub, party) =
        (ground.cluster, ground.namespaces["hub"].clone(), ground.namespaces["hospital-a"].clone());
    let folder = ground.folder.path().join("gateway");
    fs::create_dir(&folder).expect("the folder is writable");
    let of_party = format!("--party={party}=hospital-a.party.iflearner.com");
    setup(
        cluster,
        &["certificates", "--namespace", &hub, "--zone", "closed.iflearner.com", &of_party],
    );
    provide_pair(cluster, &folder, &hub).await;
    // Signed by another authority.
    let stranger = Authority::new().pair(&folder, "stranger", &["hospital-a.party.iflearner.com"]);
    let pair = [("--cert", &stranger.cert), ("--key", &stranger.key)]
        .map(|(option, file)| format!("{option}={}", file.display()));
    cluster
        .kubectl_ok(&[
            "create",
            "secret",
            "tls",
            "stranger",
            "--namespace",
            &party,
            &pair[0],
            &pair[1],
        ])
        .await;

    // The field is in the Gateway API's standard channel since 1.5.
    let keep = json!([{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-preserve-unknown-fields", "value": true}]);
    cluster
        .kubectl_ok(&[
            "patch",
            "crd/gateways.gateway.networking.k8s.io",
            "--type=json",
            "--patch",
            &keep.to_string(),
        ])
        .await;
    let authority = json!({"group": "", "kind": "ConfigMap", "name": "flow-authority"});
    let edge = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "edge", "namespace": hub},
        "spec": {"gatewayClassName": "nginx", "tls": {"frontend": {"default": {"validation": {"caCertificateRefs": [authority]}}}},
            "listeners": [{"name": "grpc", "port": 443, "protocol": "HTTPS",
                "tls": {"mode": "Terminate", "certificateRefs": [{"name": "server-iflearner-secret"}]}}]}});
    // The API server uses a changed definition after a delay.
    let asks = [
        "get",
        "gateway/edge",
        "--namespace",
        &hub,
        "--output=jsonpath={.spec.tls.frontend.default.validation.caCertificateRefs[0].name}",
    ];
    let file = folder.join("edge.json");
    fs::write(&file, edge.to_string()).expect("the folder is writable");
    let apply = ["apply".as_ref(), "--filename".as_ref(), file.as_os_str()];
    let taken = async || {
        (cluster.kubectl(&apply).await.status.success()
            && cluster.kubectl_ok(&asks).await == "flow-authority")
            .then_some(())
    };
    eventually(SOON, taken).await.expect("a Gateway that asks for certificates");
    let ca = [
        "get",
        "configmap/flow-authority",
        "--namespace",
        &hub,
        r"--output=jsonpath={.data.ca\.crt}",
    ];
    let ca = cluster.kubectl_ok(&ca).await;
    let mut gateway = Gateway::at(&folder).asking_for(&ca);
    let reached = cluster.expose(gateway.address());
    ground.start_operator(&format!(
        "[exposure]\ndriver = \"gateway\"\nport = {}\n[exposure.gateway]\nname = \"edge\"\n",
        reached.port()
    ));

    let container =
        |command: &[&str]| json!([{"name": "work", "image": kube::DIGITS, "command": command}]);
    let aggregator = [
        "python",
        "-m",
        "iflearner.business.homo.aggregate_server",
        "-n=2",
        "--addr=0.0.0.0:50001",
        "--http_addr=0.0.0.0:50002",
    ];
    let closed = json!({"host": HOST, "exposure": {"authenticateClients": true}});
    cluster
        .apply_in(
            &hub,
            &job("server", "closed", &closed, &json!({"containers": container(&aggregator)})),
        )
        .await;
    gateway.take_up_route(cluster, &hub).await;

    let address = format!("{HOST}:{}", reached.port());
    let aliases = json!([{"ip": reached.ip(), "hostnames": [HOST]}]);
    let callers = [
        ("own", Some("party-iflearner-secret"), "UNIMPLEMENTED"),
        ("stranger", Some("stranger"), "status: 400"),
        ("nothing", None, "status: 400"),
    ];
    for (name, pair, _) in callers {
        let command: Vec<&str> =
            ["python", "-c", CALL, &address].into_iter().chain(pair.map(|_| PAIR)).collect();
        let certificates = pair.map_or(json!({}), |pair| json!({"keyPairSecretName": pair}));
        let spec = json!({"hostAliases": aliases, "containers": container(&command)});
        cluster
            .apply_in(&party, &job("client", name, &json!({"certificates": certificates}), &spec))
            .await;
    }
    for (name, _, expected) in callers {
        let phase = [
            "get",
            "iflearnerjob",
            name,
            "--namespace",
            &party,
            "--output=jsonpath={.status.phase}",
        ];
        let ended = eventually(PATIENCE, async || {
            (cluster.kubectl_ok(&phase).await == "Succeeded").then_some(())
        })
        .await;
        let output = cluster
            .kubectl_ok(&[
                "logs",
                "--namespace",
                &party,
                "--selector",
                &format!("app={name}"),
                "--tail=-1",
            ])
            .await;
        assert!(
            ended.is_some() && output.contains(expected),
            "who shows {name} is expected: {output}"
        );
        assert_eq!(
            output.contains("UNIMPLEMENTED"),
            expected == "UNIMPLEMENTED",
            "only the framework's server says so: {output}"
        );
    }
    cluster.kubectl_ok(&["delete", "iflearnerjob/closed", "--namespace", &hub]).await;
}
