//! Files that say what should be: `Template` and `Task` documents in YAML or JSON, several to a file.
//!
//! A document is read into the same types the hub checks, so a misspelt field is found before anything is sent.
//! A text needs no quotes, whatever it looks like: `lr: 0.50` is the text "0.50" (see [`yaml`]).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flow_common::plain_file;
use flow_domain::task::{Rules, TaskMember};
use flow_domain::template::TemplateBody;
use serde::{Deserialize, Serialize, de};

use crate::failure::Failure;
use crate::yaml::{self, Node};

/// Largest file.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

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

/// Reads the documents of a file; `-` is standard input. The file may be a pipe, as in `-f <(command)`.
pub fn load(path: &Path) -> Result<Vec<Document>, Failure> {
    let failed = |message: String| Failure::usage(format!("{}: {message}", path.display()));
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
        return Err("holds no document; write at least one with `kind: Template` or `kind: Task`"
            .to_owned());
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
    let place = |error: yaml::Error| format!("document {number} ({kind} {name}): {error}");
    match kind {
        "Template" => template(fields).map(Document::Template).map_err(place),
        "Task" => fields.read().map(Document::Task).map_err(place),
        _ => Err(format!("document {number} ({name}): `kind` must be Template or Task")),
    }
}

fn template(mut fields: Node) -> Result<TemplateDoc, yaml::Error> {
    // One text of its own each, and the rest is the body.
    let name = fields.take_text("name")?.ok_or_else(|| de::Error::missing_field("name"))?;
    let remark = fields.take_text("remark")?.unwrap_or_default();
    Ok(TemplateDoc { name, remark, body: fields.read()? })
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
        let [Document::Template(template), Document::Task(task)] = documents.as_slice() else {
            panic!("{documents:?}")
        };
        assert_eq!(template.body.command, ["python", "client.py", "--steps", "40"]);
        assert_eq!(template.body.parameters["lr"].default.as_deref(), Some("0.5"));
        assert_eq!(template.body.max_runtime_s, 86_400);
        assert_eq!(task.parameters["lr"], "0.25");
        assert_eq!(task.parameters["verbose"], "true");
        assert_eq!((task.epochs, task.revision, task.members.len()), (3, None, 2));
    }

    #[test]
    fn b7_a_text_is_what_is_written_whatever_it_looks_like() {
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
            let body = &template.body;
            assert_eq!(
                [&body.command[3], &body.env["A"], &body.image, &task.name, &task.parameters["lr"]],
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
    fn b8_an_empty_field_is_absent_or_an_error_that_names_it_and_never_the_text_null() {
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
                    template.body.workdir.as_str(),
                    task.remark.as_str(),
                    task.revision
                ),
                ("", "", "", None)
            );
            for (from, to, told) in [
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
                assert!(error.contains(told), "{to}: {error}");
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
    fn a9_a_key_that_is_given_twice_is_an_error_wherever_it_stands() {
        for (from, to, told) in [
            ("lr: 0.25", "lr: 0.25, lr: 0.5", "the key `lr` is given twice"),
            (
                "epochs: 3",
                "epochs: 3\nepochs: 4",
                "line 14: the key `epochs` is given twice, in line 13 too",
            ),
            ("image: digits", "image: digits\nenv: {A: 1, \"A\": 2}", "the key `A` is given twice"),
            ("kind: Task", "kind: Task\nkind: Template", "the key `kind` is given twice"),
        ] {
            let error = parse(&FILE.replace(from, to)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn b14_a_byte_order_mark_and_windows_line_ends_change_nothing() {
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
    fn anchors_are_followed_and_cannot_blow_up() {
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
                .contains("line 2: name: the tag !secret is not known")
        );
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
