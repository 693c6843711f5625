//! JSON schemas: of the `-o json` output of each command, and of manifests.

use clap::CommandFactory as _;
use flow_api_types as api;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::args::Cli;
use crate::error::{CliError, ExitStatus};
use crate::output;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Prints the schema of a command's output if the command line has `--schema`. The other arguments
/// of the command are not needed then.
pub fn asked(arguments: impl Iterator<Item = String>) -> Option<Result<ExitStatus, CliError>> {
    let arguments: Vec<String> =
        arguments.skip(1).take_while(|argument| argument != "--").collect();
    if !arguments.iter().any(|argument| argument == "--schema") {
        return None;
    }
    let root = Cli::command();
    let (mut command, mut verb) = (&root, Vec::new());
    for word in &arguments {
        if let Some(found) = command.find_subcommand(word) {
            verb.push(found.get_name());
            command = found;
        }
    }
    let printed = of_output(&verb).ok_or_else(|| {
        let verb = [&["flowctl"], verb.as_slice()].concat().join(" ");
        CliError::usage(format!("`{verb}` has no JSON output"))
    });
    Some(printed.and_then(|schema| {
        output::print(&pretty(&schema)?)?;
        Ok(ExitStatus::Ok)
    }))
}

fn pretty(schema: &Value) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(schema)
        .map_err(|error| CliError::new(ExitStatus::Failed, error.to_string()))?;
    Ok(text + "\n")
}

/// Returns the schema of a command's output.
fn of_output(verb: &[&str]) -> Option<Value> {
    Some(match verb {
        ["apply"] => one::<api::Applied>(),
        ["template", "list"] => list::<api::Template>(),
        ["template", "get" | "create" | "edit"] => one::<api::Template>(),
        ["template", "revisions"] => list::<api::Revision>(),
        ["device", "get"] => one::<api::DeviceRequest>(),
        ["task", "list"] => list::<api::Task>(),
        ["task", "get" | "edit" | "clone" | "stop"] | ["run", "stop"] | ["cancel"] => {
            one::<api::Task>()
        }
        ["task", "submit" | "start" | "watch"] | ["run", "get"] | ["watch" | "submit"] => {
            one::<api::Run>()
        }
        ["task", "runs"] => list::<api::Run>(),
        // With a task, each item also has the fields of `run get`.
        ["run", "list"] => list::<api::RunSummary>(),
        ["run", "compare"] | ["compare"] => one::<api::RunComparison>(),
        ["run", "outputs"] => document::<api::OutputList>(|part| {
            let party = json!({"type": "object", "required": ["party"],
                "properties": {"party": {"type": "string"}}});
            json!({"type": "array", "items": {"allOf": [part, party]}})
        }),
        ["output", "get"] => {
            let (text, size) = (json!({"type": "string"}), json!({"type": "integer"}));
            let file = json!({"type": "object", "required": ["file", "size", "sha256"],
                "properties": {"file": text, "size": size, "sha256": text}});
            json!({"$schema": DRAFT, "type": "array", "items": file})
        }
        ["task", "events"] => list::<api::Event>(),
        ["task" | "run", "metrics"] | ["metrics"] => document::<api::SeriesList>(
            |part| json!({"type": "object", "additionalProperties": part}),
        ),
        ["describe"] | ["task", "describe"] => described(),
        ["party", "list"] => list::<api::Party>(),
        ["party", "get"] => one::<api::Party>(),
        ["orphan", "list"] => list::<api::Orphan>(),
        ["orphan", "stop" | "keep"] => one::<api::Orphan>(),
        ["whoami"] => one::<api::Me>(),
        ["token", "list"] => list::<api::Token>(),
        ["user", "list"] => list::<api::User>(),
        ["user", "get" | "create" | "disable" | "enable"] => one::<api::User>(),
        ["project", "list"] => list::<api::Project>(),
        ["project", "get" | "create" | "set-quota"] => one::<api::Project>(),
        ["project", "member", "list"] => list::<api::Membership>(),
        ["project", "member", "set"] => one::<api::Membership>(),
        ["project", "party", "list"] => list::<api::OfferedParty>(),
        ["project", "party", "offer"] => one::<api::OfferedParty>(),
        ["webhook", "list"] => list::<api::Webhook>(),
        ["webhook", "get" | "edit"] => one::<api::Webhook>(),
        ["webhook", "deliveries"] => list::<api::Delivery>(),
        ["webhook", "test" | "redeliver"] => one::<api::Delivery>(),
        ["audit"] => list::<api::AuditEntry>(),
        ["context", "list"] => {
            let (text, maybe) = (json!({"type": "string"}), json!({"type": ["string", "null"]}));
            let context = json!({"type": "object", "required": ["name", "server", "current"],
                "properties": {"name": text, "server": text, "project": maybe, "user": maybe,
                    "current": {"type": "boolean"}}});
            json!({"$schema": DRAFT, "type": "array", "items": context})
        }
        ["version"] => {
            let text = json!({"type": "string"});
            json!({"$schema": DRAFT, "type": "object", "required": ["flowctl", "hub"],
                "properties": {"flowctl": text, "hub": text}})
        }
        _ => return None,
    })
}

fn one<T: ToSchema>() -> Value {
    document::<T>(|part| part)
}

fn list<T: ToSchema>() -> Value {
    document::<T>(|part| json!({"type": "array", "items": part}))
}

/// Returns the schema of a document that contains `T`.
fn document<T: ToSchema>(whole: impl FnOnce(Value) -> Value) -> Value {
    let mut defs = Map::new();
    let part = part::<T>(&mut defs);
    with_defs(whole(part), defs)
}

fn with_defs(mut schema: Value, defs: Map<String, Value>) -> Value {
    schema["$schema"] = json!(DRAFT);
    schema["$defs"] = Value::Object(defs);
    schema
}

fn described() -> Value {
    let mut defs = Map::new();
    let (task, run) = (part::<api::Task>(&mut defs), part::<api::Run>(&mut defs));
    let events = json!({"type": "array", "items": part::<api::Event>(&mut defs)});
    let run = json!({"anyOf": [run, {"type": "null"}]});
    let properties = json!({"task": task, "run": run, "events": events});
    let required = ["task", "run", "events"];
    with_defs(json!({"type": "object", "required": required, "properties": properties}), defs)
}

/// Adds the schema of `T`, and the schemas that it refers to. Returns a reference to it.
fn part<T: ToSchema>(defs: &mut Map<String, Value>) -> Value {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    for (name, schema) in schemas {
        let mut schema = json!(schema);
        move_references(&mut schema);
        defs.insert(name, schema);
    }
    json!({"$ref": format!("#/$defs/{}", T::name())})
}

/// Replaces the place of schemas in OpenAPI documents by their place here.
fn move_references(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/$defs/");
            }
            fields.values_mut().for_each(move_references);
        }
        Value::Array(items) => items.iter_mut().for_each(move_references),
        _ => {}
    }
}

/// Returns the schema of the documents of a manifest: `Template` or `Task`, or a list of them.
pub fn manifests() -> Result<String, CliError> {
    let mut defs = Map::new();
    let documents = [
        kind("Template", part::<api::TemplateInput>(&mut defs), &mut defs),
        kind("Task", part::<api::TaskDocument>(&mut defs), &mut defs),
    ];
    defs.values_mut().for_each(accept_plain_texts);
    let document = json!({"oneOf": documents});
    let schema = json!({"oneOf": [document, {"type": "array", "items": document}]});
    pretty(&with_defs(schema, defs))
}

/// Adds the field `kind` to a document.
fn kind(name: &str, reference: Value, defs: &mut Map<String, Value>) -> Value {
    let defined = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    if let Some(schema) = defined.and_then(|defined| defs.get_mut(defined)) {
        schema["properties"]["kind"] = json!({"const": name, "description": "Kind of document."});
        if let Some(required) = schema["required"].as_array_mut() {
            required.insert(0, json!("kind"));
        }
        if let Some(schema) = schema.as_object_mut() {
            // The example is a request, which has no kind.
            schema.remove("example");
            schema.remove("examples");
        }
    }
    reference
}

/// Accepts numbers and booleans as texts: in a manifest, texts need no quotes. An empty field is
/// absent.
fn accept_plain_texts(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("type") == Some(&json!("string")) && !fields.contains_key("enum") {
                fields.insert("type".to_owned(), json!(["string", "number", "boolean", "null"]));
            }
            fields.values_mut().for_each(accept_plain_texts);
        }
        Value::Array(items) => items.iter_mut().for_each(accept_plain_texts),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of each command without subcommands.
    fn verbs(command: &clap::Command, prefix: &[String], found: &mut Vec<Vec<String>>) {
        for sub in command.get_subcommands() {
            let verb = [prefix, &[sub.get_name().to_owned()]].concat();
            if sub.has_subcommands() {
                verbs(sub, &verb, found);
            } else {
                found.push(verb);
            }
        }
    }

    #[test]
    fn u14_every_verb_with_json_output_has_a_schema() {
        let mut all = Vec::new();
        verbs(&Cli::command(), &[], &mut all);
        let without: Vec<String> = all
            .iter()
            .filter(|verb| {
                let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
                of_output(&verb).is_none()
            })
            .map(|verb| verb.join(" "))
            .collect();
        let expected = [
            "completions",
            "console",
            "context delete",
            "context use",
            "device approve",
            "device deny",
            "diff",
            "login",
            "logout",
            "logs",
            "party add",
            "party disable",
            "party enable",
            "party remove",
            "party rotate-secret",
            "project delete",
            "project member remove",
            "project party withdraw",
            "run logs",
            "schema",
            "setup",
            "task delete",
            "task init",
            "task logs",
            "template delete",
            "token create",
            "token delete",
            "top",
            "user delete",
            "user set-password",
            "webhook create",
            "webhook delete",
            "webhook rotate-secret",
        ];
        let mut without: Vec<&str> = without.iter().map(String::as_str).collect();
        without.sort_unstable();
        assert_eq!(without, expected);
    }

    #[test]
    fn every_reference_of_a_schema_resolves() {
        let manifests: Value = serde_json::from_str(&manifests().unwrap()).unwrap();
        for schema in [manifests, described(), list::<api::Task>(), one::<api::Applied>()] {
            let mut open = vec![&schema];
            while let Some(value) = open.pop() {
                match value {
                    Value::Object(fields) => {
                        if let Some(Value::String(reference)) = fields.get("$ref") {
                            let found = schema.pointer(&reference[1..]);
                            assert!(found.is_some(), "{reference} leads nowhere");
                        }
                        open.extend(fields.values());
                    }
                    Value::Array(items) => open.extend(items),
                    _ => {}
                }
            }
        }
    }
}
