//! Filters of lists, from the query of a request or from its body.

use std::fmt::Display;
use std::str::FromStr;

use flow_api_types::limits::LABEL_FILTERS_MAX;
use flow_api_types::{TaskSelector, Time};
use flow_domain::error::{Error, FieldCode};
use flow_domain::label::{self, Labels};
use flow_domain::text::clip;
use serde::{Deserialize, Deserializer};

use super::lookup::visible_template;
use super::reference::Reference;
use crate::api::extract::Caller;
use crate::api::list;
use crate::api::problem::{ApiError, field};
use crate::state::App;
use crate::store::{TaskFilter, TimeRange};

/// Longest part of a value that a message quotes, in characters.
const QUOTED_CHARS_MAX: usize = 100;

/// Reads values that commas separate.
pub(super) fn separated<'de, D, T>(source: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    let text = String::deserialize(source)?;
    text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

/// Reads labels as `name=value`, separated by commas. Two values of one name select no task.
pub(super) fn labels(text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut labels = Vec::new();
    for label in text.split(',') {
        let quoted = clip(label, QUOTED_CHARS_MAX);
        let (name, value) = label
            .split_once('=')
            .filter(|(name, value)| label::is_name(name) && label::is_value(value))
            .ok_or_else(|| {
                let message = format!(
                    "is {quoted:?} and must be name=value; a name is {}; a value is {}",
                    label::NAME_FORM,
                    label::VALUE_FORM
                );
                field("?label", FieldCode::Pattern, message)
            })?;
        labels.push((name.to_owned(), value.to_owned()));
    }
    check_count("?label", labels.len())?;
    Ok(labels)
}

fn check_count(at: &str, count: usize) -> Result<(), Error> {
    if count <= LABEL_FILTERS_MAX {
        return Ok(());
    }
    let message = format!("has {count} labels; the limit is {LABEL_FILTERS_MAX}");
    Err(field(at, FieldCode::TooLong, message))
}

fn check_labels(at: &str, labels: &Labels) -> Result<(), Error> {
    for (name, value) in labels {
        if !label::is_name(name) {
            let quoted = clip(name, QUOTED_CHARS_MAX);
            let message = format!("has the name {quoted:?}; a name is {}", label::NAME_FORM);
            return Err(field(at, FieldCode::Pattern, message));
        }
        if !label::is_value(value) {
            let quoted = clip(value, QUOTED_CHARS_MAX);
            let message = format!("has the value {quoted:?}; a value is {}", label::VALUE_FORM);
            return Err(field(at, FieldCode::Pattern, message));
        }
    }
    Ok(())
}

/// Converts the conditions of a request. `place` is the beginning of the names of their fields in
/// errors.
pub(super) async fn of_tasks(
    app: &App,
    caller: &Caller,
    selector: TaskSelector,
    place: &str,
) -> Result<TaskFilter, ApiError> {
    let TaskSelector { name, phase, party, template, labels, created_since, created_before } =
        selector;
    check_count(&format!("{place}labels"), labels.len())?;
    check_labels(&format!("{place}labels"), &labels)?;
    let created = created(created_since.as_deref(), created_before.as_deref(), place)?;
    let template = match template {
        None => None,
        Some(template) => {
            let reference: Reference<_> =
                Reference::deserialize(serde::de::value::StringDeserializer::<
                    serde::de::value::Error,
                >::new(template))
                .map_err(|problem| {
                    field(format!("{place}template"), FieldCode::Pattern, problem.to_string())
                })?;
            match reference {
                Reference::Id(id) => Some(id),
                name => Some(visible_template(app, caller, &name).await?.id),
            }
        }
    };
    Ok(TaskFilter {
        name_prefix: list::text(&format!("{place}name"), name)?,
        phases: phase.into_iter().map(|phase| phase.0).collect(),
        party,
        template,
        labels: labels.into_iter().collect(),
        created,
        ..TaskFilter::project(caller.0.project.clone())
    })
}

/// Reads a range of times of creation.
pub(super) fn created(
    since: Option<&str>,
    before: Option<&str>,
    place: &str,
) -> Result<TimeRange, Error> {
    let time = |name: &str, text: Option<&str>| {
        let time = text.map(|text| {
            Time::parse(text).ok_or_else(|| {
                let message = format!(
                    "is {:?} and must be a time in RFC 3339, for example 2026-11-30T14:00:00Z",
                    clip(text, QUOTED_CHARS_MAX)
                );
                field(format!("{place}{name}"), FieldCode::Pattern, message)
            })
        });
        time.transpose()
    };
    Ok(TimeRange { from: time("created_since", since)?, before: time("created_before", before)? })
}
