//! What the administrators of namespaces allow: an annotation of the Namespace, read for every Job that is made.
//!
//! Of many that are made at once, those share an answer that were known when it was asked for. Whoever was allowed
//! something and then began anew, as told, never meets an older answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use flow_crd::{ALLOW_ANNOTATION, IflearnerJob};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};
use tokio::sync::Mutex as Turn;

use super::dereference::forbidden;
use super::observe::Why;
use super::policy::{self, Allowed};
use super::reconcile::{Context, Error};
use super::validate::Plan;
use crate::cache::version;

/// An answer is good for so long: what is not allowed any more is not begun much later.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// From so many on, namespaces that nobody asks about are forgotten.
const MANY: usize = 1000;

/// The latest answer of each namespace. Whoever asks has the turn; who comes meanwhile waits for the answer.
#[derive(Debug, Default)]
pub struct Consent(Mutex<HashMap<String, Arc<Turn<Option<Answer>>>>>);

#[derive(Debug)]
struct Answer {
    allowed: Allowed,
    /// Objects up to this version were known when it was asked for.
    version: u64,
    asked: Monotonic,
}

impl Consent {
    fn of(&self, namespace: &str) -> Arc<Turn<Option<Answer>>> {
        let mut answers = self.0.lock().expect("nothing panics while it holds this lock");
        if answers.len() >= MANY {
            answers.retain(|_, answer| Arc::strong_count(answer) > 1);
        }
        Arc::clone(answers.entry(namespace.to_owned()).or_default())
    }
}

impl Answer {
    /// For an object of this version, of whoever came then, maybe before it was asked.
    fn is_for(&self, version: u64, came: Monotonic) -> bool {
        version <= self.version && came < self.asked + GOOD_FOR
    }
}

/// What the administrator of the object's namespace allows, or why the operator may not know.
pub async fn allowed(
    context: &Context,
    object: &IflearnerJob,
    plan: &Plan,
) -> Result<Result<Allowed, Why>, Error> {
    let (own, came) = (version(object), monotonic());
    let latest = context.consent.of(&plan.namespace);
    let mut latest = latest.lock().await;
    if let Some(answer) = latest.as_ref().filter(|answer| answer.is_for(own, came)) {
        return Ok(Ok(answer.allowed.clone()));
    }
    let (version, asked) = (own.max(context.objects.seen()), monotonic());
    let api: Api<Namespace> = Api::all(context.client.clone());
    let namespace = match api.get_opt(&plan.namespace).await {
        Ok(namespace) => namespace,
        Err(error) => {
            let why = forbidden(&format!("Namespace {}", plan.namespace), error)
                .map_err(Error::api("reading the Namespace"))?;
            return Ok(Err(why));
        }
    };
    let annotation =
        namespace.as_ref().and_then(|namespace| namespace.annotations().get(ALLOW_ANNOTATION));
    let allowed = policy::allowed(annotation.map(String::as_str), &context.config.pods.opt_ins);
    *latest = Some(Answer { allowed: allowed.clone(), version, asked });
    Ok(Ok(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_those_that_were_known_when_it_was_asked_for_and_not_for_long() {
        let asked = monotonic();
        let answer = Answer { allowed: Allowed::new(), version: 10, asked };
        assert!(answer.is_for(10, asked));
        assert!(!answer.is_for(11, asked), "it came after the question");
        assert!(!answer.is_for(10, asked + GOOD_FOR));
    }

    #[test]
    fn namespaces_that_nobody_asks_about_are_forgotten_once_they_are_many() {
        let consent = Consent::default();
        let held = consent.of("held");
        (1..MANY).for_each(|number| drop(consent.of(&number.to_string())));
        assert_eq!(consent.0.lock().unwrap().len(), MANY);
        drop(consent.of("one more"));
        assert!(Arc::ptr_eq(&held, &consent.of("held")));
        assert_eq!(consent.0.lock().unwrap().len(), 2);
    }
}
