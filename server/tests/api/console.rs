//! The web console over real connections: encodings, entity tags, pages at unknown paths, and a hub
//! below a path.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use flow_server::listener::ListenerLimits;
use flow_server::sign_in::SignInConfig;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::{CONSOLE, TestApp};

const SCRIPT: &str = "/assets/app-1a2b.js";
/// Headers of a browser that opens an address.
const BROWSER: &[(&str, &str)] = &[("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")];

/// A response as it was on the wire.
#[derive(Debug)]
struct Wire {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Wire {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Starts the listener of a hub.
async fn listen(hub: &TestApp) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let limits = ListenerLimits::of(100);
    tokio::spawn(flow_server::api::serve(Arc::clone(&hub.app), listener, limits, None));
    address
}

/// Sends a request without credentials on a connection of its own.
async fn send(address: SocketAddr, request: &str, headers: &[(&str, &str)]) -> Wire {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut text = format!("{request} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let pairs = lines.filter_map(|line| line.split_once(": "));
    Wire {
        status: status.parse().expect("a number"),
        headers: pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn assets_have_an_entity_tag_per_encoding_and_are_kept_for_ever() {
    let hub = TestApp::start().await;
    let address = listen(&hub).await;
    let mut tags = Vec::new();
    for (accepted, encoding, body) in [
        ("gzip, deflate, br", "br", "brotli"),
        ("br;q=0.2, gzip", "gzip", "gzip"),
        ("br;q=0", "", "plain"),
    ] {
        let sent = ("Accept-Encoding", accepted);
        let file = send(address, &format!("GET {SCRIPT}"), &[sent]).await;
        assert_eq!((file.status, file.body.as_str()), (200, body), "{file:?}");
        for (name, expected) in [
            ("content-encoding", encoding),
            ("content-type", "text/javascript; charset=utf-8"),
            ("content-length", &body.len().to_string()),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("vary", "Accept-Encoding"),
            ("content-security-policy", flow_console::POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(file.header(name), expected, "{name}");
        }
        let tag = file.header("etag").to_owned();
        let again = [sent, ("If-None-Match", tag.as_str())];
        let known = send(address, &format!("GET {SCRIPT}"), &again).await;
        assert_eq!((known.status, known.body.as_str()), (304, ""), "{known:?}");
        assert_eq!(known.header("etag"), tag);
        let head = send(address, &format!("HEAD {SCRIPT}"), &[sent]).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{head:?}");
        for name in ["etag", "content-length", "content-encoding", "vary"] {
            assert_eq!(head.header(name), file.header(name), "{name}");
        }
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    let theme = send(address, "GET /theme.js", &[]).await;
    assert_eq!((theme.status, theme.header("cache-control")), (200, "no-cache"), "{theme:?}");
    let changed = send(address, "POST /theme.js", &[("Content-Length", "0")]).await;
    assert_eq!(changed.status, 401, "{changed:?}");
    hub.get("/assets/app-0000.js").anonymous().await.problem(404, "route_not_found");
}

#[tokio::test]
async fn browsers_get_the_page_at_unknown_paths_and_clients_get_problems() {
    let hub = TestApp::start().await;
    let address = listen(&hub).await;
    for path in ["/", "/tasks", "/tasks/digits/runs/3?tab=logs", "/parties/a.b", "/apix"] {
        let page = send(address, &format!("GET {path}"), BROWSER).await;
        assert_eq!((page.status, page.body.as_str()), (200, CONSOLE), "{path}");
        assert_eq!(page.header("content-security-policy"), flow_console::POLICY);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-cache");
        assert_eq!(page.header("x-frame-options"), "DENY");
        let again = [BROWSER[0], ("If-None-Match", page.header("etag"))];
        assert_eq!(send(address, &format!("GET {path}"), &again).await.status, 304, "{path}");
        let head = send(address, &format!("HEAD {path}"), BROWSER).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), CONSOLE.len().to_string());
    }
    for path in ["/api", "/api/v2/nothing", "//api/v2/nothing", "/.well-known/x", "/metrics/x"] {
        let answer = send(address, &format!("GET {path}"), BROWSER).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    for path in ["/assets/none.js", "/guides/none.md", "/docs/none.js"] {
        let answer = send(address, &format!("GET {path}"), BROWSER).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    hub.get("/api/v2/nothing").header("accept", "text/html").await.problem(404, "route_not_found");
    hub.get("/tasks").header("accept", "application/json").await.problem(404, "route_not_found");
    let posted = hub.post("/tasks").header("accept", "text/html").await;
    posted.problem(404, "route_not_found");
}

#[tokio::test]
async fn page_names_the_path_of_the_public_address_or_of_a_trusted_proxy() {
    let config = SignInConfig {
        public_url: Some("https://hub.example/flow/".to_owned()),
        ..SignInConfig::default()
    };
    let hub = TestApp::with_access(config, Default::default()).await;
    let address = listen(&hub).await;
    let page = CONSOLE.replace("href=\"/\"", "href=\"/flow/\"");
    // With and without a proxy that removes the path.
    for path in ["/", "/tasks", "/flow", "/flow/", "/flow/tasks?phase=failed"] {
        let found = send(address, &format!("GET {path}"), BROWSER).await;
        assert_eq!((found.status, &found.body), (200, &page), "{path}");
    }
    assert_eq!(send(address, &format!("GET /flow{SCRIPT}"), &[]).await.body, "plain");
    assert_eq!(send(address, "GET /flow/livez", &[]).await.body, "ok\n");
    assert_eq!(send(address, "GET /flow/api/v2/me", BROWSER).await.status, 401);
    assert_eq!(send(address, "GET /flowers", &[]).await.status, 401);
    let forwarded = [BROWSER[0], ("X-Forwarded-Prefix", "/other")];
    let untrusted = send(address, "GET /", &forwarded).await;
    assert_eq!(untrusted.body, page, "the proxy is not trusted");

    let hub = TestApp::with_parts(|parts| {
        parts.access.trusted_proxies = "127.0.0.0/8".parse().expect("a network");
    })
    .await;
    let address = listen(&hub).await;
    let page = |base: &str| CONSOLE.replace("href=\"/\"", &format!("href=\"{base}\""));
    for (prefix, base) in [
        ("/other", "/other/"),
        ("/a/b/", "/a/b/"),
        ("//evil.example", "/"),
        ("/\"><script>", "/"),
        ("", "/"),
    ] {
        let forwarded = [BROWSER[0], ("X-Forwarded-Prefix", prefix)];
        for path in ["/", "/tasks"] {
            let found = send(address, &format!("GET {path}"), &forwarded).await;
            assert_eq!((found.status, found.body), (200, page(base)), "{prefix} {path}");
        }
    }
    hub.get("/").anonymous().await.expect(StatusCode::OK);
}
