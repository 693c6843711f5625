//! The rules for the content of tasks.

use std::collections::BTreeMap;

use super::check_head;
use crate::error::{FieldCode, FieldErrors, pointer};
use crate::framework;
use crate::id::PartyId;
use crate::limits::{DEADLINE_S_MAX, EPOCHS_MAX, MEMBERS_MAX, RETRIES_MAX, START_DEADLINE_S_MAX};
use crate::member::Role;
use crate::task::{Rules, TaskBody, TaskMember};
use crate::template::TemplateBody;

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
        let Self {
            name,
            remark,
            template: _,
            revision,
            epochs,
            parameters: _,
            members: _,
            rules: _,
        } = self;
        let mut errors = FieldErrors::default();
        check_head(name, remark, &mut errors);
        errors.range("/revision", *revision, 1, u32::MAX);
        errors.range("/epochs", *epochs, 1, EPOCHS_MAX);
        self.check_parameters(template, &mut errors);
        self.check_members(known_party, &mut errors);
        self.check_rules(&mut errors);
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

    fn check_members(&self, known_party: &dyn Fn(&PartyId) -> bool, errors: &mut FieldErrors) {
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
                    format!("no party has the name {party}; names must match exactly"),
                );
            }
            if let Some(earlier) = first.get(party) {
                errors.add(
                    path("party"),
                    FieldCode::Duplicate,
                    format!("{party} is already member {earlier}; a party can be only one member of a task"),
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
                            "member {earlier} is already the aggregator; a task can have only one"
                        ),
                    );
                }
                aggregator = aggregator.or(Some(index));
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
