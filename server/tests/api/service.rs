//! Probes, metrics, the reference page, and the headers of every response.

use std::sync::Arc;

use flow_console::Assets;
use flow_server::cors::Cors;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::{Answer, TestApp};

#[tokio::test]
async fn hub_is_ready_until_it_stops() {
    let hub = TestApp::start().await;
    hub.get("/livez").anonymous().await.expect(StatusCode::OK);
    hub.get("/readyz").anonymous().await.expect(StatusCode::OK);
    hub.stop();
    let answer = hub.get("/readyz").anonymous().await.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text(), "stopping\n");
    hub.get("/livez").anonymous().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn hub_without_its_database_is_not_ready() {
    let hub = TestApp::start().await;
    hub.app.store.close().await;
    let answer = hub.get("/readyz").anonymous().await.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text(), "the database does not answer\n");
    let answer = hub.get("/api/v2/tasks").await;
    assert_eq!(answer.header("retry-after"), "1");
    let problem = answer.problem(503, "store_unavailable");
    assert_eq!(problem["retryable"], true);
    assert!(!problem.to_string().contains("sqlite"), "{problem}");
}

#[tokio::test]
async fn a1_hub_without_an_essential_task_is_not_ready() {
    let hub = TestApp::start().await;
    hub.get("/readyz").anonymous().await.expect(StatusCode::OK);
    hub.app.supervisor.fail("the engine queue panicked: /var/lib/secret");
    let answer = hub.get("/readyz").anonymous().await.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        answer.text(),
        "this hub has failed and ends; its log contains the reason\n",
        "a probe without a token is shown no reason"
    );
}

#[tokio::test]
async fn a1_hub_with_a_read_only_database_is_not_ready() {
    let hub = TestApp::start().await;
    let mut other = hub.database().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the database is free");
    let answer = hub.get("/readyz").anonymous().await.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text(), "the database does not answer in time\n", "it can still be read");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("it has begun");
    let ready = async || hub.get("/readyz").anonymous().await.status == StatusCode::OK;
    flow_testkit::wait_for("the hub to be ready again", std::time::Duration::from_secs(30), ready)
        .await;
}

#[tokio::test]
async fn metrics_count_requests_by_method_status_and_route() {
    let hub = TestApp::start().await;
    hub.get("/api/v2/tasks").await.expect(StatusCode::OK);
    hub.call("BREW".parse().expect("a method"), "/api/v2/tasks")
        .await
        .problem(405, "method_not_allowed");
    let page = hub.get("/metrics").await.expect(StatusCode::OK);
    assert!(page.header("content-type").starts_with("application/openmetrics-text"));
    let text = page.text();
    assert!(text.contains("flow_http_requests_total{method=\"GET\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("flow_http_requests_total{method=\"other\",status=\"405\"} 1"), "{text}");
    for series in [
        "flow_http_responses_total{route=\"/api/v2/tasks\",class=\"2xx\"} 1",
        "flow_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/api/v2/tasks\"} ",
    ] {
        assert!(text.contains(series), "{series} in {text}");
    }
}

/// Returns a page of the probe listener.
async fn probe_page(hub: &TestApp, path: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let serving = tokio::spawn(flow_server::api::serve_probes(Arc::clone(&hub.app), listener));
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    serving.abort();
    answer
}

#[tokio::test]
async fn metrics_name_parties_only_to_callers_with_the_token() {
    let hub = TestApp::start().await;
    let _agent = hub.agent("hospital-a").await;
    let page = hub.get("/metrics").await.expect(StatusCode::OK).text();
    assert!(page.contains("flow_party_connected{party=\"hospital-a\"} 1"), "{page}");
    hub.get("/metrics").anonymous().await.problem(401, "unauthenticated");
    for path in ["/metrics", "/readyz"] {
        let page = probe_page(&hub, path).await;
        assert!(page.starts_with("HTTP/1.1 200 ") && !page.contains("hospital-a"), "{page}");
    }
    let page = probe_page(&hub, "/metrics").await;
    assert!(page.contains("flow_sessions 1") && page.ends_with("# EOF\n"), "{page}");
}

#[tokio::test]
async fn reference_page_is_self_contained_and_lists_every_error() {
    let hub = TestApp::start().await;
    let page = hub.get("/docs").anonymous().await.expect(StatusCode::OK);
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let text = page.text();
    assert!(
        !text.contains("http://") && !text.contains("https://"),
        "the page loads nothing from elsewhere"
    );
    for code in flow_domain::error::ErrorCode::ALL {
        assert!(text.contains(&format!("id=\"{code}\"")), "{code}");
    }
    for file in text.split(['"', '\'']).filter(|part| part.starts_with("/docs/")) {
        hub.get(file).anonymous().await.expect(StatusCode::OK);
    }
    hub.get("/docs/other.js").anonymous().await.problem(404, "route_not_found");
}

#[tokio::test]
async fn u15_start_page_needs_no_token_and_its_links_work() {
    let hub = TestApp::start().await;
    let bare = TestApp::with_parts(|parts| parts.console = Assets::default()).await;
    for (hub, links_min) in [(&hub, 1), (&bare, 6)] {
        let page = hub.get("/").anonymous().await.expect(StatusCode::OK);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("content-security-policy"), flow_console::POLICY);
        assert!(!flow_console::POLICY.contains("unsafe"));
        let text = page.text();
        assert!(!text.contains("://"), "the page loads nothing from elsewhere");
        let linked = text.split("src=\"").flat_map(|part| part.split("href=\"")).skip(1);
        let links: Vec<&str> = linked.filter_map(|part| part.split('"').next()).collect();
        assert!(links.len() > links_min, "{links:?}");
        for link in links {
            let path = format!("/{}", link.trim_start_matches('/'));
            hub.get(&path).anonymous().await.expect(StatusCode::OK);
        }
    }
    let page = bare.get("/").anonymous().await.text();
    assert!(page.contains("make console"), "{page}");
    hub.get("/guides/other.md").anonymous().await.problem(404, "route_not_found");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let hub = TestApp::start().await;
    hub.get("/api/v2/nothing").await.problem(404, "route_not_found");
    hub.get("/nothing").await.problem(404, "route_not_found");
    let answer = hub.call(Method::PATCH, "/api/v2/tasks").await;
    assert!(answer.header("allow").contains("POST"), "{:?}", answer.headers);
    answer.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn every_response_has_a_request_id_and_security_headers() {
    let hub = TestApp::start().await;
    for path in ["/api/v2/tasks", "/api/v2/nothing", "/livez"] {
        let answer = hub.get(path).header("x-request-id", "me-1.2_3").await;
        assert_eq!(answer.header("x-request-id"), "me-1.2_3");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        let answer = hub.get(path).header("x-request-id", "a b").await;
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
}

#[tokio::test]
async fn pages_of_other_origins_use_the_api_only_with_a_token_and_if_configured() {
    const ORIGIN: &str = "https://console.example";
    let is_silent = |answer: &Answer| {
        answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-"))
    };
    async fn preflight(hub: &TestApp, origin: &str) -> Answer {
        let asked = hub.call(Method::OPTIONS, "/api/v2/tasks").anonymous();
        asked.header("origin", origin).header("access-control-request-method", "POST").await
    }
    let hub = TestApp::start().await;
    let answer = hub.get("/api/v2/tasks").header("origin", ORIGIN).await.expect(StatusCode::OK);
    assert!(is_silent(&answer) && answer.header("vary").is_empty(), "{:?}", answer.headers);
    let answer = preflight(&hub, ORIGIN).await;
    assert!(is_silent(&answer) && answer.status == StatusCode::UNAUTHORIZED, "{answer:?}");

    let hub = TestApp::with_parts(|parts| {
        parts.cors = Cors::new(vec![ORIGIN.parse().expect("an origin")]);
    })
    .await;
    let answer = preflight(&hub, ORIGIN).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(answer.header("vary"), "Origin");
    for (name, part) in [
        ("access-control-allow-methods", "DELETE"),
        ("access-control-allow-headers", "Authorization"),
        ("access-control-allow-headers", "If-Match"),
        ("access-control-max-age", "600"),
    ] {
        assert!(answer.header(name).contains(part), "{name}: {:?}", answer.headers);
    }
    for path in ["/api/v2/tasks", "/api/v2/tasks/none", "/api/v1/task"] {
        let answer = hub.get(path).header("origin", ORIGIN).await;
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "{path}");
        assert!(answer.header("access-control-expose-headers").contains("ETag"), "{path}");
        assert!(answer.header("access-control-allow-credentials").is_empty(), "{path}");
        assert_eq!(answer.header("vary"), "Origin", "{path}");
    }
    for other in ["https://console.example:8443", "https://console.example.evil", "null", "*"] {
        let answer = preflight(&hub, other).await;
        assert!(is_silent(&answer) && answer.status == StatusCode::UNAUTHORIZED, "{other}");
        let answer = hub.get("/api/v2/tasks").header("origin", other).await;
        assert!(is_silent(&answer) && answer.header("vary") == "Origin", "{other}");
    }
    let page = hub.get("/").header("origin", ORIGIN).await.expect(StatusCode::OK);
    assert!(is_silent(&page) && page.header("vary").is_empty());

    // A cookie opens nothing for a page of another origin, configured or not.
    let bob = json!({"name": "bob", "password": "correct horse battery"});
    hub.post("/api/v2/users").json(&bob).await.expect(StatusCode::CREATED);
    let opened = hub.post("/api/v2/sessions").anonymous().json(&bob).await;
    let opened = opened.expect(StatusCode::CREATED);
    let cookie = opened.header("set-cookie").split(';').next().expect("a cookie");
    let me = || hub.get("/api/v2/me").anonymous().header("cookie", cookie).header("host", "hub");
    me().await.expect(StatusCode::OK);
    let old_browser = me().header("origin", ORIGIN).await;
    assert!(old_browser.header("access-control-allow-credentials").is_empty());
    old_browser.problem(403, "cross_site");
    let asked = me().header("origin", ORIGIN).header("sec-fetch-site", "cross-site");
    asked.header("sec-fetch-mode", "cors").await.problem(403, "cross_site");
}
