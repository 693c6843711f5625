//! The web console in Chromium: bytes and time of the first load, work of the main thread under a
//! burst of events, memory after as many events as an hour has. `console/tests/figures.mjs` measures.

use flow_e2e::Builder;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture;
use crate::table::Table;

const TASKS: usize = 200;
const USER: &str = "bench-console";

pub async fn measure(table: &mut Table) {
    let federation = Builder::default().parties(&[]).start().await;
    let hub = &federation.hub;
    let parties = fixture::parties(hub, 1).await;
    let template = fixture::template(hub, "bench").await;
    for number in 0..TASKS {
        fixture::submit(hub, &fixture::task(&format!("task-{number:03}"), &template, &parties))
            .await;
    }
    let password = flow_common::ids::secret();
    let account = json!({"name": USER, "password": password});
    hub.call(Method::POST, "/users", Some(&account)).await;
    let member = format!("/projects/default/members/{USER}");
    hub.call(Method::PUT, &member, Some(&json!({"role": "operator"}))).await;

    let address = hub.base.trim_end_matches("/api/v2");
    let output = Command::new("node")
        .arg(flow_testkit::repository().join("console/tests/figures.mjs"))
        .args([address, USER])
        .env("FLOW_PASSWORD", &password)
        .output()
        .await
        .expect("node runs: install Node.js 20 or newer");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Value = serde_json::from_str(text.trim()).expect("one JSON object");
    let number = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);

    let load = number("first_load_kb");
    table.row("console: first load, transferred", "< 250 kB", format!("{load} kB"), load < 250.0);
    let ready = number("interactive_ms");
    table.row(
        "console: interactive, from an empty cache",
        "< 1 s",
        format!("{ready} ms"),
        ready < 1000.0,
    );
    let share = number("share_of_a_core");
    table.row(
        format!("console: main thread at {} events in a burst of 1000/s", number("events")),
        "< 0.3 of a core",
        format!("{share} ({} ms per 1000 events)", number("main_thread_ms_per_1000_events")),
        share < 0.3,
    );
    let slow = number("frames_over_100_ms");
    table.row(
        "console: frames over 100 ms in it",
        "0",
        format!("{slow} (longest {} ms)", number("longest_frame_ms")),
        slow == 0.0,
    );
    table.figure(
        "console: heap before and after 360,000 events",
        format!("{} MB, {} MB", number("heap_mb_before"), number("heap_mb_after_hour")),
    );
}
