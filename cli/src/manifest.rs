//! Files with `Template` and `Task` documents in YAML or JSON, several to a file.
//!
//! Documents have the form of the API's requests, which rejects unknown fields before the first
//! request. A text needs no quotes: `lr: 0.50` is the text "0.50" (see [`yaml`]).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flow_api_types::{TaskDocument, TemplateInput};
use flow_common::plain_file;
use serde::Serialize;
use serde_json::Value;

use crate::error::{CliError, ExitStatus};
use crate::response;
use crate::yaml::{self, Node};

/// Largest size of a file.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    Template(TemplateInput),
    Task(TaskDocument),
}

/// Reads the documents of a file. `-` is standard input; the file may be a pipe, as in `-f
/// <(command)`.
pub fn load(path: &Path) -> Result<Vec<Document>, CliError> {
    let failed = |message: String| CliError::usage(format!("{}: {message}", path.display()));
    let read = |source: &mut dyn Read| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = if path.as_os_str() == "-" {
        read(&mut io::stdin())
    } else {
        File::open(path).and_then(|mut file| read(&mut file))
    };
    let bytes = bytes.map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(format!(
            "has more than {FILE_BYTES_MAX} bytes: split it into several files"
        )));
    }
    let text = plain_file::text(bytes).map_err(|error| failed(error.to_string()))?;
    parse(&text).map_err(failed)
}

/// Reads the documents of a text.
pub fn parse(text: &str) -> Result<Vec<Document>, String> {
    let mut documents = Vec::new();
    for document in yaml::documents(text).map_err(|error| error.to_string())? {
        match document.into_items() {
            Ok(list) => documents.extend(list),
            Err(document) => documents.push(document),
        }
    }
    if documents.is_empty() {
        return Err(
            "has no document; write at least one with `kind: Template` or `kind: Task`".to_owned()
        );
    }
    documents
        .into_iter()
        .enumerate()
        .map(|(index, document)| one_document(index + 1, document))
        .collect()
}

fn one_document(number: usize, mut fields: Node) -> Result<Document, String> {
    if !fields.is_map() {
        return Err(format!("document {number} is not a mapping of fields"));
    }
    let kind = fields.take("kind");
    let kind = kind.as_ref().and_then(Node::as_text).unwrap_or_default();
    let name = fields.field("name").and_then(Node::as_text).unwrap_or("without a name").to_owned();
    let place = |error: yaml::YamlError| format!("document {number} ({kind} {name}): {error}");
    match kind {
        "Template" => fields.read().map(Document::Template).map_err(place),
        "Task" => fields.read().map(Document::Task).map_err(place),
        _ => Err(format!("document {number} ({name}): `kind` must be Template or Task")),
    }
}

/// Converts a response to the document that creates the template. Fails if the response has fields
/// that this version does not know.
pub fn template_doc(value: &Value) -> Result<TemplateInput, CliError> {
    let not_sent = ["id", "revision", "created_at", "modified_at"];
    response::exact(&with_fields(value, |field| !not_sent.contains(&field)))
}

/// Converts a response to the document that creates the task.
pub fn task_doc(value: &Value) -> Result<TaskDocument, CliError> {
    let sent = [
        "name",
        "remark",
        "template",
        "revision",
        "epochs",
        "parameters",
        "members",
        "rules",
        "labels",
    ];
    response::exact(&with_fields(value, |field| sent.contains(&field)))
}

fn with_fields(value: &Value, is_wanted: impl Fn(&str) -> bool) -> Value {
    let fields = value.as_object().into_iter().flatten().filter(|(field, _)| is_wanted(field));
    Value::Object(fields.map(|(field, value)| (field.clone(), value.clone())).collect())
}

/// Formats a document as a file that [`parse`] reads back unchanged.
pub fn as_file(document: &Document) -> Result<String, CliError> {
    let (kind, fields) = match document {
        Document::Template(doc) => ("Template", yaml_value(doc)?),
        Document::Task(doc) => ("Task", yaml_value(doc)?),
    };
    let text = serde_yaml_ng::to_string(&with_plain_numbers(fields)).map_err(broken)?;
    Ok(format!("kind: {kind}\n{text}"))
}

fn yaml_value(doc: &impl Serialize) -> Result<serde_yaml_ng::Value, CliError> {
    serde_yaml_ng::to_value(doc).map_err(broken)
}

fn broken(error: serde_yaml_ng::Error) -> CliError {
    CliError::new(ExitStatus::Failed, error.to_string())
}

/// Prints texts that are numbers without quotes: a file needs none. A text whose number has another
/// spelling keeps its quotes.
fn with_plain_numbers(value: serde_yaml_ng::Value) -> serde_yaml_ng::Value {
    use serde_yaml_ng::Value;
    match value {
        Value::String(text) => {
            let number = serde_yaml_ng::from_str::<Value>(&text).ok().filter(|value| {
                value.is_number()
                    && serde_yaml_ng::to_string(value).is_ok_and(|shown| shown.trim_end() == text)
            });
            number.unwrap_or(Value::String(text))
        }
        Value::Sequence(items) => items.into_iter().map(with_plain_numbers).collect(),
        Value::Mapping(fields) => Value::Mapping(
            fields.into_iter().map(|(key, value)| (key, with_plain_numbers(value))).collect(),
        ),
        other => other,
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
    fn documents_with_unquoted_numbers_are_read() {
        let documents = parse(FILE).unwrap();
        let [Document::Template(template), Document::Task(task)] = documents.as_slice() else {
            panic!("{documents:?}")
        };
        assert_eq!(template.command, ["python", "client.py", "--steps", "40"]);
        assert_eq!(template.parameters["lr"].default.as_deref(), Some("0.5"));
        assert_eq!(template.max_runtime_s, 86_400);
        assert_eq!(task.parameters["lr"], "0.25");
        assert_eq!(task.parameters["verbose"], "true");
        assert_eq!((task.epochs, task.revision, task.members.len()), (3, None, 2));
    }

    #[test]
    fn b7_text_keeps_its_spelling() {
        let texts = [
            "3.10",
            "1e3",
            "0x1F",
            "+5",
            "-0",
            ".5",
            "1.0",
            "20261130123456789012",
            "yes",
            "True",
            "0b1",
            "1_000",
            "2026-11-30",
            ".nan",
        ];
        for text in texts {
            let file = FILE
                .replace("--steps, 40", &format!("--steps, {text}"))
                .replace("lr: 0.25", &format!("lr: {text}"));
            let file = file
                .replace("name: digits-2", &format!("name: {text}"))
                .replace("image: digits", &format!("image: {text}\nenv: {{A: {text}}}"));
            let documents = parse(&file).unwrap();
            let [Document::Template(template), Document::Task(task)] = documents.as_slice() else {
                panic!("{documents:?}")
            };
            assert_eq!(
                [
                    &template.command[3],
                    &template.env["A"],
                    &template.image,
                    &task.name,
                    &task.parameters["lr"]
                ],
                [text; 5]
            );
        }
        let whole = |text: &str| parse(&FILE.replace("epochs: 3", &format!("epochs: {text}")));
        for text in ["16", "0x10", "+16", "16.0", "0o20"] {
            let Document::Task(task) = whole(text).unwrap().remove(1) else { panic!("the task") };
            assert_eq!(task.epochs, 16, "{text}");
        }
        for text in ["1.5", "ten", "'3'", "-1", "20261130123456789012", "[3]"] {
            assert!(
                whole(text).unwrap_err().contains("line 13: epochs: "),
                "{text}: {}",
                whole(text).unwrap_err()
            );
        }
    }

    #[test]
    fn b8_empty_field_is_absent_or_an_error() {
        for empty in ["", "~", "null"] {
            let file = format!("{FILE}remark: {empty}\nrevision: {empty}\nrules: {empty}\n")
                .replace("lr: {type", "lr: {description: , type");
            let file = file.replace(
                "image: digits",
                &format!("image: digits\nworkdir: {empty}\nremark: {empty}\nenv: {empty}"),
            );
            let documents = parse(&file).unwrap();
            let [Document::Template(template), Document::Task(task)] = documents.as_slice() else {
                panic!("{documents:?}")
            };
            assert_eq!(
                (
                    template.remark.as_str(),
                    template.workdir.as_str(),
                    task.remark.as_str(),
                    task.revision
                ),
                ("", "", "", None)
            );
            for (from, to, expected) in [
                ("image: digits", format!("image: {empty}"), "missing field `image`"),
                ("template: digits", format!("template: {empty}"), "missing field `template`"),
                ("name: digits-2", format!("name: {empty}"), "missing field `name`"),
                ("lr: 0.25", format!("lr: {empty}"), "parameters.lr: is empty"),
                (
                    "--steps, 40",
                    format!("--steps, {}", if empty.is_empty() { "~" } else { empty }),
                    "command[3]: is empty",
                ),
                ("image: digits", format!("image: digits\nenv: {{A: {empty}}}"), "env.A: is empty"),
                ("epochs: 3", format!("epohcs: {empty}"), "unknown field `epohcs`"),
            ] {
                let error = parse(&FILE.replace(from, &to)).unwrap_err();
                assert!(error.contains(expected), "{to}: {error}");
            }
        }
        let Document::Task(task) =
            parse(&FILE.replace("lr: 0.25", "lr: 'null', x: \"\"")).unwrap().remove(1)
        else {
            panic!("the task")
        };
        assert_eq!((task.parameters["lr"].as_str(), task.parameters["x"].as_str()), ("null", ""));
    }

    #[test]
    fn a9_duplicate_key_in_a_file_is_an_error() {
        for (from, to, expected) in [
            ("lr: 0.25", "lr: 0.25, lr: 0.5", "duplicate key `lr`"),
            (
                "epochs: 3",
                "epochs: 3\nepochs: 4",
                "line 14: duplicate key `epochs`; the first is in line 13",
            ),
            ("image: digits", "image: digits\nenv: {A: 1, \"A\": 2}", "duplicate key `A`"),
            ("kind: Task", "kind: Task\nkind: Template", "duplicate key `kind`"),
        ] {
            let error = parse(&FILE.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn b14_byte_order_mark_and_windows_line_ends_are_ignored() {
        let windows = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
        assert_eq!(parse(&windows).unwrap(), parse(FILE).unwrap());
        let marked = format!(
            "\u{feff}{}\n\u{feff}---\n{}",
            FILE.trim_start(),
            FILE.split("---").nth(1).unwrap()
        );
        assert_eq!(parse(&marked).unwrap().len(), 3);
        parse(
            "\u{feff}{\"kind\": \"Task\", \"name\": \"abc\", \"template\": \"t\", \"members\": []}",
        )
        .unwrap();
    }

    #[test]
    fn anchors_are_expanded_up_to_a_limit() {
        let file = FILE.replace(
            "parameters: {lr: 0.25, verbose: true}",
            "parameters: {lr: &x 0.250, verbose: *x}",
        );
        let Document::Task(task) = parse(&file).unwrap().remove(1) else { panic!("the task") };
        assert_eq!(
            (task.parameters["lr"].as_str(), task.parameters["verbose"].as_str()),
            ("0.250", "0.250")
        );
        let bomb: String = (1..9)
            .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")))
            .collect();
        let error = parse(&format!("a0: &a0 x\n{bomb}")).unwrap_err();
        assert!(error.contains("more than 100000 values"), "{error}");
        let error = parse(&"[".repeat(100)).unwrap_err();
        assert!(error.contains("levels deep"), "{error}");
        assert!(
            parse("kind: !!str Task\nname: !secret abc")
                .unwrap_err()
                .contains("line 2: name: unknown tag !secret")
        );
    }

    #[test]
    fn json_and_lists_are_read() {
        let task = r#"{"kind":"Task","name":"abc","template":"t","members":[{"party":"a","role":"trainer"}]}"#;
        assert_eq!(parse(task).unwrap().len(), 1);
        assert_eq!(parse(&format!("[{task},{task}]")).unwrap().len(), 2);
    }

    #[test]
    fn invalid_document_error_names_document_field_and_valid_values() {
        for (file, parts) in [
            (
                FILE.replace("image:", "imgae:"),
                &["document 1 (Template digits)", "unknown field `imgae`", "`image`"][..],
            ),
            (
                FILE.replace("party: party-a", "party: Party A"),
                &["document 2 (Task digits-2)", "members[1]", "a-z"],
            ),
            (
                FILE.replace("role: aggregator", "role: boss"),
                &["members[0].role", "aggregator", "trainer"],
            ),
            (
                FILE.replace("kind: Task", "kind: Tusk"),
                &["document 2", "`kind` must be Template or Task"],
            ),
            (
                FILE.replace("name: digits-2\n", ""),
                &["document 2 (Task without a name)", "missing field `name`"],
            ),
            (String::new(), &["has no document"]),
            ("a: [".to_owned(), &["is not YAML"]),
        ] {
            let error = parse(&file).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{error:?} should hold {part:?}");
            }
        }
    }

    #[test]
    fn b7_printed_template_is_read_back_unchanged() {
        let odd = [
            "",
            "null",
            "~",
            "3.10",
            "1e3",
            "0x1F",
            "+5",
            ".5",
            "true",
            "yes",
            "2026-11-30",
            " lead",
            "trail ",
            "a: b",
            "a #b",
            "# c",
            "two\nlines\n\n",
            "\n",
            "\ttab",
            "a\r\nb",
            "😀",
            "\u{85}\u{2028}\u{feff}x",
            "\u{1b}[0m",
            "it's",
            "\"",
            "\\",
            "- x",
            "? k",
            "*a",
            "&a",
            "!t",
            "%x",
            "@x",
            "`x",
            "|",
            ">",
            "---",
            "...",
            "{a}",
            "[a]",
            "a,b",
            "<<",
            "=",
        ];
        let mut doc =
            parse("kind: Template\nname: abc\nframework: generic\nimage: x\ncommand: [x]").unwrap();
        let Document::Template(mut doc) = doc.remove(0) else { panic!("a template") };
        doc.command = odd.map(str::to_owned).to_vec();
        doc.command.push("long ".repeat(100));
        doc.env = odd
            .iter()
            .enumerate()
            .map(|(index, text)| (format!("K{index}"), (*text).to_owned()))
            .collect();
        doc.remark = odd.join("\n");
        doc.name = "1e3".to_owned();
        let document = Document::Template(doc);
        assert_eq!(parse(&as_file(&document).unwrap()), Ok(vec![document]));
    }

    #[test]
    fn u13_numbers_are_printed_without_quotes() {
        let documents = parse(&FILE.replace("lr: 0.25", "lr: 0.25, exact: '3.10', big: 1e3"));
        let text = as_file(&documents.unwrap()[1]).unwrap();
        for line in ["  lr: 0.25", "  exact: '3.10'", "  big: '1e3'", "  verbose: 'true'"] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
