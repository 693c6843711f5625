//! YAML deserializer for files that people write.
//!
//! A scalar keeps its text, and the target type interprets it: `3.10` is the text "3.10" where a
//! text is expected. An empty value is absent if the field is optional, and an error otherwise. A
//! duplicate key is an error. Every error names the field and the line.

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess,
    SeqAccess, Visitor,
};

/// Largest number of nodes of a file, with aliases expanded.
const NODES_MAX: usize = 100_000;
/// Deepest nesting of a file, in levels.
const DEPTH_MAX: usize = 64;
/// Largest integer up to which every integer is exact as a float: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A value and the line, from 1, at which it begins.
#[derive(Debug, Clone)]
pub struct Node {
    line: usize,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// `plain` is true without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Error of a file, with the field and the line if they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    message: String,
    line: Option<usize>,
    /// From the innermost field outwards.
    path: Vec<String>,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        for (index, part) in self.path.iter().rev().enumerate() {
            let dot = if index == 0 || part.starts_with('[') { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

impl std::error::Error for YamlError {}

impl de::Error for YamlError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl YamlError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None, path: Vec::new() }
    }

    fn at(mut self, line: usize) -> Self {
        self.line = self.line.or(Some(line));
        self
    }

    fn within(mut self, part: String) -> Self {
        self.path.push(part);
        self
    }
}

/// Reads the documents of a text. Empty documents are left out.
pub fn documents(text: &str) -> Result<Vec<Node>, YamlError> {
    let mut loader = Loader { nodes: 0, anchors: HashMap::new() };
    let mut parser = Parser::new_from_str(text);
    let mut documents = Vec::new();
    while let Some((event, span)) = next(&mut parser)? {
        match event {
            Event::DocumentStart(_) => loader.anchors.clear(),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            first => documents.push(loader.node(&mut parser, first, span, 0)?),
        }
    }
    documents.retain(|node| !node.is_empty());
    Ok(documents)
}

type Source<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

fn next<'a>(parser: &mut Source<'a>) -> Result<Option<(Event<'a>, Span)>, YamlError> {
    parser.next().transpose().map_err(|error| {
        YamlError::new(format!("is not YAML: {}", error.info())).at(error.marker().line())
    })
}

struct Loader {
    nodes: usize,
    /// Values with an anchor in this document, by the number of the anchor, with the number of
    /// nodes of each.
    anchors: HashMap<usize, (Node, usize)>,
}

impl Loader {
    fn count(&mut self, more: usize, line: usize) -> Result<(), YamlError> {
        self.nodes += more;
        if self.nodes > NODES_MAX {
            return Err(YamlError::new(format!(
                "has more than {NODES_MAX} values, aliases included"
            ))
            .at(line));
        }
        Ok(())
    }

    /// Reads the value that begins with `event`.
    fn node(
        &mut self,
        parser: &mut Source<'_>,
        event: Event<'_>,
        span: Span,
        depth: usize,
    ) -> Result<Node, YamlError> {
        let line = span.start.line();
        if depth > DEPTH_MAX {
            return Err(
                YamlError::new(format!("is nested more than {DEPTH_MAX} levels deep")).at(line)
            );
        }
        let before = self.nodes;
        self.count(1, line)?;
        let (anchor, content) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_text(tag.as_deref(), line)?;
                (anchor, Content::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, tag) => {
                is_text(tag.as_deref(), line)?;
                let mut items = Vec::new();
                loop {
                    match end(parser)? {
                        (Event::SequenceEnd, _) => break,
                        (first, span) => items.push(self.node(parser, first, span, depth + 1)?),
                    }
                }
                (anchor, Content::List(items))
            }
            Event::MappingStart(anchor, tag) => {
                is_text(tag.as_deref(), line)?;
                (anchor, Content::Map(self.entries(parser, depth)?))
            }
            Event::Alias(anchor) => {
                let (node, nodes) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| YamlError::new("an alias refers to itself").at(line))?;
                self.count(nodes, line)?;
                return Ok(node);
            }
            _ => return Err(YamlError::new("is not YAML").at(line)),
        };
        let node = Node { line, content };
        // The parser numbers anchors from 1.
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn entries(
        &mut self,
        parser: &mut Source<'_>,
        depth: usize,
    ) -> Result<Vec<(String, Node)>, YamlError> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        // Keys and their lines.
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = end(parser)?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(parser, event, span, depth + 1)?;
            let line = key.line;
            let Content::Scalar { text, .. } = key.content else {
                return Err(
                    YamlError::new("a key must be a text, not a list or a mapping").at(line)
                );
            };
            if let Some(earlier) = seen.insert(text.clone(), line) {
                return Err(YamlError::new(format!(
                    "duplicate key `{text}`; the first is in line {earlier}"
                ))
                .at(line));
            }
            let (event, span) = end(parser)?;
            let value = self
                .node(parser, event, span, depth + 1)
                .map_err(|error| error.within(text.clone()))?;
            entries.push((text, value));
        }
    }
}

fn end<'a>(parser: &mut Source<'a>) -> Result<(Event<'a>, Span), YamlError> {
    next(parser)?.ok_or_else(|| YamlError::new("is not YAML: the file ends too early"))
}

/// Returns whether the tag makes a scalar a text. Other tags of YAML's core types have no effect;
/// all others are errors.
fn is_text(tag: Option<&Tag>, line: usize) -> Result<bool, YamlError> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
        Some(tag)
            if tag.is_yaml_core_schema()
                && ["str", "int", "float", "bool", "null", "seq", "map"]
                    .contains(&tag.suffix.as_str()) =>
        {
            Ok(tag.suffix == "str")
        }
        Some(tag) => {
            Err(YamlError::new(format!("unknown tag {}{}; remove it", tag.handle, tag.suffix))
                .at(line))
        }
    }
}

impl Node {
    /// Returns whether the scalar is empty or YAML's null.
    fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Returns the items of a list, or the value itself if it is no list.
    pub fn into_items(self) -> Result<Vec<Self>, Self> {
        match self.content {
            Content::List(items) => Ok(items),
            content => Err(Self { line: self.line, content }),
        }
    }

    pub fn is_map(&self) -> bool {
        matches!(self.content, Content::Map(_))
    }

    pub fn field(&self, field: &str) -> Option<&Self> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|(key, _)| key == field).map(|(_, value)| value)
    }

    /// Removes a field of a mapping and returns it. An empty field counts as absent.
    pub fn take(&mut self, field: &str) -> Option<Self> {
        let Content::Map(entries) = &mut self.content else { return None };
        let index = entries.iter().position(|(key, _)| key == field)?;
        Some(entries.remove(index).1).filter(|value| !value.is_empty())
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Deserializes the value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        T::deserialize(self)
    }

    fn wrong(&self, wanted: &str) -> YamlError {
        let found = match &self.content {
            _ if self.is_empty() => {
                return YamlError::new(format!(
                    "is empty: write {wanted}, \"\" for an empty text, or remove the field"
                ))
                .at(self.line);
            }
            Content::Scalar { text, .. } => format!("{text:?}"),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        };
        let example = match &self.content {
            Content::Scalar { text, .. } if wanted == "a list" => format!(": write [{text}]"),
            _ => String::new(),
        };
        YamlError::new(format!("is {found} and must be {wanted}{example}")).at(self.line)
    }

    fn text(&self) -> Result<&str, YamlError> {
        self.as_text().filter(|_| !self.is_empty()).ok_or_else(|| self.wrong("a text"))
    }

    /// Returns the integer of a plain scalar, in any of YAML's notations.
    fn whole(&self) -> Option<i128> {
        let Content::Scalar { text, plain: true } = &self.content else { return None };
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
            (Some(hex), _) => i128::from_str_radix(hex, 16).ok()?,
            (_, Some(octal)) => i128::from_str_radix(octal, 8).ok()?,
            _ if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()?
            }
            _ => {
                // 3.0 is an integer, as in JSON Schema.
                let float = digits
                    .starts_with(|first: char| first.is_ascii_digit())
                    .then(|| digits.parse::<f64>().ok())
                    .flatten()?;
                if float.fract() != 0.0 || float > EXACT_MAX {
                    return None;
                }
                // Exact: whole and at most EXACT_MAX.
                float as i128
            }
        };
        Some(if text.starts_with('-') { -number } else { number })
    }

    fn number<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, YamlError> {
        let whole = self.whole().ok_or_else(|| self.wrong("a whole number"))?;
        let visited = match (u64::try_from(whole), i64::try_from(whole)) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) => visitor.visit_i64(number),
            _ => Err(YamlError::new(format!("{whole} is too large a number"))),
        };
        visited.map_err(|error: YamlError| error.at(self.line))
    }
}

macro_rules! numbers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
            self.number(visitor)
        })+
    };
}

macro_rules! texts {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
            visitor.visit_str(self.text()?).map_err(|error: YamlError| error.at(self.line))
        })+
    };
}

impl<'de> Deserializer<'de> for &Node {
    type Error = YamlError;

    numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    texts! { deserialize_str deserialize_string deserialize_char deserialize_identifier deserialize_bytes deserialize_byte_buf }

    /// A type that accepts any value gets a scalar as text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match &self.content {
            Content::List(_) => self.deserialize_seq(visitor),
            Content::Map(_) => self.deserialize_map(visitor),
            Content::Scalar { .. } if self.is_empty() => visitor.visit_unit(),
            Content::Scalar { .. } => self.deserialize_str(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match &self.content {
            Content::Scalar { text, plain: true }
                if matches!(text.as_str(), "true" | "True" | "TRUE") =>
            {
                visitor.visit_bool(true)
            }
            Content::Scalar { text, plain: true }
                if matches!(text.as_str(), "false" | "False" | "FALSE") =>
            {
                visitor.visit_bool(false)
            }
            _ => Err(self.wrong("true or false")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        let Content::Scalar { text, plain: true } = &self.content else {
            return Err(self.wrong("a number"));
        };
        visitor.visit_f64(text.parse().map_err(|_| self.wrong("a number"))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        if self.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        if self.is_empty() { visitor.visit_unit() } else { Err(self.wrong("empty")) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        let Content::List(items) = &self.content else { return Err(self.wrong("a list")) };
        visitor
            .visit_seq(Items { items: items.iter().enumerate() })
            .map_err(|error| error.at(self.line))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        let Content::Map(entries) = &self.content else { return Err(self.wrong("a mapping")) };
        visitor
            .visit_map(Entries { entries: entries.iter(), value: None, absent: &[] })
            .map_err(|error| error.at(self.line))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        let Content::Map(entries) = &self.content else {
            return Err(self.wrong("a mapping of fields"));
        };
        visitor
            .visit_map(Entries { entries: entries.iter(), value: None, absent: fields })
            .map_err(|error| error.at(self.line))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        let text: StrDeserializer<'_, YamlError> = self.text()?.into_deserializer();
        text.deserialize_enum(name, variants, visitor).map_err(|error| error.at(self.line))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = YamlError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, YamlError> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        seed.deserialize(item)
            .map(Some)
            .map_err(|error| error.at(item.line).within(format!("[{index}]")))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (String, Node)>,
    value: Option<&'a (String, Node)>,
    /// Fields that count as absent if they are empty.
    absent: &'static [&'static str],
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = YamlError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, YamlError> {
        let absent = self.absent;
        self.value =
            self.entries.find(|(key, value)| !(value.is_empty() && absent.contains(&key.as_str())));
        let Some((key, value)) = self.value else { return Ok(None) };
        let name: StrDeserializer<'_, YamlError> = key.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|error| error.at(value.line))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, YamlError> {
        let (key, value) =
            self.value.take().ok_or_else(|| YamlError::new("a value without a key"))?;
        seed.deserialize(value).map_err(|error| error.at(value.line).within(key.clone()))
    }
}
