//! Webhooks against real receivers on this machine, and the retention of the feed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow_domain::id::Digest;
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::TestApp;

/// The only address to which the hub of the tests may send.
const ALLOWED: &str = "127.0.0.77";
const SOON: Duration = Duration::from_secs(60);
const DAY_S: u64 = 86_400;

/// A message as the receiver got it.
#[derive(Debug, Clone)]
struct Received {
    id: String,
    timestamp: i64,
    signatures: Vec<String>,
    body: String,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    /// True if one of the signatures is the one by this secret.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("its prefix"));
        let message = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let tag = hmac_sha256(&key.expect("base64"), message.as_bytes());
        self.signatures.contains(&format!("v1,{}", STANDARD.encode(tag)))
    }
}

/// RFC 2104, without the library that the hub uses.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64, "no hash of the key is needed");
    let hash = |bytes: Vec<u8>| -> Vec<u8> {
        let digest = Digest::of(&bytes);
        let byte = |at: usize| u8::from_str_radix(&digest.as_str()[at..at + 2], 16);
        (0..64).step_by(2).map(|at| byte(at).expect("hexadecimal")).collect()
    };
    let padded = |pad: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ pad).collect()
    };
    hash([padded(0x5c), hash([padded(0x36), message.to_vec()].concat())].concat())
}

#[derive(Debug, Default)]
struct Script {
    received: Vec<Received>,
    /// Heads of the next responses; then 204. An empty head: no response.
    heads: VecDeque<String>,
}

/// A receiver of webhooks.
#[derive(Debug)]
struct Receiver {
    url: String,
    script: Arc<Mutex<Script>>,
}

impl Receiver {
    async fn start() -> Self {
        Self::on(ALLOWED).await
    }

    async fn on(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("its address"));
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, script }
    }

    /// Sets the heads of the next responses, without their ends.
    fn answer(&self, heads: &[&str]) {
        let heads = heads.iter().map(|head| (*head).to_owned());
        self.script.lock().expect("not poisoned").heads.extend(heads);
    }

    fn received(&self) -> Vec<Received> {
        self.script.lock().expect("not poisoned").received.clone()
    }

    /// Waits for this number of messages in total.
    async fn messages(&self, count: usize) -> Vec<Received> {
        wait_for("messages", SOON, async || {
            Some(self.received()).filter(|received| received.len() >= count)
        })
        .await
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = field(head, "content-length").parse().expect("a length");
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert_eq!(field(&head, "content-type"), "application/json");
    let received = Received {
        id: field(&head, "webhook-id"),
        timestamp: field(&head, "webhook-timestamp").parse().expect("seconds"),
        signatures: field(&head, "webhook-signature").split(' ').map(str::to_owned).collect(),
        body,
    };
    let head = {
        let mut script = script.lock().expect("not poisoned");
        script.received.push(received);
        script.heads.pop_front().unwrap_or_else(|| "204 No Content".to_owned())
    };
    if head.is_empty() {
        // Until the hub gives up.
        let _ = stream.read(&mut [0]).await;
        return;
    }
    let response = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(response.as_bytes()).await;
}

fn field(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned()).next().unwrap_or_default()
}

/// Creates a webhook and returns its path and its secret.
async fn create(hub: &TestApp, name: &str, receiver: &Receiver, more: Value) -> (String, String) {
    let mut body = json!({ "name": name, "url": receiver.url });
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let created = hub.post("/api/v2/webhooks").json(&body).await.expect(StatusCode::CREATED);
    let secret = created.json()["secret"].as_str().expect("a secret").to_owned();
    (created.header("location").to_owned(), secret)
}

async fn deliveries(hub: &TestApp, webhook: &str) -> Vec<Value> {
    let page = hub.get(&format!("{webhook}/deliveries")).await.expect(StatusCode::OK).json();
    page["items"].as_array().expect("items").clone()
}

/// Waits until the newest delivery is in a state, and returns it.
async fn newest(hub: &TestApp, webhook: &str, is_met: impl Fn(&Value) -> bool) -> Value {
    wait_for("a delivery", SOON, async || {
        deliveries(hub, webhook).await.first().filter(|delivery| is_met(delivery)).cloned()
    })
    .await
}

async fn ping(hub: &TestApp, webhook: &str) {
    hub.post(&format!("{webhook}/test")).await.expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn events_of_the_filter_arrive_signed_and_in_order() {
    let hub = TestApp::start().await;
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    let before = hub.task().await;
    let (_, secret) = create(&hub, "all", &all, json!({})).await;
    let filter = json!({"events": ["task.created", "run.queued"], "labels": {"season": "spring"}});
    create(&hub, "some", &some, filter).await;
    let template = hub.get(&format!("/api/v2/tasks/{before}")).await.json()["template"].clone();
    for (name, labels) in [("plain", json!({})), ("spring", json!({"season": "spring"}))] {
        let mut body = hub.task_body(template.as_str().expect("an id"));
        body["name"] = name.into();
        body["labels"] = labels;
        hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
        hub.post(&format!("/api/v2/tasks/{name}/start")).await.expect(StatusCode::ACCEPTED);
        hub.post(&format!("/api/v2/tasks/{name}/stop")).await.expect(StatusCode::ACCEPTED);
        hub.delete(&format!("/api/v2/tasks/{name}")).await.expect(StatusCode::NO_CONTENT);
    }
    let kinds = |received: &[Received]| -> Vec<(String, String)> {
        let pair = |message: &Received| {
            (message.kind(), message.json()["data"]["task_name"].as_str().expect("it").to_owned())
        };
        received.iter().map(pair).collect()
    };
    let expected =
        ["task.created", "run.queued"].map(|kind| (kind.to_owned(), "spring".to_owned()));
    assert_eq!(kinds(&some.messages(2).await), expected);

    let feed = hub.get("/api/v2/events").await.expect(StatusCode::OK).json();
    let feed: Vec<Value> = feed["items"].as_array().expect("items")[1..].to_vec();
    let received = all.messages(feed.len()).await;
    for (message, event) in received.iter().zip(&feed) {
        assert!(message.is_signed_by(&secret), "{message:?}");
        assert_eq!(message.timestamp, 1_767_225_600);
        let mut body = message.json();
        assert_eq!((&body["type"], &body["timestamp"]), (&event["kind"], &event["at"]));
        assert_eq!(body["data"]["project"].take(), "default");
        body["data"].as_object_mut().expect("an object").remove("project");
        assert_eq!(&body["data"], event, "in the order of the feed");
    }
    let mut other = received[0].clone();
    other.body.push(' ');
    assert!(!other.is_signed_by(&secret));
    assert_eq!(some.received().len(), 2, "no other kind, and no task without the label");
}

#[tokio::test]
async fn failed_delivery_is_repeated_until_the_receiver_accepts_it_and_on_request() {
    let hub = TestApp::start().await;
    let receiver = Receiver::start().await;
    let (webhook, secret) = create(&hub, "chat", &receiver, json!({})).await;
    receiver.answer(&["500 Internal Server Error", "503 Busy\r\nRetry-After: 100", "200 OK"]);
    ping(&hub, &webhook).await;
    let delivery = newest(&hub, &webhook, |delivery| delivery["attempts"] == 1).await;
    assert_eq!((&delivery["state"], &delivery["status"]), (&"pending".into(), &500.into()));
    assert_eq!(delivery["error"], "the receiver answered 500");
    let failing = hub.get(&webhook).await.expect(StatusCode::OK).json();
    assert_eq!(failing["failing_since"], "2026-01-01T00:00:00.000000Z");

    hub.clock.advance(10);
    newest(&hub, &webhook, |delivery| delivery["attempts"] == 2).await;
    // Later than without Retry-After.
    hub.clock.advance(60);
    ping(&hub, &webhook).await;
    let other = newest(&hub, &webhook, |delivery| delivery["state"] == "delivered").await;
    assert_ne!(other["id"], delivery["id"], "another delivery does not wait for it");
    hub.clock.advance(100);
    let id = delivery["id"].as_str().expect("an id").to_owned();
    let repeated = wait_for("the third attempt", SOON, async || {
        let all = deliveries(&hub, &webhook).await;
        all.into_iter().find(|found| found["id"] == id.as_str() && found["state"] == "delivered")
    })
    .await;
    assert_eq!((&repeated["attempts"], &repeated["status"]), (&3.into(), &204.into()));
    assert_eq!(repeated.get("error"), None);
    assert_eq!(hub.get(&webhook).await.json().get("failing_since"), None);

    let again = format!("{webhook}/deliveries/{id}/redeliver");
    hub.post(&again).await.expect(StatusCode::ACCEPTED);
    let received = receiver.messages(5).await;
    let same: Vec<&Received> = received.iter().filter(|message| message.id == id).collect();
    assert_eq!(same.len(), 4);
    assert!(same.iter().all(|message| message.body == same[0].body));
    assert!(received.iter().all(|message| message.is_signed_by(&secret)));
    let unknown = format!("{webhook}/deliveries/{}/redeliver", "0".repeat(32));
    hub.post(&unknown).await.problem(404, "delivery_not_found");

    let page = hub.get(&format!("{webhook}/deliveries?limit=1")).await.json();
    let next = page["next"].as_str().expect("there is more");
    let rest = hub.get(&format!("{webhook}/deliveries?cursor={next}")).await.json();
    assert_eq!((rest["items"][0]["id"].as_str(), rest.get("next")), (Some(id.as_str()), None));
}

#[tokio::test]
async fn gone_receiver_and_days_of_failures_disable_a_webhook() {
    let hub = TestApp::start().await;
    let receiver = Receiver::start().await;
    let (webhook, _) = create(&hub, "chat", &receiver, json!({})).await;
    receiver.answer(&["410 Gone"]);
    ping(&hub, &webhook).await;
    newest(&hub, &webhook, |delivery| delivery["state"] == "failed").await;
    let disabled = hub.get(&webhook).await.expect(StatusCode::OK);
    let (tag, disabled) = (disabled.header("etag").to_owned(), disabled.json());
    assert_eq!(disabled["enabled"], false);
    assert_eq!(disabled["disabled_reason"], "the receiver answered 410 (Gone)");
    hub.post(&format!("{webhook}/test")).await.problem(409, "webhook_disabled");
    let id = deliveries(&hub, &webhook).await[0]["id"].as_str().expect("an id").to_owned();
    let again = format!("{webhook}/deliveries/{id}/redeliver");
    hub.post(&again).await.problem(409, "webhook_disabled");

    // Events of this time are skipped.
    hub.task().await;
    let enable = json!({"name": "chat", "url": receiver.url});
    let stale = hub.put(&webhook).header("if-match", "\"1\"").json(&enable).await;
    stale.problem(412, "precondition_failed");
    let enabled = hub.put(&webhook).header("if-match", &tag).json(&enable).await;
    assert_eq!(enabled.expect(StatusCode::OK).json().get("disabled_reason"), None);
    hub.delete("/api/v2/tasks/digits-spring").await.expect(StatusCode::NO_CONTENT);
    assert_eq!(receiver.messages(2).await[1].kind(), "task.deleted");

    receiver.answer(&["500 Internal Server Error"; 3]);
    ping(&hub, &webhook).await;
    newest(&hub, &webhook, |delivery| delivery["attempts"] == 1).await;
    hub.clock.advance(3 * DAY_S);
    let last = newest(&hub, &webhook, |delivery| delivery["state"] == "failed").await;
    assert_eq!(last["attempts"], 2);
    let disabled = hub.get(&webhook).await.json();
    let reason = disabled["disabled_reason"].as_str().expect("a reason");
    assert!(reason.starts_with("no delivery has succeeded for 3 days"), "{reason}");
    let metrics = hub.get("/metrics").await.text();
    for line in [
        "flow_webhook_deliveries_total{outcome=\"delivered\"} 1",
        "flow_webhook_deliveries_total{outcome=\"retried\"} 1",
        "flow_webhook_deliveries_total{outcome=\"failed\"} 2",
        "flow_webhook_queue_age_seconds ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn silent_receiver_delays_no_other_one_and_no_event_is_lost_at_a_restart() {
    let hub = TestApp::start().await;
    let (silent, other) = (Receiver::start().await, Receiver::start().await);
    let (webhook, _) = create(&hub, "silent", &silent, json!({})).await;
    silent.answer(&[""]);
    ping(&hub, &webhook).await;
    let held = silent.messages(1).await[0].clone();
    create(&hub, "other", &other, json!({})).await;
    hub.task().await;
    assert_eq!(other.messages(1).await[0].kind(), "task.created");

    // Between these commits and their deliveries the hub stops.
    hub.stop();
    hub.delete("/api/v2/tasks/digits-spring").await.expect(StatusCode::NO_CONTENT);
    let hub = hub.restart().await;
    let received = silent.messages(4).await;
    let ids: Vec<&String> = received.iter().map(|message| &message.id).collect();
    assert_eq!(ids[1], &held.id, "an attempt without a result is repeated");
    let kinds: Vec<String> = received.iter().skip(2).map(Received::kind).collect();
    assert_eq!(kinds, ["task.created", "task.deleted"]);
    assert_eq!(other.messages(2).await[1].kind(), "task.deleted");
    let all = deliveries(&hub, &webhook).await;
    assert_eq!(all.len(), 3, "each event was queued once: {all:?}");
}

#[tokio::test]
async fn a18_webhook_reaches_no_internal_address() {
    let hub = TestApp::start().await;
    let internal = Receiver::on("127.0.0.1").await;
    for url in [
        internal.url.as_str(),
        "http://127.1/",
        "https://2130706433/",
        "http://[::1]:1235/api/v2/tasks",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[fd00:ec2::254]/",
        "http://8.8.8.8/",
        "https://user:password@hooks.example/",
        "ftp://hooks.example/",
        "hooks.example",
    ] {
        let body = json!({ "name": "evil", "url": url });
        hub.post("/api/v2/webhooks").json(&body).await.field("/url", "pattern");
    }
    // A name is resolved at each connection.
    let port = internal.url.rsplit(':').next().expect("a port").to_owned();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://localhost:{port}");
        let body = json!({ "name": scheme, "url": url });
        let created = hub.post("/api/v2/webhooks").json(&body).await.expect(StatusCode::CREATED);
        let webhook = created.header("location").to_owned();
        ping(&hub, &webhook).await;
        let tried = newest(&hub, &webhook, |delivery| delivery["attempts"] == 1).await;
        let error = tried["error"].as_str().expect("a cause");
        assert!(error.contains("localhost has no address that webhooks may reach"), "{error}");
        assert!(!error.contains("127.0.0.1") && !error.contains(&port), "{error}");
    }
    let allowed = Receiver::start().await;
    let (webhook, _) = create(&hub, "redirect", &allowed, json!({})).await;
    allowed.answer(&[&format!("307 Elsewhere\r\nLocation: {}", internal.url)]);
    ping(&hub, &webhook).await;
    let tried = newest(&hub, &webhook, |delivery| delivery["attempts"] == 1).await;
    assert_eq!(tried["error"], "the receiver answered 307; redirects are not followed");
    assert_eq!(internal.received().len(), 0);
}

#[tokio::test]
async fn secret_is_shown_once_and_both_sign_during_a_rotation() {
    let hub = TestApp::start().await;
    let receiver = Receiver::start().await;
    let (webhook, old) = create(&hub, "chat", &receiver, json!({})).await;
    let rotate = format!("{webhook}/rotate-secret");
    hub.post(&rotate)
        .json(&json!({"overlap_s": 604_801}))
        .await
        .field("/overlap_s", "out_of_range");
    let rotated = hub.post(&rotate).json(&json!({"overlap_s": 3600})).await.expect(StatusCode::OK);
    let rotated = rotated.json();
    assert_eq!(rotated["former_until"], "2026-01-01T01:00:00.000000Z");
    let new = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(new, old);
    ping(&hub, &webhook).await;
    let both = receiver.messages(1).await[0].clone();
    assert!(both.is_signed_by(&old) && both.is_signed_by(&new), "{both:?}");
    hub.clock.advance(3600);
    ping(&hub, &webhook).await;
    let one = receiver.messages(2).await[1].clone();
    assert!(!one.is_signed_by(&old) && one.is_signed_by(&new), "{one:?}");
    assert_eq!(one.signatures.len(), 1);

    newest(&hub, &webhook, |delivery| delivery["state"] == "delivered").await;
    let mut shown = String::new();
    let edit = json!({"name": "chat", "url": receiver.url});
    shown += &hub.put(&webhook).json(&edit).await.expect(StatusCode::OK).text();
    for path in [
        "/api/v2/webhooks",
        &webhook,
        &format!("{webhook}/deliveries"),
        "/api/v2/audit",
        "/metrics",
    ] {
        shown += &hub.get(path).await.expect(StatusCode::OK).text();
    }
    let stored = hub.app.store.enabled_webhooks().await.expect("the store answers");
    shown += &format!("{stored:?}");
    for secret in [&old, &new] {
        assert!(!shown.contains(secret.as_str()) && !shown.contains("whsec_"), "{shown}");
    }
    for action in ["create_webhook", "edit_webhook", "rotate_webhook_secret"] {
        assert!(shown.contains(action), "{action} is not in the audit");
    }
}

#[tokio::test]
async fn webhooks_are_limited_named_and_visible_in_their_project_only() {
    let hub = TestApp::start().await;
    let receiver = Receiver::start().await;
    let (webhook, _) = create(&hub, "chat", &receiver, json!({})).await;
    let body = json!({ "name": "chat", "url": receiver.url });
    hub.post("/api/v2/webhooks").json(&body).await.problem(409, "webhook_name_taken");
    hub.get("/api/v2/webhooks/chat").await.expect(StatusCode::OK);
    let mut wrong = body.clone();
    wrong["events"] = json!([]);
    hub.post("/api/v2/webhooks").json(&wrong).await.field("/events", "too_short");
    wrong["events"] = json!(["task.exploded"]);
    hub.post("/api/v2/webhooks").json(&wrong).await.field("/events/0", "not_allowed");
    wrong["events"] = json!(["run.failed"]);
    wrong["labels"] = json!({"a b": "c"});
    hub.post("/api/v2/webhooks").json(&wrong).await.field("/labels/a b", "pattern");

    let other = json!({"name": "other"});
    hub.post("/api/v2/projects").json(&other).await.expect(StatusCode::CREATED);
    let foreign = hub.account("foreign", "other", "admin").await;
    ping(&hub, &webhook).await;
    let id = deliveries(&hub, &webhook).await[0]["id"].as_str().expect("an id").to_owned();
    let deny = |answer: crate::common::Answer| answer.problem(404, "webhook_not_found");
    deny(hub.get(&webhook).token(&foreign).await);
    deny(hub.get(&format!("{webhook}/deliveries")).token(&foreign).await);
    deny(hub.put(&webhook).token(&foreign).json(&body).await);
    deny(hub.delete(&webhook).token(&foreign).await);
    deny(hub.post(&format!("{webhook}/test")).token(&foreign).await);
    deny(hub.post(&format!("{webhook}/rotate-secret")).token(&foreign).json(&json!({})).await);
    let again = format!("{webhook}/deliveries/{id}/redeliver");
    deny(hub.post(&again).token(&foreign).await);
    let own = hub.post("/api/v2/webhooks").token(&foreign).json(&body).await;
    let own = own.expect(StatusCode::CREATED).header("location").to_owned();
    let mixed = format!("{own}/deliveries/{id}/redeliver");
    hub.post(&mixed).token(&foreign).await.problem(404, "delivery_not_found");
    let page = hub.get("/api/v2/webhooks").token(&foreign).await.expect(StatusCode::OK).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));

    for number in 1..20 {
        create(&hub, &format!("w{number}"), &receiver, json!({})).await;
    }
    let full = json!({ "name": "more", "url": receiver.url });
    hub.post("/api/v2/webhooks").json(&full).await.problem(409, "webhook_limit");
    hub.delete(&webhook).await.expect(StatusCode::NO_CONTENT);
    deny(hub.get(&webhook).await);
}

#[tokio::test]
async fn feed_is_kept_for_days_and_an_older_position_is_an_error() {
    let hub = TestApp::start().await;
    hub.task().await;
    hub.post("/api/v2/tasks/digits-spring/start").await.expect(StatusCode::ACCEPTED);
    let all = hub.get("/api/v2/events").await.expect(StatusCode::OK).json();
    let first = all["items"][0]["number"].as_i64().expect("a number");
    hub.clock.advance(8 * DAY_S);
    // The run has ended at its queue deadline: a new event.
    let left = wait_for("the deletion of events", SOON, async || {
        let page = hub.get("/api/v2/events").await.expect(StatusCode::OK).json();
        let items = page["items"].as_array().expect("items").clone();
        items.first().is_some_and(|event| event["number"] != first).then_some(items)
    })
    .await;
    assert!(left[0]["kind"] != "task.created", "{left:?}");
    let expired = hub.get(&format!("/api/v2/events?after={first}")).await;
    expired.problem(410, "events_expired");
    let stream = hub.get("/api/v2/events").header("accept", "text/event-stream");
    stream.header("last-event-id", &first.to_string()).await.problem(410, "events_expired");
    let newest = left.last().expect("an event")["number"].as_i64().expect("a number");
    for after in [0, newest] {
        hub.get(&format!("/api/v2/events?after={after}")).await.expect(StatusCode::OK);
    }
    // The task keeps its events.
    let events = hub.get("/api/v2/tasks/digits-spring/events").await.expect(StatusCode::OK).json();
    assert_eq!(events["items"][0]["kind"], "task.created");
}
