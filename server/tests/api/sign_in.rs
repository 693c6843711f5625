//! Access tokens, tokens of trusted issuers, sign-in of devices and with an identity provider.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow_common::clock::{Clock as _, MockClock, SystemClock};
use flow_domain::time::Timestamp;
use flow_server::sign_in::SignInConfig;
use flow_testkit::OidcProvider;
use http::{StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use url::Url;

use crate::common::{Answer, TestApp};

/// Address of the hub for browsers. Nothing listens there: the tests read redirects to it.
const PUBLIC_URL: &str = "http://127.0.0.1:1235";
const CALLBACK: &str = "http://127.0.0.1:1235/api/v2/oidc/company/callback";

/// The key of an issuer.
struct Key {
    public: Value,
    private: EncodingKey,
}

impl Key {
    fn new(id: &str) -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random bytes");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let public = json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y });
        Self { public, private: EncodingKey::from_ec_der(pkcs8.as_ref()) }
    }

    fn sign(&self, claims: &Value) -> String {
        let id = self.public["kid"].as_str().expect("an id").to_owned();
        let header = Header { kid: Some(id), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.private).expect("the hub installed a provider")
    }

    fn set(&self) -> Value {
        json!({ "keys": [self.public] })
    }
}

fn config(value: Value) -> SignInConfig {
    let mut all = json!({ "public_url": PUBLIC_URL, "trusted_issuers": [], "oidc": {} });
    for (name, part) in value.as_object().expect("an object") {
        all[name] = part.clone();
    }
    serde_json::from_value(all).expect("a valid configuration")
}

fn seconds(clock: &MockClock) -> i64 {
    clock.now().0 / 1_000_000
}

fn clock() -> MockClock {
    MockClock::new(SystemClock.now())
}

#[tokio::test]
async fn access_token_has_the_rights_of_its_api_token_until_either_ends() {
    let hub = TestApp::start().await;
    let bob = hub.account("bob", "default", "submitter").await;
    let exchange = async |token: &str| hub.post("/api/v2/access-tokens").token(token).await;
    let made = exchange(&bob).await.expect(StatusCode::CREATED).json();
    assert_eq!(
        (made["expires_in"].as_u64(), made["token_type"].as_str()),
        (Some(900), Some("Bearer"))
    );
    let token = made["access_token"].as_str().expect("a token").to_owned();
    let me = hub.get("/api/v2/me").token(&token).await.expect(StatusCode::OK).json();
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("bob"), Some("submitter")));

    // It makes no other credential.
    exchange(&token).await.problem(403, "forbidden");
    let new = json!({ "name": "more" });
    hub.post("/api/v2/tokens").token(&token).json(&new).await.problem(403, "forbidden");

    // Others verify it with the published keys.
    let keys = hub.get("/.well-known/jwks.json").anonymous().await.expect(StatusCode::OK);
    assert!(keys.header("cache-control").contains("max-age"));
    let kid = jsonwebtoken::decode_header(&token).expect("a token").kid.expect("a key id");
    assert!(
        keys.json()["keys"].as_array().expect("keys").iter().any(|key| key["kid"] == kid.as_str())
    );

    // A lost role acts on the access token, too.
    let member = "/api/v2/projects/default/members/bob";
    hub.put(member).json(&json!({ "role": "viewer" })).await.expect(StatusCode::OK);
    let me = hub.get("/api/v2/me").token(&token).await.expect(StatusCode::OK).json();
    assert_eq!(me["role"], "viewer");

    hub.clock.advance(899);
    hub.get("/api/v2/me").token(&token).await.expect(StatusCode::OK);
    hub.clock.advance(1);
    let expired = hub.get("/api/v2/me").token(&token).await.problem(401, "unauthenticated");
    assert!(expired["detail"].as_str().is_some_and(|text| text.contains("expired")), "{expired}");

    let made = exchange(&bob).await.expect(StatusCode::CREATED).json();
    let token = made["access_token"].as_str().expect("a token").to_owned();
    let mine = hub.get("/api/v2/tokens").token(&bob).await.expect(StatusCode::OK).json();
    let id = mine["items"][0]["id"].as_str().expect("an id").to_owned();
    hub.delete(&format!("/api/v2/tokens/{id}")).await.expect(StatusCode::NO_CONTENT);
    hub.get("/api/v2/me").token(&token).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a21_stream_ends_with_its_signed_token() {
    use http_body_util::BodyExt as _;
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let bob = hub.account("bob", "default", "viewer").await;
    let made = hub.post("/api/v2/access-tokens").token(&bob).await.expect(StatusCode::CREATED);
    let made = made.json();
    let token = made["access_token"].as_str().expect("a token");
    let path = format!("/api/v2/tasks/{task}/events");
    let stream = hub.get(&path).token(token).header("accept", "text/event-stream").open().await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut stream = stream.into_body();
    stream.frame().await.expect("the first event").expect("a frame");
    hub.clock.advance(900);
    // A change of any account causes a check at once.
    hub.account("eve", "default", "viewer").await;
    let ended = async { while stream.frame().await.is_some() {} };
    let soon = std::time::Duration::from_secs(30);
    flow_common::clock::timeout(soon, ended).await.expect("the stream ends");
}

fn issuer(file: &Path, role: &str) -> Value {
    json!({
        "account": "ci", "issuer": "https://ci.example", "audience": "https://hub.example", "jwks": file,
        "claims": { "repository": "org/x", "/kubernetes.io/namespace": "train*" },
        "project": "default", "role": role,
    })
}

#[tokio::test]
async fn program_of_a_trusted_issuer_submits_without_a_stored_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let key = Key::new("one");
    std::fs::write(&file, key.set().to_string()).expect("written");
    let trusting = config(json!({ "trusted_issuers": [issuer(&file, "submitter")] }));
    let hub = TestApp::with_access(trusting, clock()).await;
    let now = seconds(&hub.clock);
    let claims = json!({
        "iss": "https://ci.example", "aud": "https://hub.example", "sub": "job 7", "exp": now + 300,
        "repository": "org/x", "kubernetes.io": { "namespace": "training" },
    });
    let token = key.sign(&claims);
    let me = hub.get("/api/v2/me").token(&token).await.expect(StatusCode::OK).json();
    assert_eq!((me["name"].as_str(), me["kind"].as_str()), (Some("ci"), Some("service")));
    assert_eq!((me["project"].as_str(), me["role"].as_str()), (Some("default"), Some("submitter")));

    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let body = hub.task_body(&hub.template().await);
    let task = hub.post("/api/v2/tasks").token(&token).json(&body).await;
    let task = task.expect(StatusCode::CREATED).header("location").to_owned();
    hub.post(&format!("{task}/start")).token(&token).await.expect(StatusCode::ACCEPTED);

    // Nothing beyond the rule.
    let party = json!({ "name": "other" });
    hub.post("/api/v2/parties").token(&token).json(&party).await.problem(403, "forbidden");
    let new = json!({ "name": "more" });
    hub.post("/api/v2/tokens").token(&token).json(&new).await.problem(403, "forbidden");
    hub.post("/api/v2/access-tokens").token(&token).await.problem(403, "forbidden");
    hub.get("/api/v2/tasks?project=other").token(&token).await.problem(404, "project_not_found");

    let mut other = claims.clone();
    other["repository"] = json!("org/y");
    let refused = hub.get("/api/v2/me").token(&key.sign(&other)).await;
    let refused = refused.problem(401, "unauthenticated");
    assert!(
        refused["detail"].as_str().is_some_and(|text| text.contains("match no rule")),
        "{refused}"
    );
    let strange = Key::new("one").sign(&claims);
    hub.get("/api/v2/me").token(&strange).await.problem(401, "unauthenticated");

    let mut nowhere = issuer(&file, "submitter");
    nowhere["project"] = json!("nowhere");
    let nowhere = config(json!({ "trusted_issuers": [nowhere] }));
    let other = TestApp::with_access(nowhere, hub.clock.clone()).await;
    let refused = other.get("/api/v2/me").token(&token).await.problem(401, "unauthenticated");
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("project")), "{refused}");

    let disabled = json!({ "disabled": true });
    hub.put("/api/v2/users/ci").json(&disabled).await.expect(StatusCode::OK);
    hub.get("/api/v2/me").token(&token).await.problem(401, "unauthenticated");
}

/// Begins the sign-in of a device; returns both codes.
async fn device(hub: &TestApp) -> (String, String) {
    let begun =
        hub.post("/api/v2/device-sign-ins").anonymous().json(&json!({ "client": "ssh" })).await;
    let begun = begun.expect(StatusCode::CREATED).json();
    let text = |name: &str| begun[name].as_str().expect("a text").to_owned();
    assert!(text("verification_uri_complete").ends_with(&text("user_code")));
    (text("device_code"), text("user_code"))
}

async fn poll(hub: &TestApp, code: &str) -> Answer {
    let body = json!({ "device_code": code });
    hub.post("/api/v2/device-sign-ins/token").anonymous().json(&body).await
}

#[tokio::test]
async fn device_gets_one_token_after_a_person_approved() {
    let hub = TestApp::start().await;
    let bob = hub.account("bob", "default", "submitter").await;
    let (device_code, user_code) = device(&hub).await;
    poll(&hub, &device_code).await.problem(400, "authorization_pending");
    poll(&hub, &device_code).await.problem(400, "slow_down");
    hub.clock.advance(6);
    poll(&hub, &device_code).await.problem(400, "slow_down");
    hub.clock.advance(20);
    poll(&hub, &device_code).await.problem(400, "authorization_pending");

    let path = format!("/api/v2/device-sign-ins/{}", user_code.to_lowercase().replace('-', ""));
    hub.get(&path).anonymous().await.problem(401, "unauthenticated");
    let shown = hub.get(&path).token(&bob).await.expect(StatusCode::OK).json();
    assert_eq!(
        (shown["client"].as_str(), shown["user_code"].as_str()),
        (Some("ssh"), Some(&*user_code))
    );
    let limited = json!({ "name": "limited", "role": "viewer" });
    let limited = hub.post("/api/v2/tokens").token(&bob).json(&limited).await;
    let limited =
        limited.expect(StatusCode::CREATED).json()["secret"].as_str().expect("a token").to_owned();
    let approve = format!("{path}/approve");
    hub.post(&approve).token(&limited).await.problem(403, "forbidden");
    hub.post(&approve).token(&bob).await.expect(StatusCode::NO_CONTENT);
    hub.post(&approve).token(&bob).await.problem(404, "user_code_not_found");

    let mut database = hub.database().await;
    let stored: Vec<(String, String)> =
        sqlx::query_as("SELECT device_digest, user_digest FROM device_sign_ins")
            .fetch_all(&mut database)
            .await
            .expect("rows");
    assert!(
        !format!("{stored:?}").contains(&device_code)
            && !format!("{stored:?}").contains(&user_code)
    );

    hub.clock.advance(60);
    let created = poll(&hub, &device_code).await.expect(StatusCode::CREATED).json();
    assert_eq!(created["token"]["user"], "bob");
    let token = created["secret"].as_str().expect("a token");
    hub.get("/api/v2/me").token(token).await.expect(StatusCode::OK);
    poll(&hub, &device_code).await.problem(400, "invalid_grant");
    let audit = hub.get("/api/v2/audit").await.expect(StatusCode::OK).json();
    let actions: Vec<_> =
        audit["items"].as_array().expect("entries").iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions[..2], [&json!("poll_device_sign_in"), &json!("approve_device_sign_in")]);
}

#[tokio::test]
async fn device_whose_code_was_denied_or_has_expired_gets_no_token() {
    let hub = TestApp::start().await;
    let (denied, user_code) = device(&hub).await;
    let deny = format!("/api/v2/device-sign-ins/{user_code}/deny");
    hub.post(&deny).await.expect(StatusCode::NO_CONTENT);
    poll(&hub, &denied).await.problem(400, "access_denied");
    poll(&hub, &denied).await.problem(400, "invalid_grant");

    let (expired, user_code) = device(&hub).await;
    hub.clock.advance(600);
    let approve = format!("/api/v2/device-sign-ins/{user_code}/approve");
    hub.post(&approve).await.problem(404, "user_code_not_found");
    poll(&hub, &expired).await.problem(400, "expired_token");

    let (deleted, user_code) = device(&hub).await;
    let bob = hub.account("bob", "default", "viewer").await;
    let approve = format!("/api/v2/device-sign-ins/{user_code}/approve");
    hub.post(&approve).token(&bob).await.expect(StatusCode::NO_CONTENT);
    hub.delete("/api/v2/users/bob").await.expect(StatusCode::NO_CONTENT);
    poll(&hub, &deleted).await.problem(400, "access_denied");

    for code in ["", "x", &"0".repeat(64), &"ü".repeat(100)] {
        poll(&hub, code).await.problem(400, "invalid_grant");
    }
    hub.post("/api/v2/device-sign-ins/AAAA/approve").await.problem(404, "user_code_not_found");
}

/// A browser: follows redirects, keeps cookies by name, and stops at the hub.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new() -> Self {
        let tls = flow_common::tls::client::config(flow_common::tls::client::Trust::None);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.expect("no authorities are needed"))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // The provider closes a connection that was idle for some seconds.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        Self { http, cookies: BTreeMap::new() }
    }

    /// Sends a request; returns the address to which it redirects, or its own.
    async fn step(&mut self, url: Url, form: Option<&str>) -> Url {
        let mut request = match form {
            Some(form) => self
                .http
                .post(url.clone())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.to_owned()),
            None => self.http.get(url.clone()),
        };
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        request = request.header(header::COOKIE, cookies.collect::<Vec<_>>().join("; "));
        let answer = request.send().await.expect("the provider answers");
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get(header::LOCATION).map(|to| to.to_str().expect("text"));
        location.map_or(url.clone(), |to| url.join(to).expect("an address"))
    }

    /// Signs in at the provider; returns the address of the hub to which it sends the person back.
    async fn sign_in(&mut self, start: &str, name: &str) -> Url {
        let mut url: Url = start.parse().expect("an address");
        for _ in 0..10 {
            if url.as_str().starts_with(CALLBACK) {
                return url;
            }
            let login = format!("prompt=login&login={name}&password=x");
            let form = match (url.path().starts_with("/interaction/"), self.is_login(&url).await) {
                (false, _) => None,
                (true, true) => Some(login.as_str()),
                (true, false) => Some("prompt=consent"),
            };
            url = self.step(url, form).await;
        }
        panic!("the provider sends nobody back: {url}");
    }

    async fn is_login(&self, url: &Url) -> bool {
        if !url.path().starts_with("/interaction/") {
            return false;
        }
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let page = self.http.get(url.clone()).header(header::COOKIE, cookies).send().await;
        page.expect("a page").text().await.expect("a text").contains("value=\"login\"")
    }
}

/// The cookie that an answer of the hub sets, as name and value.
fn cookie(answer: &Answer, name: &str) -> String {
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok());
    let cookie = cookies.find(|cookie| cookie.starts_with(name)).expect("the cookie");
    cookie.split(';').next().expect("a pair").to_owned()
}

fn provider(issuer: &str, folder: &Path, more: Value) -> SignInConfig {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = folder.join("client-secret");
    let mut options = std::fs::OpenOptions::new();
    let mut secret =
        options.create(true).truncate(true).write(true).mode(0o600).open(&file).expect("a file");
    secret.write_all(OidcProvider::SECRET.as_bytes()).expect("written");
    let mut company = json!({
        "issuer": issuer, "client_id": OidcProvider::CLIENT, "client_secret_file": file,
    });
    for (name, part) in more.as_object().expect("an object") {
        company[name] = part.clone();
    }
    config(json!({ "oidc": { "company": company } }))
}

/// Sets the wall clock of the hub to that of the machine, which a real provider reads.
fn synchronize(hub: &TestApp) {
    let ahead = (SystemClock.now().0 - hub.clock.now().0) / 1_000_000;
    hub.clock.set_by(ahead.max(0));
}

/// Begins a sign-in; returns the address at the provider and the cookie.
async fn begin(hub: &TestApp) -> (String, String) {
    let begun = hub.get("/api/v2/oidc/company/start?return_to=/tasks").anonymous().await;
    let begun = begun.expect(StatusCode::SEE_OTHER);
    (begun.header("location").to_owned(), cookie(&begun, "flow_oidc_company="))
}

fn path(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

#[tokio::test]
async fn second_person_signs_in_makes_a_token_and_submits_with_it_from_a_ci_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let real = OidcProvider::start(CALLBACK);
    let roles = json!([
        { "group": "staff", "project": "default", "role": "submitter" },
        { "group": "admins", "project": "default", "role": "operator" },
        { "group": "admins", "project": "missing", "role": "admin" },
    ]);
    let more = json!({ "create_users": true, "allowed_groups": ["staff"], "roles": roles });
    let hub = TestApp::with_access(provider(&real.issuer, folder.path(), more), clock()).await;
    let listed = hub.get("/api/v2/oidc").anonymous().await.expect(StatusCode::OK).json();
    assert_eq!(listed["items"][0]["start"], "/api/v2/oidc/company/start");

    let (location, begun) = begin(&hub).await;
    assert!(location.contains("code_challenge_method=S256"), "{location}");
    let mut browser = Browser::new();
    let callback = path(&browser.sign_in(&location, "bob").await);
    // Another browser cannot end the sign-in.
    hub.get(&callback).anonymous().await.problem(403, "sign_in_failed");
    synchronize(&hub);
    let end = async |cookie: &str| hub.get(&callback).anonymous().header("cookie", cookie).await;
    let ended = end(&begun).await.expect(StatusCode::SEE_OTHER);
    assert_eq!(ended.header("location"), "/tasks");
    let session = cookie(&ended, "flow_session=");
    assert_eq!(cookie(&ended, "flow_oidc_company="), "flow_oidc_company=", "it is removed");
    let reused = end(&begun).await.problem(403, "sign_in_failed");
    assert!(
        reused["detail"].as_str().is_some_and(|text| text.contains("invalid_grant")),
        "{reused}"
    );

    let me = hub.get("/api/v2/me").anonymous().header("cookie", &session).await;
    let me = me.expect(StatusCode::OK).json();
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("bob"), Some("submitter")));
    let new = json!({ "name": "ci job", "project": "default", "role": "submitter", "expires_in_days": 7 });
    let created =
        hub.post("/api/v2/tokens").anonymous().header("cookie", &session).json(&new).await;
    let created = created.expect(StatusCode::CREATED).json();
    let token = created["secret"].as_str().expect("a token").to_owned();

    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let body = hub.task_body(&hub.template().await);
    let made =
        hub.post("/api/v2/access-tokens").token(&token).await.expect(StatusCode::CREATED).json();
    let short = made["access_token"].as_str().expect("a token").to_owned();
    let task =
        hub.post("/api/v2/tasks").token(&short).json(&body).await.expect(StatusCode::CREATED);
    let start = format!("{}/start", task.header("location"));
    hub.post(&start).token(&token).await.expect(StatusCode::ACCEPTED);

    // The same person has the same account; the provider has replaced its key, with other algorithms.
    for (algorithm, name, role) in [
        ("ES256", "bob", "submitter"),
        ("PS256", "bob", "submitter"),
        ("RS256", "admin-eve", "operator"),
    ] {
        let rotate = format!("{}/rotate?alg={algorithm}", real.issuer);
        Browser::new().step(rotate.parse().expect("an address"), None).await;
        // The hub fetches a set again for an unknown key, but not at once.
        hub.clock.advance(11);
        let (location, begun) = begin(&hub).await;
        let callback = path(&Browser::new().sign_in(&location, name).await);
        synchronize(&hub);
        let ended = hub.get(&callback).anonymous().header("cookie", &begun).await;
        let session = cookie(&ended.expect(StatusCode::SEE_OTHER), "flow_session=");
        let me = hub.get("/api/v2/me").anonymous().header("cookie", &session).await;
        let me = me.expect(StatusCode::OK).json();
        assert_eq!(
            (me["name"].as_str(), me["role"].as_str()),
            (Some(name), Some(role)),
            "{algorithm}"
        );
    }
    let users = hub.get("/api/v2/users").await.expect(StatusCode::OK).json();
    assert_eq!(users["items"].as_array().expect("accounts").len(), 3, "{users}");
}

#[tokio::test]
async fn group_of_a_provider_administers_the_federation_until_the_next_sign_in_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let real = OidcProvider::start(CALLBACK);
    let access = |group: &str| {
        let more = json!({ "create_users": true, "federation_admin_groups": [group] });
        provider(&real.issuer, folder.path(), more)
    };
    let sign_in = async |hub: &TestApp, name: &str| {
        let (location, begun) = begin(hub).await;
        let callback = path(&Browser::new().sign_in(&location, name).await);
        synchronize(hub);
        let ended = hub.get(&callback).anonymous().header("cookie", &begun).await;
        cookie(&ended.expect(StatusCode::SEE_OTHER), "flow_session=")
    };
    let is_admin = async |hub: &TestApp, session: &str| {
        let me = hub.get("/api/v2/me").anonymous().header("cookie", session).await;
        me.expect(StatusCode::OK).json()["federation_admin"].as_bool().expect("a flag")
    };
    let hub = TestApp::with_access(access("admins"), clock()).await;
    let eve = sign_in(&hub, "admin-eve").await;
    let bob = sign_in(&hub, "bob").await;
    assert!(is_admin(&hub, &eve).await && !is_admin(&hub, &bob).await);
    let by_hand = json!({ "federation_admin": true });
    let edited = hub.put("/api/v2/users/bob").anonymous().header("cookie", &eve).json(&by_hand);
    edited.await.expect(StatusCode::OK);
    assert!(is_admin(&hub, &bob).await);
    let bob_again = sign_in(&hub, "bob").await;
    assert!(!is_admin(&hub, &bob_again).await && !is_admin(&hub, &bob).await);

    // The group is no longer that of administrators.
    let hub = hub.restart_with(access("owners")).await;
    assert!(is_admin(&hub, &eve).await, "until the next sign-in");
    let eve_again = sign_in(&hub, "admin-eve").await;
    assert!(!is_admin(&hub, &eve_again).await && !is_admin(&hub, &eve).await);
    let audit = hub.get("/api/v2/audit").await.expect(StatusCode::OK).json();
    let newest = audit["items"]
        .as_array()
        .expect("entries")
        .iter()
        .find(|entry| entry["action"] == "edit_user" && entry["object"] == "admin-eve");
    assert_eq!(newest.expect("an entry")["detail"], "groups at company: federation_admin = false");
}

/// Answers of a provider that the test sets.
#[derive(Clone)]
struct Fake {
    issuer: String,
    answers: Arc<Mutex<Answers>>,
}

struct Answers {
    metadata: Value,
    keys: Value,
    id_token: String,
    user: Value,
}

impl Fake {
    async fn start(key: &Key) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let metadata = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            "userinfo_endpoint": format!("{issuer}/user"),
            "authorization_response_iss_parameter_supported": true,
        });
        let answers =
            Answers { metadata, keys: key.set(), id_token: String::new(), user: json!({}) };
        let fake = Self { issuer, answers: Arc::new(Mutex::new(answers)) };
        type Shared = State<Fake>;
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async |State(fake): Shared| Json(fake.answers.lock().metadata.clone())),
            )
            .route("/keys", get(async |State(fake): Shared| Json(fake.answers.lock().keys.clone())))
            .route("/user", get(async |State(fake): Shared| Json(fake.answers.lock().user.clone())))
            .route(
                "/token",
                post(async |State(fake): Shared| {
                    let id_token = fake.answers.lock().id_token.clone();
                    Json(json!({ "id_token": id_token, "access_token": "access", "token_type": "Bearer" }))
                }),
            )
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }
}

#[tokio::test]
async fn false_statements_of_a_provider_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = Key::new("one");
    let fake = Fake::start(&key).await;
    let config = provider(&fake.issuer, folder.path(), json!({ "create_users": true }));
    let hub = TestApp::with_access(config, MockClock::new(Timestamp(1_800_000_000_000_000))).await;
    let now = seconds(&hub.clock);
    let access_hash = {
        let digest = ring::digest::digest(&ring::digest::SHA256, b"access");
        URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
    };
    let good = json!({
        "iss": fake.issuer, "aud": "flow", "sub": "1", "iat": now, "exp": now + 300,
        "preferred_username": "bob", "at_hash": access_hash,
    });
    // Signs in with these changed claims and parameters of the callback.
    let attempt = async |claims: &[(&str, Value)],
                         params: &[(&str, &str)],
                         sign: &dyn Fn(&Value) -> String| {
        let (location, cookie) = begin(&hub).await;
        let location: Url = location.parse().expect("an address");
        let sent: BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        let mut token = good.clone();
        token["nonce"] = json!(sent["nonce"]);
        for (name, value) in claims {
            token[*name] = value.clone();
        }
        fake.answers.lock().id_token = sign(&token);
        let mut url: Url = CALLBACK.parse().expect("an address");
        let mut query = BTreeMap::from([
            ("code".to_owned(), "c".to_owned()),
            ("state".to_owned(), sent["state"].clone()),
            ("iss".to_owned(), fake.issuer.clone()),
        ]);
        for (name, value) in params {
            match *value {
                "" => drop(query.remove(*name)),
                value => drop(query.insert((*name).to_owned(), value.to_owned())),
            }
        }
        url.query_pairs_mut().extend_pairs(query);
        hub.get(&path(&url)).anonymous().header("cookie", &cookie).await
    };
    let signed = |claims: &Value| key.sign(claims);
    attempt(&[], &[], &signed).await.expect(StatusCode::SEE_OTHER);
    attempt(&[("aud", json!(["flow", "b"])), ("azp", json!("flow"))], &[], &signed)
        .await
        .expect(StatusCode::SEE_OTHER);

    let cases: &[(&str, Value, &str)] = &[
        ("nonce", json!("other"), "nonce"),
        ("nonce", Value::Null, "nonce"),
        ("iss", json!("https://other.example"), "another issuer"),
        ("aud", json!("other"), "another audience"),
        ("aud", json!(["other", "flows"]), "another audience"),
        ("aud", json!(["flow", "other"]), "azp"),
        ("azp", json!("other"), "azp"),
        ("exp", json!(now - 100), "expired"),
        ("exp", Value::Null, "exp"),
        ("iat", json!(now + 1000), "not valid yet"),
        ("at_hash", json!("AAAA"), "at_hash"),
        ("sub", json!(""), "sub"),
    ];
    for (claim, value, cause) in cases {
        let refused = attempt(&[(claim, value.clone())], &[], &signed).await;
        let refused = refused.problem(403, "sign_in_failed");
        assert!(
            refused["detail"].as_str().is_some_and(|text| text.contains(cause)),
            "{cause}: {refused}"
        );
    }
    for (params, cause) in [
        (("iss", "https://other.example"), "another issuer"),
        (("iss", ""), "another issuer"),
        (("state", "other"), "another sign-in"),
        (("state", ""), "another sign-in"),
        (("code", ""), "no authorization code"),
        (("error", "access_denied"), "access_denied"),
    ] {
        let refused = attempt(&[], &[params], &signed).await.problem(403, "sign_in_failed");
        assert!(
            refused["detail"].as_str().is_some_and(|text| text.contains(cause)),
            "{cause}: {refused}"
        );
    }
    let unsigned = |header: Value| {
        move |claims: &Value| {
            let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
            format!("{}.{}.AAAA", part(&header), part(claims))
        }
    };
    let stranger = Key::new("one");
    hub.clock.advance(20);
    for sign in [
        &unsigned(json!({ "alg": "none" })) as &dyn Fn(&Value) -> String,
        &unsigned(json!({ "alg": "HS256", "kid": "one" })),
        &unsigned(json!({ "alg": "ES256", "kid": "other" })),
        &|claims| stranger.sign(claims),
    ] {
        attempt(&[], &[], sign).await.problem(403, "sign_in_failed");
    }

    // A name is no proof: the account of another person is not taken over.
    let ended = attempt(&[("sub", json!("2"))], &[], &signed).await.expect(StatusCode::SEE_OTHER);
    let session = cookie(&ended, "flow_session=");
    let me = hub.get("/api/v2/me").anonymous().header("cookie", &session).await;
    assert_eq!(me.expect(StatusCode::OK).json()["name"], "bob-2");

    // A sign-in that began too long ago.
    let (location, begun) = begin(&hub).await;
    let location: Url = location.parse().expect("an address");
    let (_, state) = location.query_pairs().find(|(name, _)| name == "state").expect("a state");
    let late = format!("/api/v2/oidc/company/callback?code=c&state={state}&iss={}", fake.issuer);
    hub.clock.advance(601);
    hub.get(&late).anonymous().header("cookie", &begun).await.problem(403, "sign_in_failed");

    fake.answers.lock().metadata["issuer"] = json!("https://other.example");
    let start = hub.get("/api/v2/oidc/company/start").anonymous().await;
    let refused = start.problem(403, "sign_in_failed");
    assert!(
        refused["detail"].as_str().is_some_and(|text| text.contains("another issuer")),
        "{refused}"
    );
    hub.get("/api/v2/oidc/other/start").anonymous().await.problem(404, "provider_not_found");
}

#[tokio::test]
async fn person_without_an_account_signs_in_after_an_administrator_linked_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = Key::new("one");
    let fake = Fake::start(&key).await;
    let config = provider(&fake.issuer, folder.path(), json!({ "allowed_groups": ["staff"] }));
    let hub = TestApp::with_access(config, MockClock::new(Timestamp(1_800_000_000_000_000))).await;
    let now = seconds(&hub.clock);
    let bob = hub.account("bob", "default", "viewer").await;
    let attempt = async || {
        let (location, cookie) = begin(&hub).await;
        let location: Url = location.parse().expect("an address");
        let sent: BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        fake.answers.lock().id_token = key.sign(&json!({
            "iss": fake.issuer, "aud": "flow", "sub": "person 1", "exp": now + 300, "nonce": sent["nonce"],
        }));
        let mut url: Url = CALLBACK.parse().expect("an address");
        url.query_pairs_mut().extend_pairs([
            ("code", "c"),
            ("state", &sent["state"]),
            ("iss", &fake.issuer),
        ]);
        hub.get(&path(&url)).anonymous().header("cookie", &cookie).await
    };
    for user in [
        json!({ "sub": "person 1" }),
        json!({ "sub": "person 1", "groups": ["others"] }),
        json!({ "sub": "person 2", "groups": ["staff"] }),
    ] {
        fake.answers.lock().user = user;
        attempt().await.problem(403, "sign_in_failed");
    }
    fake.answers.lock().user = json!({ "sub": "person 1", "groups": ["staff"] });
    let refused = attempt().await.problem(403, "sign_in_failed");
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("person 1")), "{refused}");

    let link = "/api/v2/oidc/company/identities";
    let input = json!({ "user": "bob", "subject": "person 1" });
    hub.post(link).token(&bob).json(&input).await.problem(403, "forbidden");
    hub.post(link)
        .json(&json!({ "user": "eve", "subject": "person 1" }))
        .await
        .problem(404, "user_not_found");
    hub.post(link).json(&input).await.expect(StatusCode::NO_CONTENT);
    hub.post(link).json(&input).await.problem(409, "identity_linked");
    let session = cookie(&attempt().await.expect(StatusCode::SEE_OTHER), "flow_session=");
    let me = hub.get("/api/v2/me").anonymous().header("cookie", &session).await;
    assert_eq!(me.expect(StatusCode::OK).json()["name"], "bob");
    hub.delete("/api/v2/users/bob").await.expect(StatusCode::NO_CONTENT);
    attempt().await.problem(403, "sign_in_failed");
}
