//! Names of what belongs to an IflearnerJob, whatever its own is: up to 253 characters with dots.
//!
//! A name that fits is used as it is, so that clients of the original find the Service where they look for it. Any other
//! is shortened and told apart by a hash of the whole.

use sha2::{Digest as _, Sha256};

/// Longest label value, and longest name of a Service.
const MAX: usize = 63;
/// Digits of a hash in a name.
const HASH: usize = 8;
/// Leaves room for what the Job controller puts behind the name for a Pod, and for the hash.
const JOB_STEM: usize = 48;

/// The names of one IflearnerJob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Of Service, route and NetworkPolicy.
    pub service: String,
    /// Of the Job. Another for each object, also of the same name.
    pub job: String,
    /// Value of the label `app`.
    pub app: String,
}

impl Names {
    /// For the object of this name and UID.
    #[must_use]
    pub fn new(name: &str, uid: &str) -> Self {
        let stem = |max: usize| {
            let dashed = name.replace('.', "-");
            dashed[..dashed.floor_char_boundary(max)].trim_end_matches('-').to_owned()
        };
        let is_service_name = name.len() <= MAX
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.contains('.');
        Self {
            service: if is_service_name {
                name.to_owned()
            } else {
                format!("ifj-{}-{}", stem(JOB_STEM), hash(name))
            },
            job: format!("{}-{}", stem(JOB_STEM), hash(uid)),
            app: if name.len() <= MAX {
                name.to_owned()
            } else {
                format!("{}-{}", stem(JOB_STEM), hash(name))
            },
        }
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().take(HASH / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "5b6c2b1e-0000-4000-8000-000000000001";

    fn is_label_name(name: &str) -> bool {
        let inner = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        inner && name.len() <= MAX && !name.starts_with('-') && !name.ends_with('-')
    }

    #[test]
    fn a_name_that_fits_stays() {
        let names = Names::new("iflearnerjob-server-12", UID);
        assert_eq!(
            (names.service.as_str(), names.app.as_str()),
            ("iflearnerjob-server-12", "iflearnerjob-server-12")
        );
    }

    #[test]
    fn i15_any_object_name_gives_valid_names_of_children() {
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
            assert!(app.len() <= MAX, "{app}");
        }
    }

    #[test]
    fn names_that_are_shortened_differ_where_the_objects_differ() {
        let (one, other) = (format!("{}.1", "a".repeat(200)), format!("{}.2", "a".repeat(200)));
        assert_ne!(Names::new(&one, UID).service, Names::new(&other, UID).service);
        assert_ne!(Names::new("a.b", UID).service, Names::new("a-b", UID).service);
        assert_ne!(Names::new("a", UID).job, Names::new("a", "another").job);
    }
}
