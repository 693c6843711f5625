//! Structs that are read from an object only. A derived `Deserialize` reads a struct from a list of
//! its fields, too, which the published schemas exclude.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        source.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// Reads a field from an object.
pub fn required<'de, T: Deserialize<'de>, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
    Object::deserialize(source).map(|Object(fields)| fields)
}

/// Reads a field from an object or `null`.
pub fn optional<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::deserialize(source)?.map(|Object(fields)| fields))
}

#[cfg(test)]
mod tests {
    use crate::{BulkRequest, ProjectEdit, TaskInput, TemplateInput};

    fn error_of<T: serde::de::DeserializeOwned>(text: &str) -> String {
        serde_json::from_str::<T>(text).err().expect("a list is no object").to_string()
    }

    #[test]
    fn u41_list_is_not_read_as_an_object() {
        let errors = [
            error_of::<ProjectEdit>(r#"{"quotas": [null, null]}"#),
            error_of::<BulkRequest>(r#"{"filter": []}"#),
            error_of::<TaskInput>(r#"{"name": "n", "rules": []}"#),
            error_of::<TemplateInput>(r#"{"name": "n", "resources": [1, 2]}"#),
        ];
        for error in errors {
            assert!(error.starts_with("invalid type: sequence, expected a map"), "{error}");
        }
        assert!(serde_json::from_str::<ProjectEdit>(r#"{"quotas": {"tasks": 1}}"#).is_ok());
        assert!(serde_json::from_str::<ProjectEdit>(r#"{"quotas": null}"#).is_ok());
    }
}
