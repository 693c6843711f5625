//! `flowctl task init`: a manifest to start from.

/// A template and a task, with comments on every field that people set.
pub const MANIFEST: &str = include_str!("manifest.yaml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Document, parse};

    #[test]
    fn u14_skeleton_is_a_valid_manifest() {
        let documents = parse(MANIFEST).unwrap();
        let [Document::Template(template), Document::Task(task)] = documents.as_slice() else {
            panic!("{documents:?}")
        };
        let (name, remark, body) = template.clone().into_parts();
        flow_domain::validation::validate_head(&name, &remark).unwrap();
        body.validate().unwrap();
        let id = flow_domain::sample::template_id();
        task.clone().into_body(id, 1).validate(&body, &|_| true).unwrap();
        assert_eq!(task.template, name);
    }
}
