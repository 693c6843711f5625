//! The layers as tables: their reading, and the notation of keys and values.

use std::path::Path;

use config::{Map, Source, Value, ValueKind};
use toml::Table;

use super::{ConfigError, DEFAULT, Spec};
use crate::plain_file::PlainFile;

/// Largest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// End of the variable that names the file, see `config_args`; it is no key.
const FILE_VARIABLE: &str = "CONFIG";

/// One layer: a table and its name in errors.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) origin: String,
    pub(super) table: Table,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self
            .table
            .iter()
            .map(|(key, value)| (key.clone(), convert(&self.origin, value)))
            .collect())
    }
}

fn convert(origin: &String, value: &toml::Value) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(*flag),
        toml::Value::Datetime(time) => ValueKind::String(time.to_string()),
        toml::Value::Array(items) => {
            ValueKind::Array(items.iter().map(|item| convert(origin, item)).collect())
        }
        toml::Value::Table(table) => ValueKind::Table(
            table.iter().map(|(key, value)| (key.clone(), convert(origin, value))).collect(),
        ),
    };
    Value::new(Some(origin), kind)
}

/// Returns the layers in order of precedence, the defaults first.
pub(super) fn layers(spec: &Spec<'_>) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = vec![parse(DEFAULT, spec.defaults)?];
    if let Some(path) = &spec.file {
        layers.push(parse(&path.display().to_string(), &read(path)?)?);
    }
    let prefix = format!("{}_", spec.env_prefix);
    let mut environment: Vec<_> = spec
        .environment
        .iter()
        .filter_map(|(name, value)| Some((name, name.strip_prefix(&prefix)?, value)))
        .filter(|(_, key, _)| *key != FILE_VARIABLE)
        .collect();
    environment.sort();
    for (name, key, value) in environment {
        let path: Vec<_> = key.to_lowercase().split("__").map(ToOwned::to_owned).collect();
        layers.push(Layer {
            origin: format!("environment variable {name}"),
            table: nest(&path, scalar(value)),
        });
    }
    for (key, value) in &spec.overrides {
        let origin = format!("flag --set {key}");
        let path = spine(parse(&origin, &format!("{key} = 0"))?.table);
        if path.is_empty() {
            return Err(ConfigError::Syntax { origin, message: "is not a valid key".to_owned() });
        }
        layers.push(Layer { origin, table: nest(&path, scalar(value)) });
    }
    Ok(layers)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let content = || {
        let file = PlainFile::open(path)?;
        // The configuration determines which programs this process runs.
        file.refuse_writable_by_others(path)?;
        file.read_text(CONFIG_BYTES_MAX)
    };
    content().map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn parse(origin: &str, text: &str) -> Result<Layer, ConfigError> {
    match text.parse() {
        Ok(table) => Ok(Layer { origin: origin.to_owned(), table }),
        Err(error) => {
            Err(ConfigError::Syntax { origin: origin.to_owned(), message: one_line(text, &error) })
        }
    }
}

/// Formats a fault with its place, without the lines of the file that the TOML parser shows.
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.split('\n').count();
    let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    format!("line {line}, column {column}: {message}")
}

/// Parses the text of a value: lists and booleans become lists and booleans, other values stay
/// text. The target type parses numbers.
fn scalar(text: &str) -> toml::Value {
    let is_toml = text.trim_start().starts_with('[') || matches!(text, "true" | "false");
    let parsed =
        is_toml.then(|| format!("v = {text}").parse::<Table>().ok()?.remove("v")).flatten();
    parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

pub(super) fn nest(path: &[String], value: toml::Value) -> Table {
    let (last, front) = path.split_last().expect("a key has at least one part");
    let leaf = Table::from_iter([(last.clone(), value)]);
    front
        .iter()
        .rev()
        .fold(leaf, |table, part| Table::from_iter([(part.clone(), toml::Value::Table(table))]))
}

/// Returns the path of the only key in a table; empty if the table has several.
fn spine(mut table: Table) -> Vec<String> {
    let mut path = Vec::new();
    loop {
        let mut keys = std::mem::take(&mut table).into_iter();
        let (Some((key, value)), None) = (keys.next(), keys.next()) else { return Vec::new() };
        path.push(key);
        match value {
            toml::Value::Table(inner) => table = inner,
            _ => return path,
        }
    }
}

/// Returns all leaf values and empty tables with their paths.
pub(super) fn flatten(table: &Table) -> Vec<(Vec<String>, toml::Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => {
                let below = flatten(inner).into_iter();
                found
                    .extend(below.map(|(path, value)| ([vec![key.clone()], path].concat(), value)));
            }
            _ => found.push((vec![key.clone()], value.clone())),
        }
    }
    found
}

/// Formats a path in TOML notation.
pub(super) fn dotted(path: &[String]) -> String {
    let is_bare = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let written = path.iter().map(|part| {
        if is_bare(part) { part.clone() } else { toml::Value::String(part.clone()).to_string() }
    });
    written.collect::<Vec<_>>().join(".")
}
