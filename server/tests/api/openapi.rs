//! The OpenAPI document is complete and up to date, and every route needs a token.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::common::TestApp;

fn document() -> Value {
    serde_json::to_value(flow_server::api::document()).expect("serializable")
}

fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let method = method.to_uppercase().parse().expect("a method");
            found.push((method, path.clone(), operation.clone()));
        }
    }
    found
}

#[test]
fn openapi_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let text = flow_server::api::openapi_json().to_owned() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).expect("docs are writable");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "docs/openapi.json is out of date: run `make generate`");
}

#[test]
fn every_reference_of_the_openapi_document_resolves() {
    let document = document();
    let mut open = vec![&document];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    let pointer =
                        reference.strip_prefix('#').expect("a reference into the document");
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                    seen += 1;
                }
                open.extend(object.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(seen > 50, "only {seen} references were found");
}

#[test]
fn every_operation_of_the_openapi_document_has_texts() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
        assert!(!text("summary").is_empty(), "{method} {path} has no summary");
        assert!(
            ids.insert(text("operationId")),
            "{method} {path}: its id {} is not its own",
            text("operationId")
        );
        let in_path: BTreeSet<&str> =
            path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let described: BTreeSet<&str> = parameters
            .iter()
            .filter(|p| p["in"] == "path")
            .filter_map(|p| p["name"].as_str())
            .collect();
        assert_eq!(in_path, described, "{method} {path}");
        for (status, response) in operation["responses"].as_object().expect("responses") {
            assert!(
                response["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path} {status}"
            );
        }
    }
}

#[tokio::test]
async fn every_operation_except_probes_and_static_pages_needs_a_token() {
    let hub = TestApp::start().await;
    let mut open = Vec::new();
    for (method, path, operation) in operations(&document()) {
        let id = "0".repeat(32);
        let real = path.replace("{task}", &id).replace("{run}", &id).replace("{template}", &id);
        let real =
            real.replace("{party}", "p").replace("{revision}", "1").replace("{file}", "docs.js");
        let real = real.replace("{path}", "model.npz");
        let real = real.replace("{orphan}", &format!("p.{id}.1"));
        let real = real.replace("{user}", "u").replace("{token}", &id).replace("{session}", &id);
        let real = real.replace("{project}", "default");
        let real = real.replace("{provider}", "company").replace("{user_code}", "BCDF-GHJK");
        let answer = hub.call(method.clone(), &real).anonymous().await;
        if operation["security"] == serde_json::json!([{}]) {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            open.push(path);
            continue;
        }
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
        answer.problem(401, "unauthenticated");
        let wrong = hub.call(method, &real).anonymous().header("authorization", "Bearer 0123");
        wrong.await.problem(401, "unauthenticated");
    }
    let public = [
        "/",
        "/.well-known/jwks.json",
        "/api/v2/device-sign-ins",
        "/api/v2/device-sign-ins/token",
        "/api/v2/oidc",
        "/api/v2/oidc/{provider}/callback",
        "/api/v2/oidc/{provider}/start",
        "/api/v2/sessions",
        "/api/v2/setup",
        "/assets/{file}",
        "/device",
        "/docs",
        "/docs/{file}",
        "/guides/{file}",
        "/livez",
        "/readyz",
    ];
    assert_eq!(open.iter().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(public));
    for (method, path) in
        [(Method::GET, "/api/v2/nothing"), (Method::PATCH, "/api/v2/tasks"), (Method::GET, "/x")]
    {
        hub.call(method, path).anonymous().await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn openapi_document_is_served_with_a_token() {
    let hub = TestApp::start().await;
    let served = hub.get("/openapi.json").await.expect(StatusCode::OK);
    assert_eq!(served.json(), document());
}
