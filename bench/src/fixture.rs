//! A real hub for fake agents, with parties, templates and tasks.

use flow_e2e::{Builder, Federation, Hub};
use futures::StreamExt as _;
use futures::stream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::agents::Party;

/// Starts a hub; returns the port of its gRPC listener.
pub async fn hub(builder: Builder) -> (Federation, u16) {
    let grpc = flow_testkit::free_port();
    let builder = builder
        .server("grpc.listen", &format!("127.0.0.1:{grpc}"))
        .server("grpc.max_connections_per_address", "20000")
        .agent("hub.address", &format!("http://127.0.0.1:{grpc}"));
    (builder.start().await, grpc)
}

/// Creates `count` parties: `p0000`, `p0001` and so on.
pub async fn parties(hub: &Hub, count: usize) -> Vec<Party> {
    let make = |number| async move {
        let name = format!("p{number:04}");
        let secret = hub.create_party(&name).await;
        Party { name, secret }
    };
    stream::iter(0..count).map(make).buffered(16).collect().await
}

/// Creates a template of the generic framework and returns its id.
pub async fn template(hub: &Hub, name: &str) -> String {
    let template = json!({"name": name, "framework": "generic", "image": "none", "command": ["true"], "stop_grace_s": 1});
    id(&hub.call(Method::POST, "/templates", Some(&template)).await)
}

/// A task in which each of these parties trains.
pub fn task<'a>(name: &str, template: &str, parties: impl IntoIterator<Item = &'a Party>) -> Value {
    let members: Vec<_> =
        parties.into_iter().map(|party| json!({"party": party.name, "role": "trainer"})).collect();
    json!({"name": name, "template": template, "revision": 1, "epochs": 1, "members": members})
}

/// Submits a task and returns its id.
pub async fn submit(hub: &Hub, task: &Value) -> String {
    id(&hub.call(Method::POST, "/tasks", Some(task)).await)
}

/// Starts a task and returns the run's id.
pub async fn start(hub: &Hub, task: &str) -> String {
    id(&hub.call(Method::POST, &format!("/tasks/{task}/start"), None).await)
}

pub async fn stop(hub: &Hub, task: &str) {
    hub.call(Method::POST, &format!("/tasks/{task}/stop"), None).await;
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().expect("the answer to a creation has an id").to_owned()
}

/// The metrics page.
pub async fn metrics(hub: &Hub) -> String {
    let page =
        hub.http().get(format!("{}/metrics", hub.base)).bearer_auth(hub.token()).send().await;
    page.expect("the hub answers").text().await.expect("the hub answers")
}

/// Sum and count of a histogram on the metrics page.
pub async fn histogram(hub: &Hub, name: &str) -> (f64, f64) {
    let page = metrics(hub).await;
    let value = |name: String| {
        let line = page.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '));
        line.and_then(|number| number.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("the metrics page has no {name}"))
    };
    (value(format!("{name}_sum")), value(format!("{name}_count")))
}
