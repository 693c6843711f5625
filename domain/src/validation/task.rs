//! The rules for the content of tasks.

use std::collections::BTreeMap;

use super::check_head;
use crate::error::{FieldCode, FieldErrors, pointer};
use crate::framework;
use crate::id::PartyId;
use crate::label;
use crate::limits::{DEADLINE_S_MAX, EPOCHS_MAX, MEMBERS_MAX, RETRIES_MAX, START_DEADLINE_S_MAX};
use crate::member::Role;
use crate::task::{Rules, TaskBody, TaskMember};
use crate::template::TemplateBody;
use crate::text::clip;

/// Longest list of names in a message, in characters.
const NAMES_CHARS_MAX: usize = 200;

impl TaskBody {
    /// Checks the content with the template revision that it names. `known_party` returns true for
    /// existing parties.
    ///
    /// # Errors
    /// All errors, with pointers into the task.
    pub fn validate(
        &self,
        template: &TemplateBody,
        known_party: &dyn Fn(&PartyId) -> bool,
    ) -> Result<(), FieldErrors> {
        self.validate_among(template, known_party, &[])
    }

    /// As [`Self::validate`]; the error about an unknown party lists these names.
    ///
    /// # Errors
    /// All errors, with pointers into the task.
    pub fn validate_among(
        &self,
        template: &TemplateBody,
        known_party: &dyn Fn(&PartyId) -> bool,
        names: &[PartyId],
    ) -> Result<(), FieldErrors> {
        let Self {
            name,
            remark,
            template: _,
            revision,
            epochs,
            parameters: _,
            members: _,
            rules: _,
            labels,
        } = self;
        let mut errors = FieldErrors::default();
        check_head(name, remark, &mut errors);
        errors.range("/revision", *revision, 1, u32::MAX);
        errors.range("/epochs", *epochs, 1, EPOCHS_MAX);
        self.check_parameters(template, &mut errors);
        self.check_members(known_party, names, &mut errors);
        self.check_requirements(template, &mut errors);
        self.check_rules(&mut errors);
        label::check(labels, &mut errors);
        framework::check_task(self, template.framework, &self.parameters(template), &mut errors);
        errors.finish()
    }

    fn check_parameters(&self, template: &TemplateBody, errors: &mut FieldErrors) {
        let own = framework::own_parameters(template.framework);
        let known: Vec<&str> =
            template.parameters.keys().map(String::as_str).chain(own.iter().copied()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        for (name, value) in &self.parameters {
            let path = pointer(&["parameters", name]);
            match template.parameters.get(name) {
                Some(schema) => {
                    if let Err((code, message)) = schema.accepts(value) {
                        errors.add(path, code, message);
                    }
                }
                None if own.contains(&name.as_str()) => {}
                None => errors.add(
                    path,
                    FieldCode::Unknown,
                    format!("is not a parameter of the template, which has {known}"),
                ),
            }
        }
        for (name, schema) in &template.parameters {
            if schema.default.is_none() && !self.parameters.contains_key(name) {
                errors.add(
                    pointer(&["parameters", name]),
                    FieldCode::Required,
                    "is required: the template has no default for it",
                );
            }
        }
    }

    fn check_members(
        &self,
        known_party: &dyn Fn(&PartyId) -> bool,
        names: &[PartyId],
        errors: &mut FieldErrors,
    ) {
        let existing = match names {
            [] => "names must match exactly".to_owned(),
            names => {
                let names: Vec<&str> = names.iter().map(PartyId::as_str).collect();
                format!("there are {}", clip(&names.join(", "), NAMES_CHARS_MAX))
            }
        };
        if self.members.len() > MEMBERS_MAX {
            errors.add(
                "/members",
                FieldCode::TooLong,
                format!("has {} entries; the limit is {MEMBERS_MAX}", self.members.len()),
            );
        }
        if self.trainers() == 0 {
            errors.add(
                "/members",
                FieldCode::Required,
                "must contain at least one member with the role trainer",
            );
        }
        let mut first: BTreeMap<&PartyId, usize> = BTreeMap::new();
        let mut aggregator = None;
        for (index, TaskMember { party, role, dataset: _ }) in self.members.iter().enumerate() {
            let path = |part: &str| format!("/members/{index}/{part}");
            if !known_party(party) {
                errors.add(
                    path("party"),
                    FieldCode::Unknown,
                    format!("there is no party {party}; {existing}"),
                );
            }
            if let Some(earlier) = first.get(party) {
                errors.add(
                    path("party"),
                    FieldCode::Duplicate,
                    format!("is {party}, which is members[{earlier}] already; a party can be only one member of a task"),
                );
            } else {
                first.insert(party, index);
            }
            if *role == Role::Aggregator {
                if let Some(earlier) = aggregator {
                    errors.add(
                        path("role"),
                        FieldCode::Duplicate,
                        format!(
                            "members[{earlier}] is the aggregator already; a task can have only one"
                        ),
                    );
                }
                aggregator = aggregator.or(Some(index));
            }
        }
    }

    /// Checks what the template requires of the members.
    fn check_requirements(&self, template: &TemplateBody, errors: &mut FieldErrors) {
        if template.requires_aggregator && self.aggregator().is_none() {
            errors.add(
                "/members",
                FieldCode::Required,
                "must contain a member with the role aggregator: the template requires one",
            );
        }
        for (index, TaskMember { party, role, dataset }) in self.members.iter().enumerate() {
            if dataset.is_none() && template.requires_dataset.contains(role) {
                errors.add(
                    format!("/members/{index}/dataset"),
                    FieldCode::Required,
                    format!(
                        "is required: the template needs a dataset for each {role}; name one that {party} offers"
                    ),
                );
            }
        }
    }

    fn check_rules(&self, errors: &mut FieldErrors) {
        let Rules {
            minimum_parties,
            retries,
            queue_deadline_s,
            start_deadline_s,
            no_progress_s,
            give_up_after_s,
        } = &self.rules;
        if let Some(minimum) = minimum_parties {
            errors.range("/rules/minimum_parties", *minimum, 1, self.trainers().max(1));
        }
        errors.range("/rules/retries", *retries, 0, RETRIES_MAX);
        // No deadline can be disabled, because the framework has no timeouts (L2).
        errors.range("/rules/queue_deadline_s", *queue_deadline_s, 1, DEADLINE_S_MAX);
        errors.range("/rules/start_deadline_s", *start_deadline_s, 1, START_DEADLINE_S_MAX);
        errors.range("/rules/no_progress_s", *no_progress_s, 1, DEADLINE_S_MAX);
        errors.range("/rules/give_up_after_s", *give_up_after_s, 1, DEADLINE_S_MAX);
    }
}
