//! Files that say what should be: `Template` and `Task` documents in YAML or JSON, several to a file.
//!
//! A document is read into the same types the hub checks, so a misspelt field is found before anything is sent.
//! Numbers and truth values are taken where the platform wants text (`lr: 0.5`): nobody should have to quote them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use flow_domain::task::{Rules, TaskMember};
use flow_domain::template::TemplateBody;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_yaml_ng::{Mapping, Value};

use crate::failure::Failure;

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// What may be run.
    Template(TemplateDoc),
    /// What is asked for.
    Task(TaskDoc),
}

/// A template, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateDoc {
    /// Its name: applying again edits the template of this name.
    pub name: String,
    /// For people.
    pub remark: String,
    /// Everything that decides what is executed.
    pub body: TemplateBody,
}

/// A task, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskDoc {
    /// Its name: applying again edits the task of this name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub remark: String,
    /// Name or id of the template.
    pub template: String,
    /// Its revision; the newest if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Rounds of training.
    #[serde(default = "one")]
    pub epochs: u32,
    /// Parameters by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Who takes part.
    pub members: Vec<TaskMember>,
    /// How it is carried through.
    #[serde(default)]
    pub rules: Rules,
}

const fn one() -> u32 {
    1
}

/// Reads the documents of a file; `-` is standard input.
pub fn load(path: &Path) -> Result<Vec<Document>, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    parse(&text).map_err(|message| Failure::usage(format!("{}: {message}", path.display())))
}

/// Reads the documents of a text.
pub fn parse(text: &str) -> Result<Vec<Document>, String> {
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        match Value::deserialize(document).map_err(|error| format!("is not YAML: {error}"))? {
            Value::Null => {}
            Value::Sequence(list) => documents.extend(list),
            value => documents.push(value),
        }
    }
    if documents.is_empty() {
        return Err("holds no document; write at least one with `kind: Template` or `kind: Task`".to_owned());
    }
    documents.into_iter().enumerate().map(|(index, value)| one_document(index + 1, value)).collect()
}

fn one_document(number: usize, value: Value) -> Result<Document, String> {
    let Value::Mapping(mut fields) = value else {
        return Err(format!("document {number} is not a mapping of fields"));
    };
    let kind = fields.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    let named = fields.get("name").and_then(Value::as_str).unwrap_or("without a name").to_owned();
    let place = |error: String| format!("document {number} ({kind} {named}): {error}");
    match kind.as_str() {
        "Template" => template(fields).map(Document::Template).map_err(place),
        "Task" => task(fields).map(Document::Task).map_err(place),
        _ => Err(format!("document {number} ({named}): `kind` must be Template or Task")),
    }
}

fn template(mut fields: Mapping) -> Result<TemplateDoc, String> {
    let mut text = |field: &str| match fields.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{field}` must be a text")),
        None => Ok(String::new()),
    };
    let (name, remark) = (text("name")?, text("remark")?);
    if name.is_empty() {
        return Err("missing field `name`".to_owned());
    }
    for list in ["command", "aggregator_command"] {
        if let Some(Value::Sequence(items)) = fields.get_mut(list) {
            items.iter_mut().for_each(scalar_to_text);
        }
    }
    texts(fields.get_mut("env"));
    if let Some(Value::Mapping(parameters)) = fields.get_mut("parameters") {
        for (_, schema) in parameters.iter_mut() {
            for field in ["default", "minimum", "maximum"] {
                if let Some(value) = schema.get_mut(field) {
                    scalar_to_text(value);
                }
            }
            if let Some(Value::Sequence(items)) = schema.get_mut("enum") {
                items.iter_mut().for_each(scalar_to_text);
            }
        }
    }
    Ok(TemplateDoc { name, remark, body: typed(&fields)? })
}

fn task(mut fields: Mapping) -> Result<TaskDoc, String> {
    texts(fields.get_mut("parameters"));
    typed(&fields)
}

/// Only reading from text says *where* in the document an error is, so the fields make that detour. The line would be
/// one of the detour, so it is cut off.
fn typed<T: DeserializeOwned>(fields: &Mapping) -> Result<T, String> {
    let text = serde_yaml_ng::to_string(fields).map_err(|error| error.to_string())?;
    serde_yaml_ng::from_str(&text).map_err(|error| {
        let text = error.to_string();
        text.split_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
    })
}

fn texts(map: Option<&mut Value>) {
    if let Some(Value::Mapping(map)) = map {
        map.iter_mut().for_each(|(_, value)| scalar_to_text(value));
    }
}

fn scalar_to_text(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Bool(truth) => *value = Value::String(truth.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
kind: Template
name: digits
framework: iflearner
image: digits
command: [python, client.py, --steps, 40]
parameters:
  lr: {type: number, default: 0.5, minimum: 0}
---
kind: Task
name: digits-2
template: digits
epochs: 3
parameters: {lr: 0.25, verbose: true}
members:
  - {party: hub, role: aggregator}
  - {party: party-a, role: trainer, dataset: digits}
";

    #[test]
    fn several_documents_and_unquoted_numbers_are_read() {
        let documents = parse(FILE).unwrap();
        let [Document::Template(template), Document::Task(task)] = documents.as_slice() else { panic!("{documents:?}") };
        assert_eq!(template.body.command, ["python", "client.py", "--steps", "40"]);
        assert_eq!(template.body.parameters["lr"].default.as_deref(), Some("0.5"));
        assert_eq!(template.body.max_runtime_s, 86_400);
        assert_eq!(task.parameters["lr"], "0.25");
        assert_eq!(task.parameters["verbose"], "true");
        assert_eq!((task.epochs, task.revision, task.members.len()), (3, None, 2));
    }

    #[test]
    fn json_and_lists_are_read_too() {
        let task = r#"{"kind":"Task","name":"abc","template":"t","members":[{"party":"a","role":"trainer"}]}"#;
        assert_eq!(parse(task).unwrap().len(), 1);
        assert_eq!(parse(&format!("[{task},{task}]")).unwrap().len(), 2);
    }

    #[test]
    fn a_mistake_names_document_field_and_what_is_accepted() {
        for (file, parts) in [
            (FILE.replace("image:", "imgae:"), &["document 1 (Template digits)", "unknown field `imgae`", "`image`"][..]),
            (FILE.replace("party: party-a", "party: Party A"), &["document 2 (Task digits-2)", "members[1]", "a-z"]),
            (FILE.replace("role: aggregator", "role: boss"), &["members[0].role", "aggregator", "trainer"]),
            (FILE.replace("kind: Task", "kind: Tusk"), &["document 2", "`kind` must be Template or Task"]),
            (FILE.replace("name: digits-2\n", ""), &["document 2 (Task without a name)", "missing field `name`"]),
            (String::new(), &["holds no document"]),
            ("a: [".to_owned(), &["is not YAML"]),
        ] {
            let error = parse(&file).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{error:?} should hold {part:?}");
            }
        }
    }
}
