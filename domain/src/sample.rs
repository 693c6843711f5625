//! A valid template and a valid task, for examples in the documentation and as the basis of tests.

use std::collections::BTreeMap;

use crate::id::{DatasetName, PartyId, RunId, TaskId, TemplateId, WebhookId};
use crate::member::Role;
use crate::task::{Rules, TaskBody, TaskMember};
use crate::template::{Framework, ParamSchema, ParamType, Resources, TemplateBody};

fn id<T: std::str::FromStr<Err = crate::id::BadId>>(text: &str) -> T {
    text.parse().expect("samples are well-formed")
}

/// An example run id.
#[must_use]
pub fn run_id() -> RunId {
    id("0190f3a4c2d17e00a1b2c3d4e5f60718")
}

/// An example task id.
#[must_use]
pub fn task_id() -> TaskId {
    id("0190f3a4b1c07e00a1b2c3d4e5f60718")
}

/// An example template id.
#[must_use]
pub fn template_id() -> TemplateId {
    id("0190f3a4a0b97e00a1b2c3d4e5f60718")
}

/// An example webhook id.
#[must_use]
pub fn webhook_id() -> WebhookId {
    id("0190f3a4e5f67e00a1b2c3d4e5f60718")
}

/// The party with this name.
#[must_use]
pub fn party(name: &str) -> PartyId {
    id(name)
}

/// A member of a task; trainers work on the dataset `digits`.
#[must_use]
pub fn member(name: &str, role: Role) -> TaskMember {
    let dataset = (role == Role::Trainer).then(|| id::<DatasetName>("digits"));
    TaskMember { party: party(name), role, dataset }
}

/// A template of a digit classifier with iflearner and one parameter with a default.
#[must_use]
pub fn template() -> TemplateBody {
    let rate = ParamSchema {
        kind: ParamType::Number,
        default: Some("0.5".to_owned()),
        allowed: Vec::new(),
        minimum: Some("0".to_owned()),
        maximum: Some("10".to_owned()),
        description: "Learning rate".to_owned(),
    };
    TemplateBody {
        framework: Framework::Iflearner,
        image: "iflearner-digits".to_owned(),
        command: vec!["python".to_owned(), "client.py".to_owned()],
        aggregator_command: Vec::new(),
        workdir: String::new(),
        env: BTreeMap::new(),
        parameters: BTreeMap::from([("lr".to_owned(), rate)]),
        resources: Resources::default(),
        max_runtime_s: 86_400,
        stop_grace_s: 10,
        requires_aggregator: false,
        requires_dataset: std::collections::BTreeSet::new(),
    }
}

/// A task of three epochs with two trainers; the hub's own party aggregates.
#[must_use]
pub fn task() -> TaskBody {
    TaskBody {
        name: "digits".to_owned(),
        remark: "Two hospitals, one model".to_owned(),
        template: template_id(),
        revision: 1,
        epochs: 3,
        parameters: BTreeMap::from([("lr".to_owned(), "0.25".to_owned())]),
        members: vec![
            member("hub", Role::Aggregator),
            member("hospital-a", Role::Trainer),
            member("hospital-b", Role::Trainer),
        ],
        rules: Rules::default(),
        labels: BTreeMap::new(),
    }
}
