//! `hyper_parameter`: a list of texts `name=value`. Each becomes a parameter of the template or of the
//! run and reaches the trainers as the flag `--name=value` and in `FED_PARAMS` (defect F18).

use std::collections::BTreeMap;

use flow_domain::error::{Error, FieldCode};
use flow_domain::template::{ParamSchema, ParamType};

use crate::api::problem::field;

/// Splits the entries into names and values. Dashes before a name are optional.
pub(super) fn parse(entries: Vec<String>) -> Result<BTreeMap<String, String>, Error> {
    let mut values = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let path = format!("/hyper_parameter/{index}");
        let Some((name, value)) = entry.split_once('=') else {
            let message = "must have the form name=value; it reaches the trainers as --name=value";
            return Err(field(path, FieldCode::Pattern, message));
        };
        let name = name.trim().trim_start_matches('-');
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            let message = format!("sets {name:?} again; send each name once");
            return Err(field(path, FieldCode::Duplicate, message));
        }
    }
    Ok(values)
}

/// Returns the parameters of a template with these defaults. A parameter that the template has keeps
/// its declaration; a parameter without a default, which this API does not show, stays.
pub(super) fn declare(
    defaults: BTreeMap<String, String>,
    mut before: BTreeMap<String, ParamSchema>,
) -> BTreeMap<String, ParamSchema> {
    let mut parameters: BTreeMap<String, ParamSchema> = BTreeMap::new();
    for (name, value) in defaults {
        let declared = before.remove(&name).unwrap_or(ParamSchema {
            kind: ParamType::String,
            default: None,
            allowed: Vec::new(),
            minimum: None,
            maximum: None,
            description: String::new(),
        });
        parameters.insert(name, ParamSchema { default: Some(value), ..declared });
    }
    parameters.extend(before.into_iter().filter(|(_, schema)| schema.default.is_none()));
    parameters
}

/// Returns the entries of a template's parameters, by name.
pub(super) fn show(parameters: &BTreeMap<String, ParamSchema>) -> Vec<String> {
    let entry = |(name, schema): (&String, &ParamSchema)| {
        Some(format!("{name}={}", schema.default.as_ref()?))
    };
    parameters.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn entries_become_parameters_and_are_shown_again() {
        let parsed =
            parse(entries(&["lr=0.1", "--steps=40", "note=a=b", "empty="])).expect("valid");
        let shown = show(&declare(parsed, BTreeMap::new()));
        assert_eq!(shown, ["empty=", "lr=0.1", "note=a=b", "steps=40"]);
        for bad in [&["lr"][..], &["lr=1", "-lr=2"], &[""]] {
            assert!(parse(entries(bad)).is_err(), "{bad:?}");
        }
    }
}
