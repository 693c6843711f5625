//! Every field `flowctl` reads is one the published document promises: `docs/openapi.json` comes from the hub's code.

use std::collections::BTreeSet;
use std::fmt;

use flowctl::wire;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::Value;

#[test]
fn every_field_that_is_read_is_in_the_published_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut missing = Vec::new();
    let mut check = |schema: &str, read: &[&str]| {
        assert!(!read.is_empty(), "{schema}: a struct asks for its fields");
        let promised = properties(&document, &document["components"]["schemas"][schema]);
        missing.extend(
            read.iter()
                .filter(|field| !promised.contains(**field))
                .map(|field| format!("{schema}.{field}")),
        );
    };
    check("Page_Task", fields::<wire::Page<Value>>());
    check("Template", fields::<wire::Template>());
    check("Revision", fields::<wire::Revision>());
    check("Task", fields::<wire::Task>());
    check("TaskMember", fields::<wire::TaskMember>());
    check("RunSummary", fields::<wire::RunSummary>());
    check("Run", fields::<wire::RunSummary>());
    check("Run", fields::<wire::Run>());
    check("ProgressSummary", fields::<wire::ProgressSummary>());
    check("Waiting", fields::<wire::Waiting>());
    check("Ending", fields::<wire::Ending>());
    check("Member", fields::<wire::Member>());
    check("Reason", fields::<wire::Reason>());
    check("MemberProgress", fields::<wire::Progress>());
    check("Event", fields::<wire::Event>());
    check("Party", fields::<wire::Party>());
    check("Agent", fields::<wire::Agent>());
    check("Contact", fields::<wire::Contact>());
    check("Orphan", fields::<wire::Orphan>());
    check("PartySecret", fields::<wire::NewSecret>());
    assert!(missing.is_empty(), "not in docs/openapi.json: {missing:#?}");
}

/// Names of all properties of a schema, with those of the schemas it is made of.
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

/// The fields a struct asks its format for.
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
