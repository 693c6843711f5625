//! Checks every response against the served OpenAPI document: operation, status, headers, media
//! type and body.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use http::{HeaderMap, Method, StatusCode, header};
use jsonschema::Validator;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::new);

/// The document and the validators that were used so far.
struct Document {
    value: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// The document of `/api/v1`.
static V1_DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../src/api/v1/swagger.json")).expect("JSON")
});

/// Returns the document as the hub serves it.
pub fn document() -> &'static Value {
    &DOCUMENT.value
}

/// Returns all errors of a value under a schema of the document.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let validator = DOCUMENT.validator(schema);
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Returns a schema by name.
pub fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An operation of the document.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    value: &'static Value,
}

impl Operation {
    /// Returns the operation of this request, if there is one.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        let method = if method == Method::HEAD { Method::GET } else { method.clone() };
        let paths = document()["paths"].as_object().expect("paths");
        let (_, item) = paths.iter().find(|(template, _)| matches(template, path))?;
        item.get(method.as_str().to_lowercase()).map(|value| Self { value })
    }

    /// Returns all operations of the document.
    pub fn all() -> impl Iterator<Item = Self> {
        let items = document()["paths"].as_object().expect("paths").values();
        items
            .flat_map(|item| item.as_object().expect("operations").values())
            .map(|value| Self { value })
    }

    pub fn id(&self) -> &'static str {
        self.value["operationId"].as_str().expect("a name")
    }

    pub fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        self.value["parameters"].as_array().into_iter().flatten().map(resolve)
    }

    /// Returns a parameter by location and name.
    pub fn parameter(&self, place: &str, name: &str) -> Option<Value> {
        self.parameters()
            .find(|parameter| parameter["in"] == place && parameter["name"] == name)
            .cloned()
    }

    /// Returns the links of all responses, each with its name and its response.
    pub fn links(&self) -> impl Iterator<Item = (&'static str, &'static Value, &'static Value)> {
        let responses = self.value["responses"].as_object().expect("responses").values();
        responses.flat_map(|response| {
            let links = response["links"].as_object().into_iter().flatten();
            links.map(move |(name, link)| (name.as_str(), link, response))
        })
    }

    /// Checks the head of a response.
    #[track_caller]
    pub fn check_head(&self, status: StatusCode, headers: &HeaderMap) {
        let response = self.response(status);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = resolve(header);
            let sent = headers.get(name.as_str()).and_then(|value| value.to_str().ok());
            let sent = sent
                .unwrap_or_else(|| panic!("{} {status}: the header {name} is missing", self.id()));
            let wrong = faults(&header["schema"], &sent.into());
            assert!(
                wrong.is_empty(),
                "{} {status}: the header {name} is {sent:?}: {wrong:?}",
                self.id()
            );
        }
        let kind = media_type(headers);
        let contents = response["content"].as_object();
        let known = contents.is_some_and(|contents| contents.keys().any(|known| known == kind));
        assert!(
            known || (contents.is_none() && kind.is_empty()),
            "{} {status}: the content type {kind:?} is not documented",
            self.id()
        );
    }

    /// Checks the body of a response.
    #[track_caller]
    pub fn check_body(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
        let content = &self.response(status)["content"][media_type(headers)];
        if content.is_null() {
            assert!(body.is_empty(), "{} {status}: a body where none is documented", self.id());
            return;
        }
        let value = if media_type(headers).ends_with("json") {
            serde_json::from_slice(body)
                .unwrap_or_else(|error| panic!("{} {status}: {error}", self.id()))
        } else {
            Value::String(String::from_utf8_lossy(body).into_owned())
        };
        let wrong = faults(&content["schema"], &value);
        assert!(
            wrong.is_empty(),
            "{} {status}: the body is not as documented: {wrong:#?}\n{value}",
            self.id()
        );
    }

    /// Checks that the document accepts a body that the hub has accepted.
    #[track_caller]
    pub fn check_request(&self, body: &Value) {
        let schema = &self.value["requestBody"]["content"]["application/json"]["schema"];
        if !schema.is_null() {
            let wrong = faults(schema, body);
            assert!(
                wrong.is_empty(),
                "{} accepts what the document does not allow: {wrong:#?}\n{body}",
                self.id()
            );
        }
    }

    #[track_caller]
    fn response(&self, status: StatusCode) -> &'static Value {
        let response = &self.value["responses"][status.as_str()];
        assert!(!response.is_null(), "{}: the status {status} is not documented", self.id());
        response
    }
}

/// Checks a response of `/api/v1` against the document of that interface.
#[track_caller]
pub fn check_v1(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if status.is_success() && ["/swagger.json", "/doc"].contains(&path) {
        return;
    }
    assert_eq!(media_type(headers), "application/json", "{path} {status}");
    let body: Value = serde_json::from_slice(body).expect("an envelope is JSON");
    let paths = V1_DOCUMENT["paths"].as_object().expect("paths");
    let item = paths.iter().find(|(template, _)| matches(template, path)).map(|(_, item)| item);
    let operation = item.and_then(|item| item.get(method.as_str().to_lowercase()));
    let schema = match operation {
        Some(operation) => {
            let responses = &operation["responses"];
            let response = responses.get(status.as_str()).unwrap_or(&responses["default"]);
            response["schema"].clone()
        }
        None => {
            assert!(!status.is_success(), "{method} {path} is not documented");
            json!({ "$ref": "#/definitions/Response" })
        }
    };
    let root = json!({ "allOf": [schema], "definitions": V1_DOCUMENT["definitions"] });
    let validator =
        jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&root).expect("a schema");
    let wrong: Vec<String> = validator
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{method} {path} {status}: {wrong:#?}\n{body}");
}

/// Checks the response to a request without an operation: a problem.
#[track_caller]
pub fn check_without_operation(status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    assert!(
        !status.is_success(),
        "an address or method that is not documented is answered with {status}"
    );
    if body.is_empty() {
        return;
    }
    assert_eq!(media_type(headers), "application/problem+json", "{status}");
    let problem = serde_json::from_slice(body).expect("a problem is JSON");
    assert_eq!(faults(&schema("Problem"), &problem), [""; 0], "{problem}");
}

fn media_type(headers: &HeaderMap) -> &str {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

fn matches(template: &str, path: &str) -> bool {
    let (mut expected, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(text))
                if part == text || (part.starts_with('{') && !text.is_empty()) => {}
            _ => return false,
        }
    }
}

fn resolve(value: &'static Value) -> &'static Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    let pointer = reference.strip_prefix('#').expect("a reference into the document");
    document().pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

impl Document {
    fn new() -> Self {
        let value =
            serde_json::from_str(flow_server::api::openapi_json()).expect("the document is JSON");
        Self { value, validators: Mutex::default() }
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().expect("nothing panics with the lock held");
        let made = || {
            // The references of the schema point to these components.
            let root = json!({ "allOf": [schema], "components": self.value["components"] });
            let options = jsonschema::options()
                .with_draft(jsonschema::Draft::Draft202012)
                .should_validate_formats(true);
            Arc::new(options.build(&root).expect("the document's schemas are schemas"))
        };
        Arc::clone(validators.entry(schema.to_string()).or_insert_with(made))
    }
}
