//! Names of the children of an IflearnerJob, for every name of up to 253 characters.
//!
//! A name that fits is used unchanged, so that clients of the original operator find the Service by
//! it. Any other name is shortened and made unique by a hash of the whole name.

use sha2::{Digest as _, Sha256};

/// Longest label value and longest name of a Service, in characters.
const LABEL_LENGTH_MAX: usize = 63;
/// Number of hexadecimal digits of a hash in a name.
const HASH_DIGITS: usize = 8;
/// Longest part of the object's name in a shortened name. The rest of 63 characters is for the hash
/// and for the suffix that the Job controller adds to the name of a Pod.
const STEM_LENGTH_MAX: usize = 48;

/// The names of one IflearnerJob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Name of Service, route and NetworkPolicy.
    pub service: String,
    /// Name of the Job. Two objects never share it, even if a second one has the name of the first.
    pub job: String,
    /// Value of the label `app`.
    pub app: String,
}

impl Names {
    /// Returns the names for the object of this name and UID.
    #[must_use]
    pub fn new(name: &str, uid: &str) -> Self {
        let stem = |max: usize| {
            let dashed = name.replace('.', "-");
            dashed[..dashed.floor_char_boundary(max)].trim_end_matches('-').to_owned()
        };
        let is_service_name = name.len() <= LABEL_LENGTH_MAX
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.contains('.');
        Self {
            service: if is_service_name {
                name.to_owned()
            } else {
                format!("ifj-{}-{}", stem(STEM_LENGTH_MAX), hash(name))
            },
            job: format!("{}-{}", stem(STEM_LENGTH_MAX), hash(uid)),
            app: if name.len() <= LABEL_LENGTH_MAX {
                name.to_owned()
            } else {
                format!("{}-{}", stem(STEM_LENGTH_MAX), hash(name))
            },
        }
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "5b6c2b1e-0000-4000-8000-000000000001";

    fn is_label_name(name: &str) -> bool {
        let inner = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        inner && name.len() <= LABEL_LENGTH_MAX && !name.starts_with('-') && !name.ends_with('-')
    }

    #[test]
    fn name_that_fits_is_unchanged() {
        let names = Names::new("iflearnerjob-server-12", UID);
        assert_eq!(
            (names.service.as_str(), names.app.as_str()),
            ("iflearnerjob-server-12", "iflearnerjob-server-12")
        );
    }

    #[test]
    fn i15_every_object_name_gives_valid_names_of_children() {
        let long = format!("{}.{}", "a".repeat(126), "b".repeat(126));
        for name in [
            "a",
            "1",
            "a.b",
            "7-of-9",
            &"x".repeat(63),
            &"x".repeat(64),
            &format!("{}-y", "x".repeat(47)),
            &long,
        ] {
            let Names { service, job, app } = Names::new(name, UID);
            assert!(
                is_label_name(&service) && service.starts_with(|c: char| c.is_ascii_lowercase()),
                "{service}"
            );
            assert!(is_label_name(&job) && job.len() <= 57, "{job}");
            assert!(app.len() <= LABEL_LENGTH_MAX, "{app}");
        }
    }

    #[test]
    fn shortened_names_of_different_objects_differ() {
        let (one, other) = (format!("{}.1", "a".repeat(200)), format!("{}.2", "a".repeat(200)));
        assert_ne!(Names::new(&one, UID).service, Names::new(&other, UID).service);
        assert_ne!(Names::new("a.b", UID).service, Names::new("a-b", UID).service);
        assert_ne!(Names::new("a", UID).job, Names::new("a", "another").job);
    }
}
