//! Extractors of handlers: caller, typed ids, query parameters, JSON body, conditional headers.
//! They reject an invalid request with an error that names the field and its valid values.

use axum::RequestPartsExt as _;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use flow_domain::error::{Error, ErrorCode, FieldCode, pointer};
use flow_domain::id::Digest;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Uri, header};
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::json;
use super::problem::{ApiError, field};
use crate::engine::{IdempotencyKey, Principal};
use flow_api_types::limits::IDEMPOTENCY_KEY_CHARS_MAX;

/// Longest unknown name for which the error suggests a known one, in bytes.
const SUGGESTION_NAME_BYTES_MAX: usize = 64;
/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The authenticated caller. The middleware `authorize` adds it to the request, so a handler cannot
/// skip authentication.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Error::internal("the route is not behind authentication").into())
    }
}

/// Ids of the path, as a struct of typed fields. A malformed id is an unknown id: 404.
#[derive(Debug)]
pub struct Ids<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequestParts<S> for Ids<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = match parts.extract::<Path<Vec<(String, String)>>>().await {
            Ok(Path(pairs)) => pairs,
            Err(PathRejection::FailedToDeserializePathParams(refused)) => {
                return Err(Error::new(ErrorCode::Malformed, refused.body_text()).into());
            }
            Err(other) => return Err(Error::internal(other).into()),
        };
        let source = MapDeserializer::<_, serde::de::value::Error>::new(pairs.into_iter());
        let ids = serde_path_to_error::deserialize(source);
        ids.map(Self).map_err(|refused| bad_id(&refused.path().to_string(), refused.inner()).into())
    }
}

fn bad_id(key: &str, problem: &serde::de::value::Error) -> Error {
    let code = match key {
        "task" => ErrorCode::TaskNotFound,
        "run" => ErrorCode::RunNotFound,
        "party" => ErrorCode::PartyNotFound,
        "orphan" => ErrorCode::OrphanNotFound,
        "template" => ErrorCode::TemplateNotFound,
        "revision" => ErrorCode::RevisionNotFound,
        "path" => ErrorCode::OutputNotFound,
        "user" => ErrorCode::UserNotFound,
        "token" => ErrorCode::TokenNotFound,
        "session" => ErrorCode::SessionNotFound,
        "project" => ErrorCode::ProjectNotFound,
        _ => ErrorCode::RouteNotFound,
    };
    Error::new(code, format!("there is no {key} with this id: {problem}"))
}

/// Query parameters, as a struct. Unknown parameters are rejected: a misspelt filter must not
/// return the whole list.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let joined = with_joined_labels(&parts.uri);
        match Query::try_from_uri(joined.as_ref().unwrap_or(&parts.uri)) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(refused) => {
                let text = std::error::Error::source(&refused)
                    .map_or_else(|| refused.to_string(), ToString::to_string);
                let (name, message) = text.split_once(": ").unwrap_or(("", &text));
                let (code, at, message) = explain(message);
                let name = at.as_deref().unwrap_or(name);
                Err(field(format!("?{name}"), code, message).into())
            }
        }
    }
}

/// The only query parameter that a request may repeat, besides those that a handler reads itself.
const REPEATED: &str = "label";

/// Returns the address with repeated labels as one parameter, separated by commas.
fn with_joined_labels(uri: &Uri) -> Option<Uri> {
    let pairs = || url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let labels: Vec<_> =
        pairs().filter(|(name, _)| name == REPEATED).map(|(_, value)| value).collect();
    if labels.len() < 2 {
        return None;
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs().filter(|(name, _)| name != REPEATED))
        .append_pair(REPEATED, &labels.join(","))
        .finish();
    format!("/?{query}").parse().ok()
}

/// A JSON body and the digest of its bytes.
#[derive(Debug)]
pub struct Body<T> {
    pub value: T,
    /// SHA-256 of the bytes of the body.
    pub digest: Digest,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        check_json(request.headers())?;
        Ok(Self::read(&bytes(request, state).await?)?)
    }
}

impl<T: DeserializeOwned> Body<T> {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let value = parse(bytes)?;
        // serde reads a struct from a list of its fields, too.
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(field("", FieldCode::WrongType, "must be an object, not a list"));
        }
        Ok(Self { value, digest: Digest::of(bytes) })
    }
}

/// A JSON body that the request may leave out. `null` equals none.
#[derive(Debug)]
pub struct OptionalBody<T>(pub Option<Body<T>>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json = check_json(request.headers());
        let bytes = bytes(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        json?;
        let Body { value, digest } = Body::<Option<T>>::read(&bytes)?;
        Ok(Self(value.map(|value| Body { value, digest })))
    }
}

fn check_json(headers: &HeaderMap) -> Result<(), Error> {
    if is_json(headers) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::UnsupportedMediaType,
        "the body is not declared as JSON; send it with `Content-Type: application/json`",
    ))
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    Bytes::from_request(request, state).await.map_err(|refused| {
        if refused.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            Error::new(
                ErrorCode::TooLarge,
                format!("the body has more than {BODY_BYTES_MAX} bytes; send a smaller one"),
            )
        } else {
            Error::new(
                ErrorCode::Malformed,
                "the body ended before its `Content-Length`; repeat the request",
            )
        }
    })
}
fn is_json(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let bytes = bytes.strip_prefix(json::BYTE_ORDER_MARK).unwrap_or(bytes);
    let bytes = &json::with_whole_numbers(bytes);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let malformed = |error: &serde_json::Error| {
        Error::new(ErrorCode::Malformed, format!("the body is not JSON: {error}"))
    };
    let value = serde_path_to_error::deserialize(&mut source).map_err(|refused| {
        // serde_json reports a value of a wrong type as a syntax error where it expects the name of
        // a variant.
        if !refused.inner().is_data() && serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
            return malformed(refused.inner());
        }
        let text = refused.inner().to_string();
        // The pointer replaces the line and column.
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        let (code, at, message) = explain(text);
        let mut path: Vec<String> = refused.path().iter().filter_map(segment).collect();
        if let Some(at) = at
            && path.last() != Some(&at)
        {
            path.push(at);
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        field(pointer(&path), code, message)
    })?;
    source.end().map_err(|error| malformed(&error))?;
    match json::duplicate_key(bytes) {
        None => Ok(value),
        Some(path) => {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            Err(field(pointer(&path), FieldCode::Duplicate, "is a duplicate key; send it once"))
        }
    }
}

fn segment(segment: &serde_path_to_error::Segment) -> Option<String> {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// Converts an error message of serde to a code, the name of the field if the message has one, and
/// a text for users.
fn explain(text: &str) -> (FieldCode, Option<String>, String) {
    let named = || text.split('`').nth(1).map(ToOwned::to_owned);
    if text.starts_with("unknown field") {
        let name = named().unwrap_or_default();
        let known: Vec<&str> = text.split('`').skip(3).step_by(2).collect();
        return (FieldCode::Unknown, Some(name.clone()), unknown(&name, &known));
    }
    if text.starts_with("missing field") {
        return (FieldCode::Required, named(), "is required".to_owned());
    }
    if text.starts_with("duplicate field") {
        return (FieldCode::Duplicate, named(), "is a duplicate key; send it once".to_owned());
    }
    if text == "expected value" {
        return (FieldCode::WrongType, None, "must be one of the documented values".to_owned());
    }
    if text == "number out of range" {
        return (FieldCode::OutOfRange, None, "is too large a number".to_owned());
    }
    let code = if text.starts_with("unknown variant") {
        FieldCode::NotAllowed
    } else if text.starts_with("invalid type") {
        FieldCode::WrongType
    } else if text.starts_with("invalid value") {
        FieldCode::OutOfRange
    } else if text.starts_with("invalid digit")
        || text.starts_with("number too")
        || text.starts_with("cannot parse integer")
    {
        return (FieldCode::WrongType, None, "must be a whole number in range".to_owned());
    } else {
        FieldCode::Pattern
    };
    let text = shorten(text);
    let wrong =
        text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    let text = match wrong.and_then(|wrong| wrong.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            let expected = match expected {
                "u32" | "u64" => "a whole number from 0",
                "a sequence" => "a list",
                "a map" => "an object",
                other => other,
            };
            format!("must be {expected}, not {found}")
        }
        None => text.replace("unknown variant", "unknown value"),
    };
    (code, None, text)
}

/// Shortens an error message of serde in the middle, where it quotes the invalid value.
fn shorten(text: &str) -> String {
    const END_CHARS: usize = 150;
    let length = text.chars().count();
    if length <= 2 * END_CHARS {
        return text.to_owned();
    }
    text.chars().take(END_CHARS).chain(['…']).chain(text.chars().skip(length - END_CHARS)).collect()
}

fn unknown(name: &str, known: &[&str]) -> String {
    // The comparison takes time and memory proportional to both lengths.
    let candidates = known.iter().filter(|_| name.len() <= SUGGESTION_NAME_BYTES_MAX);
    let nearest = candidates.map(|other| (strsim::damerau_levenshtein(name, other), *other)).min();
    match nearest {
        Some((distance, other)) if distance <= 1 + other.len() / 3 => {
            format!("is an unknown name; did you mean {other:?}?")
        }
        _ if known.is_empty() => "is an unknown name; no name is valid here".to_owned(),
        _ => format!("is an unknown name; valid are {}", known.join(", ")),
    }
}

/// The `Idempotency-Key` header, if present.
#[derive(Debug)]
pub struct Idempotency {
    key: Option<String>,
    /// Method and path. The same key on another path is another request.
    address: String,
}

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut sent = parts.headers.get_all(&IDEMPOTENCY_KEY).iter();
        let key = sent.next().map(|value| value.to_str().unwrap_or_default().to_owned());
        let is_valid = |key: &String| {
            (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())
                && key.bytes().all(|b| b.is_ascii_graphic())
        };
        if sent.next().is_some() || key.as_ref().is_some_and(|key| !is_valid(key)) {
            let message = format!(
                "must be sent once, with 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters"
            );
            return Err(field("Idempotency-Key", FieldCode::Pattern, message).into());
        }
        Ok(Self { key, address: format!("{} {}", parts.method, parts.uri.path()) })
    }
}

impl Idempotency {
    /// Returns the key for the engine, bound to this caller and this request. The store gets a
    /// digest: a key may be longer than a column.
    #[must_use]
    pub fn bind(self, Caller(principal): &Caller, body: Option<&Digest>) -> Option<IdempotencyKey> {
        let Self { key, address } = self;
        let key = Digest::of(key?.as_bytes()).into();
        let scope =
            Digest::of(format!("{}\n{}", principal.project, principal.user).as_bytes()).into();
        let request =
            Digest::of(format!("{address}\n{}", body.map_or("", Digest::as_str)).as_bytes());
        Some(IdempotencyKey { scope, key, request })
    }
}

/// The version of `If-Match`. Without one the request applies to any version.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub Option<u64>);

/// Version of an entity tag that the hub never sends. No resource has it.
const UNKNOWN_VERSION: u64 = u64::MAX;

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut sent = parts.headers.get_all(header::IF_MATCH).iter();
        let Some(tag) = sent.next() else { return Ok(Self(None)) };
        let tag = tag.to_str().unwrap_or_default().trim();
        if tag == "*" && sent.next().is_none() {
            return Ok(Self(None));
        }
        // A weak tag is valid and never matches (RFC 9110, section 13.1.1).
        let quoted = tag
            .strip_prefix("W/")
            .unwrap_or(tag)
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let one = quoted.is_some_and(|inner| !inner.contains(['"', ' '])) && sent.next().is_none();
        if !one {
            let message =
                "must be one `ETag` of this resource as the hub sent it, with its quotes, or `*`";
            return Err(field("If-Match", FieldCode::Pattern, message).into());
        }
        // A number has several spellings; only one of them is the tag.
        let version = quoted
            .and_then(|inner| inner.parse().ok())
            .filter(|version| etag_text(*version) == tag);
        Ok(Self(Some(version.unwrap_or(UNKNOWN_VERSION))))
    }
}

/// Returns the `ETag` header of a version.
#[must_use]
pub fn etag(version: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, etag_text(version))]
}

fn etag_text(version: u64) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_api_types::{TaskInput, TemplateInput};

    fn refused<T: DeserializeOwned + std::fmt::Debug>(
        text: &str,
    ) -> (ErrorCode, String, FieldCode, String) {
        let error = parse::<T>(text.as_bytes()).expect_err("must be rejected");
        let first = error.fields.first().cloned();
        let (path, code, message) = first
            .map_or((String::new(), FieldCode::Required, error.message.clone()), |f| {
                (f.path, f.code, f.message)
            });
        (error.code, path, code, message)
    }

    fn sample(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::to_value(TaskInput::sample()).expect("serializable");
        change(&mut value);
        value.to_string()
    }

    #[test]
    fn samples_of_the_document_are_read() {
        assert_eq!(
            parse::<TaskInput>(sample(|_| ()).as_bytes()).expect("readable"),
            TaskInput::sample()
        );
        let text = serde_json::to_vec(&TemplateInput::sample()).expect("serializable");
        assert_eq!(parse::<TemplateInput>(&text).expect("readable"), TemplateInput::sample());
    }

    #[test]
    fn malformed_json_error_has_line_and_column() {
        let (code, _, _, message) = refused::<TaskInput>("{\n \"name\": }");
        assert_eq!(code, ErrorCode::Malformed);
        assert!(message.contains("line 2 column 10"), "{message}");
        assert_eq!(refused::<TaskInput>("").0, ErrorCode::Malformed);
        assert_eq!(refused::<TaskInput>(&(sample(|_| ()) + "x")).0, ErrorCode::Malformed);
        assert_eq!(refused::<TaskInput>(&"[".repeat(100_000)).0, ErrorCode::Invalid);
        assert_eq!(refused::<serde_json::Value>(&"[".repeat(100_000)).0, ErrorCode::Malformed);
    }

    #[test]
    fn a9_duplicate_key_of_a_body_is_rejected_with_its_pointer() {
        for (more, pointer) in [
            (r#""parameters": {"lr": "1", "other": "2", "lr": "1"}"#, "/parameters/lr"),
            (r#""parameters": {"l/r": "1", "l\u002fr": "2"}"#, "/parameters/l~1r"),
            (r#""epochs": 3"#, "/epochs"),
        ] {
            let text = sample(|v| drop(v.as_object_mut().expect("an object").remove("parameters")));
            let text = format!("{}, {more}}}", text.strip_suffix('}').expect("an object"));
            let (code, path, kind, message) = refused::<TaskInput>(&text);
            assert_eq!(
                (code, path.as_str(), kind),
                (ErrorCode::Invalid, pointer, FieldCode::Duplicate),
                "{message}"
            );
        }
        let text = serde_json::to_string(&TemplateInput::sample()).expect("serializable");
        let text = text.replace(r#""env":{}"#, r#""env":{"A":"1","A":"2"}"#);
        assert_eq!(refused::<TemplateInput>(&text).1, "/env/A");
    }

    #[test]
    fn u41_integer_with_zero_fraction_and_b14_byte_order_mark_are_accepted() {
        let text = format!(
            "\u{feff}{}",
            sample(|v| v["revision"] = 2718.into()).replace("2718", "2718.00")
        );
        assert_eq!(parse::<TaskInput>(text.as_bytes()).expect("readable").revision, Some(2718));
        assert_eq!(refused::<TaskInput>(&sample(|v| v["revision"] = 1.5.into())).1, "/revision");
    }

    #[test]
    fn unknown_field_error_suggests_the_nearest_name() {
        let text = sample(|v| v["members"][1]["datset"] = "x".into());
        let (code, path, kind, message) = refused::<TaskInput>(&text);
        assert_eq!(
            (code, path.as_str(), kind),
            (ErrorCode::Invalid, "/members/1/datset", FieldCode::Unknown)
        );
        assert_eq!(message, "is an unknown name; did you mean \"dataset\"?");
        let (_, path, _, message) = refused::<TaskInput>(&sample(|v| v["zzzzzzzz"] = 1.into()));
        assert_eq!(path, "/zzzzzzzz");
        assert!(message.starts_with("is an unknown name; valid are name, remark, "), "{message}");
    }

    #[test]
    fn wrong_type_error_has_the_pointer() {
        for (pointer, value, kind) in [
            ("/epochs", serde_json::json!("ten"), FieldCode::WrongType),
            ("/epochs", serde_json::json!(-1), FieldCode::OutOfRange),
            ("/epochs", serde_json::json!(1.5), FieldCode::WrongType),
            ("/epochs", serde_json::json!(4_294_967_296_u64), FieldCode::OutOfRange),
            ("/parameters/learning_rate", serde_json::json!(0.1), FieldCode::WrongType),
            ("/members/0/party", serde_json::json!("../x"), FieldCode::Pattern),
            ("/members/0/role", serde_json::json!("boss"), FieldCode::NotAllowed),
            ("/members/0/role", serde_json::json!(null), FieldCode::WrongType),
            ("/members/0/role", serde_json::json!(1), FieldCode::WrongType),
            ("/template", serde_json::json!("x"), FieldCode::Pattern),
            ("/rules/retries", serde_json::json!(null), FieldCode::WrongType),
        ] {
            let text = sample(|v| *v.pointer_mut(pointer).expect("in the sample") = value);
            let (code, path, found, message) = refused::<TaskInput>(&text);
            assert_eq!(
                (code, path.as_str(), found),
                (ErrorCode::Invalid, pointer, kind),
                "{message}"
            );
            assert!(!message.contains("u32"), "{message}");
        }
        let text = sample(|v| drop(v.as_object_mut().expect("an object").remove("epochs")));
        assert_eq!(
            refused::<TaskInput>(&text),
            (
                ErrorCode::Invalid,
                "/epochs".to_owned(),
                FieldCode::Required,
                "is required".to_owned()
            )
        );
    }
}
