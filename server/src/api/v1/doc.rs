//! The description of this API: `swagger.json`, and a page made from it. Static, without data.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::Value;

use crate::api::reference;

const SWAGGER: &str = include_str!("swagger.json");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(SWAGGER).unwrap_or_default();
    include_str!("doc.html").replace("<!--operations-->", &operations(&document))
});

/// Returns the table rows of all operations.
fn operations(document: &Value) -> String {
    let mut rows = String::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Some(summary) = operation["summary"].as_str() else { continue };
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters: Vec<String> = parameters.filter_map(parameter).collect();
            let _ = writeln!(
                rows,
                "<tr><td><code>{} /api/v1{path}</code></td><td>{summary}</td><td>{}</td></tr>",
                method.to_uppercase(),
                parameters.join(", "),
            );
        }
    }
    rows
}

fn parameter(parameter: &Value) -> Option<String> {
    let name = parameter["name"].as_str()?;
    match parameter["schema"]["$ref"].as_str() {
        Some(schema) => Some(format!("body <code>{}</code>", schema.rsplit('/').next()?)),
        None => Some(format!("<code>{name}</code>")),
    }
}

pub(super) async fn swagger() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], SWAGGER).into_response()
}

pub(super) async fn page() -> Response {
    reference::page("text/html; charset=utf-8", PAGE.as_str())
}
