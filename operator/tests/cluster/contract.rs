//! Specs that the API server rejects, with a message that names the field.

use flow_crd::IflearnerJob;
use kube::ResourceExt as _;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::support::{CLIENT, SERVER, World, manifest};

#[tokio::test]
async fn i13_i14_every_invalid_spec_is_rejected_with_its_field() {
    let world = World::new().await;
    let long = "a".repeat(254);
    let certificates = |value: Value| json!({"certificates": value});
    let gateway = |value: Value| json!({"exposure": {"gateway": value}});
    let bad: Vec<(&str, Value, &[&str])> = vec![
        ("i13 role", json!({"role": "party"}), &["spec.role", "server", "client"]),
        ("role missing", json!({"role": null}), &["spec.role", "Required"]),
        ("i13 host empty", json!({"host": ""}), &["spec.host", "lower-case DNS name"]),
        (
            "host upper case",
            json!({"host": "Job1.example.org"}),
            &["spec.host", "lower-case DNS name"],
        ),
        (
            "host with port",
            json!({"host": "a.example.org:80"}),
            &["spec.host", "lower-case DNS name"],
        ),
        ("host address", json!({"host": "10.0.0.1"}), &["spec.host", "not an address"]),
        ("host wildcard", json!({"host": "*.example.org"}), &["spec.host", "wildcard"]),
        ("host long", json!({"host": long}), &["spec.host", "253"]),
        (
            "i14 no containers",
            json!({"template": {"spec": {"containers": []}}}),
            &["spec.template.spec.containers", "at least 1"],
        ),
        ("no pod", json!({"template": {}}), &["spec.template.spec", "Required"]),
        (
            "driver",
            json!({"exposure": {"driver": "nodeport"}}),
            &["spec.exposure.driver", "gateway", "ingress", "none"],
        ),
        (
            "driver without host",
            json!({"host": null, "exposure": {"driver": "gateway"}}),
            &["spec.host", "required when exposure.driver"],
        ),
        (
            "two sources",
            json!({"certificates": {"server": {"configMap": "a", "secret": "b"}}}),
            &["spec.certificates.server", "exactly one"],
        ),
        (
            "no source",
            json!({"certificates": {"party": {"key": "k"}}}),
            &["spec.certificates.party", "exactly one"],
        ),
        (
            "deadline",
            json!({"runPolicy": {"activeDeadlineSeconds": 0}}),
            &["spec.runPolicy.activeDeadlineSeconds", "1"],
        ),
        (
            "backoff",
            json!({"runPolicy": {"backoffLimit": 101}}),
            &["spec.runPolicy.backoffLimit", "100"],
        ),
        (
            "ttl",
            json!({"runPolicy": {"ttlSecondsAfterFinished": -1}}),
            &["spec.runPolicy.ttlSecondsAfterFinished", "0"],
        ),
        ("sidecar", json!({"sidecar": {}}), &["spec.sidecar.image", "Required"]),
        (
            "name with a blank",
            certificates(json!({"server": {"configMap": "my roots"}})),
            &["spec.certificates.server.configMap", "match"],
        ),
        (
            "name with a slash",
            certificates(json!({"party": {"configMap": "a/b"}})),
            &["spec.certificates.party.configMap", "match"],
        ),
        (
            "secret",
            certificates(json!({"server": {"secret": "../secrets/x"}})),
            &["spec.certificates.server.secret", "match"],
        ),
        (
            "key",
            certificates(json!({"server": {"configMap": "a", "key": "a/b"}})),
            &["spec.certificates.server.key", "match"],
        ),
        (
            "key pair",
            certificates(json!({"keyPairSecretName": "Mine"})),
            &["spec.certificates.keyPairSecretName", "match"],
        ),
        ("gateway", gateway(json!({"name": "a?b"})), &["spec.exposure.gateway.name", "match"]),
        (
            "namespace",
            gateway(json!({"name": "a", "namespace": "a.b"})),
            &["spec.exposure.gateway.namespace", "match"],
        ),
        (
            "listener",
            gateway(json!({"name": "a", "sectionName": "HTTPS"})),
            &["spec.exposure.gateway.sectionName", "match"],
        ),
        (
            "class",
            json!({"exposure": {"ingressClassName": "a_b"}}),
            &["spec.exposure.ingressClassName", "match"],
        ),
        (
            "tls secret",
            json!({"exposure": {"tlsSecretName": "-a"}}),
            &["spec.exposure.tlsSecretName", "match"],
        ),
    ];
    for (what, more, parts) in bad {
        let mut object = manifest(SERVER, "bad", more.clone());
        object["spec"].as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let Err(message) = world.create(&object).await else { panic!("{what} was accepted") };
        for word in parts {
            assert!(message.contains(word), "{what}: {word:?} is not in: {message}");
        }
    }
}

#[tokio::test]
async fn valid_object_names_are_accepted() {
    let world = World::new().await;
    let long = format!("{}.{}", "a".repeat(126), "0".repeat(126));
    let named = json!({
        "certificates": {"server": {"configMap": "roots.v1", "key": "CA_2.crt"}, "party": {"secret": "0"}, "keyPairSecretName": long},
        "exposure": {"gateway": {"name": "edge.a", "namespace": "0-a", "sectionName": "https.a"}, "ingressClassName": "a-b.c", "tlsSecretName": "a"}
    });
    world.create(&manifest(SERVER, "a", named)).await.unwrap();
}

#[tokio::test]
async fn unknown_field_is_rejected_by_kubectl() {
    let world = World::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest(SERVER, "a", json!({"hots": "x"})).to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let answer = world.cluster.kubectl(&["apply", "-n", &world.namespace, "-f", path]).await;
    let error = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(!answer.status.success() && error.contains("spec.hots"), "{error}");
}

#[tokio::test]
async fn i04_change_of_an_immutable_field_is_rejected_with_the_next_step() {
    let world = World::new().await;
    let full = json!({
        "schedulername": "s", "runPolicy": {"backoffLimit": 1, "activeDeadlineSeconds": 60}, "sidecar": {"image": "x"},
        "certificates": {"server": {"configMap": "c"}}
    });
    world.create(&manifest(SERVER, "a", full)).await.unwrap();
    world.create(&manifest(SERVER, "plain", json!({}))).await.unwrap();
    let image = json!([{"name": "aggregator", "image": "another"}]);
    for (name, change, field) in [
        ("a", json!({"role": "client"}), "role"),
        ("a", json!({"host": "job2.server.example.org"}), "host"),
        ("a", json!({"host": null}), "host"),
        ("a", json!({"schedulername": "t"}), "schedulername"),
        ("a", json!({"template": {"spec": {"containers": image}}}), "template"),
        ("a", json!({"template": {"metadata": {"labels": {"a": "b"}}}}), "template"),
        ("a", json!({"sidecar": {"image": "y"}}), "sidecar"),
        ("a", json!({"certificates": {"disabled": true}}), "certificates"),
        ("a", json!({"runPolicy": {"backoffLimit": 2}}), "runPolicy.backoffLimit"),
        ("plain", json!({"schedulername": "s"}), "schedulername"),
        ("plain", json!({"sidecar": {"image": "x"}}), "sidecar"),
        ("plain", json!({"runPolicy": {"backoffLimit": 2}}), "runPolicy.backoffLimit"),
    ] {
        let Err(message) = world.patch(name, json!({"spec": change})).await else {
            panic!("{name}: {change} was accepted")
        };
        assert!(
            message.contains(&format!("{field} is immutable"))
                && message.contains("create it again"),
            "{change}: {message}"
        );
    }
    for change in [
        json!({"runPolicy": {"suspend": true}}),
        json!({"runPolicy": {"activeDeadlineSeconds": 5}}),
        json!({"runPolicy": {"ttlSecondsAfterFinished": 5}}),
        json!({"exposure": {"driver": "ingress", "ingressClassName": "x"}}),
        json!({"exposure": null}),
    ] {
        for name in ["a", "plain"] {
            world.patch(name, json!({"spec": change})).await.unwrap();
        }
    }
}

#[tokio::test]
async fn i06_template_metadata_is_not_pruned() {
    let world = World::new().await;
    let mut object = manifest(CLIENT, "a", json!({}));
    object["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
    let created = world.create(&object).await.unwrap();
    let metadata = created.spec.template.metadata.unwrap();
    assert_eq!(
        (&metadata.labels.unwrap()["team"], &metadata.annotations.unwrap()["note"]),
        (&"a".to_owned(), &"kept".to_owned())
    );
}

#[tokio::test]
async fn large_pod_template_is_within_the_budget_of_the_validation_rules() {
    let world = World::new().await;
    let containers: Vec<Value> = (0..32)
        .map(|n| json!({"name": format!("c{n}"), "image": "x", "env": vec![json!({"name": "A", "value": "b".repeat(100)}); 50]}))
        .collect();
    let mut object = manifest(SERVER, "big", json!({}));
    object["spec"]["template"]["spec"]["containers"] = json!(containers);
    world.create(&object).await.unwrap();
    world.patch("big", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    object["metadata"]["name"] = json!("bigger");
    object["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "one-more", "image": "x"}));
    assert!(world.create(&object).await.unwrap_err().contains("32"));
}

#[tokio::test]
async fn kind_has_short_name_category_and_columns() {
    let world = World::new().await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let shown = world.cluster.kubectl_ok(&["get", "ifj", "-n", &world.namespace]).await;
    let (head, row) = shown.split_once('\n').unwrap();
    assert_eq!(
        head.split_whitespace().collect::<Vec<_>>(),
        ["NAME", "ROLE", "PHASE", "HOST", "READY", "AGE"]
    );
    assert!(row.contains("server") && row.contains("job1.server.example.org"), "{row}");
    assert!(
        world
            .cluster
            .kubectl_ok(&["get", "federation", "-n", &world.namespace])
            .await
            .contains("job1.server.example.org")
    );
}

#[tokio::test]
async fn i15_names_of_253_characters_are_accepted() {
    let world = World::new().await;
    let name = format!("{}.{}", "a".repeat(126), "b".repeat(126));
    let object: DynamicObject = serde_json::from_value(manifest(SERVER, &name, json!({}))).unwrap();
    let created =
        world.dynamic::<IflearnerJob>().create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(created.name_any().len(), 253);
}
