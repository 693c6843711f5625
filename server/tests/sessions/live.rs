//! Progress and contact changes in the event stream of a project.

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::clock::{moved, progress};
use crate::common::TestApp;
use crate::common::document::{faults, schema};
use crate::raw::AgentListener;
use crate::{SOON, running};

/// Reads the events of a stream.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(hub: &TestApp, query: &str, token: &str) -> Self {
        let call = hub.get(&format!("/api/v2/events{query}")).token(token);
        let answer = call.header("accept", "text/event-stream").open().await;
        assert_eq!(answer.status(), StatusCode::OK);
        Self { body: answer.into_body(), text: String::new() }
    }

    /// Returns the data of the next event of this kind, and the kinds of the events before it.
    async fn next(&mut self, kind: &str) -> (Value, Vec<String>) {
        let mut before = Vec::new();
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let found = line("event:").map(|kind| kind.trim().to_owned());
                let data = line("data:").map(|data| serde_json::from_str(data).expect("JSON"));
                assert_eq!(
                    line("id:").is_some(),
                    found.as_ref().is_some_and(|kind| kind.contains('.'))
                );
                self.text = rest.to_owned();
                match found {
                    Some(found) if found == kind => return (data.expect("data"), before),
                    found => before.extend(found),
                }
            }
            let frame = flow_common::clock::timeout(SOON, self.body.frame()).await;
            let frame = frame.expect("an event in time").expect("more").expect("a whole stream");
            self.text += std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8");
        }
    }
}

#[tokio::test]
async fn event_stream_has_progress_and_contacts_of_its_project_on_request() {
    let hub = TestApp::start().await;
    let project = json!({"name": "other"});
    hub.post("/api/v2/projects").json(&project).await.expect(StatusCode::CREATED);
    let foreign = hub.account("foreign", "other", "admin").await;
    let viewer = hub.account("viewer", "default", "viewer").await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (a, b, path) = running(&hub, &listener).await;
    let both = "?progress=true&parties=true";
    let mut plain = Reader::open(&hub, "", &viewer).await;
    let mut live = Reader::open(&hub, both, &viewer).await;
    let mut other = Reader::open(&hub, both, &foreign).await;

    moved(&a, 1).await;
    progress(&hub, &path, 1).await;
    let (event, _) = live.next("progress").await;
    assert_eq!(faults(&schema("ProgressEvent"), &event), [""; 0], "{event}");
    assert_eq!((&event["party"], &event["progress"]["epoch"]), (&json!("hospital-a"), &json!(1)));
    assert_eq!(event["series"], json!([{"name": "loss", "points": [{"step": 1, "value": 0.5}]}]));
    assert!(path.ends_with(event["run"].as_str().expect("an id")), "{event}");

    drop(b);
    let (event, _) = live.next("party").await;
    assert_eq!(faults(&schema("PartyEvent"), &event), [""; 0], "{event}");
    assert_eq!(
        (&event["name"], &event["contact"]["state"]),
        (&json!("hospital-b"), &json!("away"))
    );
    let secret = hub.party("hospital-c").await;
    let offer = hub.put("/api/v2/projects/other/parties/hospital-c").json(&json!({})).await;
    offer.expect(StatusCode::OK);
    drop(
        crate::common::FakeAgent::connect(hub.agents_address().await, "hospital-c", &secret).await,
    );
    let (event, _) = live.next("party").await;
    assert_eq!(
        (&event["name"], &event["contact"]["state"]),
        (&json!("hospital-c"), &json!("connected"))
    );

    // The other project has nothing of this one before.
    let mut body = json!(flow_api_types::TemplateInput::sample());
    body["name"] = json!("mine");
    let template = hub.post("/api/v2/templates").token(&foreign).json(&body).await;
    template.expect(StatusCode::CREATED);
    let (event, before) = other.next("party").await;
    assert_eq!((&event["name"], before), (&json!("hospital-c"), Vec::<String>::new()));
    let run = path.split("/runs/").next().expect("a task");
    hub.post(&format!("{run}/stop")).await.expect(StatusCode::ACCEPTED);
    let (_, before) = plain.next("run.stopping").await;
    assert!(before.iter().all(|kind| kind.contains('.')), "{before:?}");
}
