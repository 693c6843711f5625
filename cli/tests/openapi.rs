//! flowctl reads the responses that `docs/openapi.json` describes, and responses of a newer hub.

use std::collections::BTreeSet;
use std::fmt;

use flow_api_types as api;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde_json::{Value, json};

fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_field_that_is_read_is_documented() {
    let document = document();
    let mut missing = Vec::new();
    let mut check = |schema: &str, read: &[&str]| {
        assert!(!read.is_empty(), "{schema}: the struct reads no fields");
        let documented = properties(&document, &document["components"]["schemas"][schema]);
        missing.extend(
            read.iter()
                .filter(|field| !documented.contains(**field))
                .map(|field| format!("{schema}.{field}")),
        );
    };
    check("Page_Task", fields::<api::Page<Value>>());
    check("TemplateContent", fields::<api::TemplateContent>());
    check("ParamSchema", fields::<api::ParamSchema>());
    check("Resources", fields::<api::Resources>());
    check("Task", fields::<api::Task>());
    check("TaskMember", fields::<api::TaskMember>());
    check("Rules", fields::<api::Rules>());
    check("RunSummary", fields::<api::RunSummary>());
    check("Run", fields::<api::RunSummary>());
    check("RunInputs", fields::<api::RunInputs>());
    check("RunComparison", fields::<api::RunComparison>());
    check("ComparedInput", fields::<api::ComparedInput>());
    check("ComparedMetric", fields::<api::ComparedMetric>());
    check("MetricValues", fields::<api::MetricValues>());
    check("ProgressSummary", fields::<api::ProgressSummary>());
    check("Waiting", fields::<api::Waiting>());
    check("Ending", fields::<api::Ending>());
    check("Member", fields::<api::Member>());
    check("Exit", fields::<api::Exit>());
    check("Reason", fields::<api::Reason>());
    check("MemberProgress", fields::<api::MemberProgress>());
    check("Event", fields::<api::Event>());
    check("Party", fields::<api::Party>());
    check("Agent", fields::<api::Agent>());
    check("Contact", fields::<api::Contact>());
    check("Orphan", fields::<api::Orphan>());
    check("PartyCreated", fields::<api::PartyCreated>());
    check("PartySecret", fields::<api::PartySecret>());
    check("Problem", fields::<api::Problem>());
    check("FieldProblem", fields::<api::FieldProblem>());
    // A struct with `serde(flatten)` requests a map instead of fields: use those of its sample.
    for (schema, sample) in [
        ("Template", json!(api::Template::sample())),
        ("Revision", json!(api::Revision::sample())),
        ("Run", json!(api::Run::sample())),
    ] {
        let names: Vec<&str> = sample.as_object().unwrap().keys().map(String::as_str).collect();
        check(schema, &names);
    }
    assert!(missing.is_empty(), "not in docs/openapi.json: {missing:#?}");
}

#[test]
fn responses_of_a_newer_hub_are_read() {
    let document = document();
    let mut problem = json!(api::Problem::sample());
    problem["fields"] = json!([{"pointer": "/name", "code": "too_long", "message": "is too long"}]);
    let mut run = json!(api::Run::sample());
    let reason = json!({"code": "exit_nonzero", "message": "exited with 1"});
    let at = json!(api::Time::sample());
    run["ending"] = json!({"outcome": "failed", "code": "member_failed", "message": "", "reason": reason, "at": at});
    run["members"][0]["exit"] =
        json!({"code": 1, "signal": null, "reason": reason, "started_at": at, "finished_at": at});
    let mut orphan = json!(api::Orphan::sample());
    orphan["decision"] = json!("keep");
    newer::<api::Template>(&document, "Template", json!(api::Template::sample()));
    newer::<api::Revision>(&document, "Revision", json!(api::Revision::sample()));
    newer::<api::Task>(&document, "Task", json!(api::Task::sample()));
    newer::<api::Run>(&document, "Run", run);
    newer::<api::Event>(&document, "Event", json!(api::Event::sample()));
    newer::<api::Party>(&document, "Party", json!(api::Party::sample()));
    newer::<api::Orphan>(&document, "Orphan", orphan);
    newer::<api::Problem>(&document, "Problem", problem);
}

/// Reads a response with an additional field in each object and unknown enumerated values.
fn newer<T: DeserializeOwned>(document: &Value, schema: &str, mut response: Value) {
    let changes = make_newer(document, &document["components"]["schemas"][schema], &mut response);
    assert!(changes > 1, "{schema}: {response}");
    if let Err(error) = serde_json::from_value::<T>(response.clone()) {
        panic!("{schema}: {error}: {response:#}");
    }
}

/// Adds a field to each object that is not a map and replaces each enumerated value. Returns the
/// number of changes.
fn make_newer(document: &Value, schema: &Value, value: &mut Value) -> usize {
    let mut changes = 0;
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        changes += make_newer(document, &document["components"]["schemas"][name], value);
    }
    for parts in ["allOf", "oneOf", "anyOf"] {
        for part in schema[parts].as_array().into_iter().flatten() {
            changes += make_newer(document, part, value);
        }
    }
    match value {
        Value::String(text) if schema["enum"].is_array() => {
            "of_a_newer_hub".clone_into(text);
            changes += 1;
        }
        Value::Array(items) => {
            changes += items
                .iter_mut()
                .map(|item| make_newer(document, &schema["items"], item))
                .sum::<usize>();
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                changes += make_newer(document, &schema["properties"][name], field);
                changes += make_newer(document, &schema["additionalProperties"], field);
            }
            if schema["properties"].is_object() {
                fields.insert("of_a_newer_hub".to_owned(), json!({"a": 1}));
                changes += 1;
            }
        }
        _ => {}
    }
    changes
}

/// Returns the properties of a schema and of the schemas that it consists of.
fn properties<'a>(document: &'a Value, schema: &'a Value) -> BTreeSet<&'a str> {
    let mut names: BTreeSet<&str> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        names.extend(properties(document, &document["components"]["schemas"][name]));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        names.extend(properties(document, part));
    }
    names
}

/// Returns the fields that a struct requests from its deserializer.
fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(AskedFields).err() {
        Some(Asked::For(fields)) => fields,
        Some(Asked::Nothing) | None => &[],
    }
}

struct AskedFields;

#[derive(Debug)]
enum Asked {
    For(&'static [&'static str]),
    Nothing,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Nothing
    }
}

impl<'de> Deserializer<'de> for AskedFields {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Nothing)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked::For(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}
