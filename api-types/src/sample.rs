//! Examples of the OpenAPI document: one template, its task, one run of the task, and the objects
//! around them. The ids agree with each other. Tests send the requests.

use std::collections::BTreeMap;

use flow_domain::access::{ProjectRole, TokenScope, UserKind};
use flow_domain::error::ErrorCode;
use flow_domain::id::{DatasetName, Digest, InstanceId, PartyId, UserName};
use flow_domain::member::{Contact, MemberPhase, Role};
use flow_domain::progress::Point;
use flow_domain::run::{EventKind, NewMember, NewRun, RunInputs, RunPhase};
use flow_domain::sample;
use flow_domain::template::{Framework, ParamType};
use flow_domain::time::Timestamp;

use crate::template::{default_grace, default_max_runtime};
use crate::{
    Agent, ApplyRequest, BulkRequest, DevicePoll, DeviceStart, Event, IdentityInput, Member,
    MembershipInput, NewParty, NewPassword, NewProject, NewToken, NewUser, OfferInput, Orphan,
    Output, OutputList, ParamSchemaInput, Party, PartyCreated, PhaseFilter, Problem, ProjectEdit,
    QuotaEdit, ResourcesInput, Revision, RulesInput, Run, RunSummary, SecretRotation, SecretText,
    SeriesList, SetupInput, SignIn, StartInput, Task, TaskDocument, TaskInput, TaskMemberInput,
    TaskSelector, Template, TemplateInput, Time, UserEdit, WebhookInput,
};

/// 2026-01-01T00:00:00Z.
const CREATED_AT: Timestamp = Timestamp(1_767_225_600_000_000);

fn instance() -> InstanceId {
    "0190f3a4d3e27e00a1b2c3d4e5f60718".parse().expect("constant is an instance id")
}

fn template() -> flow_domain::template::Template {
    let (name, remark, body) = TemplateInput::sample().into_parts();
    flow_domain::template::Template {
        id: sample::template_id(),
        project: "default".parse().expect("constant is a project id"),
        name,
        remark,
        revision: 1,
        body,
        created_at: CREATED_AT,
        modified_at: CREATED_AT,
    }
}

/// Returns a new run whose parties are all connected.
pub(crate) fn run() -> flow_domain::run::Run {
    let (task, template) = (TaskInput::sample().into_body(1), template());
    let inputs = RunInputs::new(&task, &template.body, &template.name);
    let member = |member: flow_domain::task::TaskMember| NewMember {
        digest: Digest::of(member.party.as_str().as_bytes()),
        party: member.party,
        role: member.role,
        connected: Some(instance()),
        away_since: CREATED_AT,
        never_connected: false,
        disabled: false,
    };
    let new = NewRun {
        id: sample::run_id(),
        task: sample::task_id(),
        number: 1,
        retry_of: None,
        started_by: Some("alice".to_owned()),
        inputs: Some(inputs),
        retries_left: task.rules.retries,
        not_before: CREATED_AT,
        framework: Framework::Iflearner,
        rules: task.rules,
        stop_grace_s: template.body.stop_grace_s,
        members: task.members.into_iter().map(member).collect(),
    };
    flow_domain::run::Run::new(new, CREATED_AT).0
}

fn trainer() -> PartyId {
    NewParty::sample().name
}

impl TemplateInput {
    /// A template with one parameter.
    #[must_use]
    pub fn sample() -> Self {
        let rate = ParamSchemaInput {
            kind: ParamType::Number,
            default: Some("0.1".to_owned()),
            allowed: Vec::new(),
            minimum: Some("0".to_owned()),
            maximum: Some("1".to_owned()),
            description: "learning rate".to_owned(),
        };
        Self {
            name: "digits".to_owned(),
            remark: "Handwritten digits with a numpy model".to_owned(),
            framework: Framework::Iflearner,
            image: "iflearner-digits:1".to_owned(),
            command: vec!["python".to_owned(), "-u".to_owned(), "client.py".to_owned()],
            aggregator_command: Vec::new(),
            workdir: String::new(),
            env: BTreeMap::new(),
            parameters: BTreeMap::from([("learning_rate".to_owned(), rate)]),
            resources: ResourcesInput::default(),
            max_runtime_s: default_max_runtime(),
            stop_grace_s: default_grace(),
            requires_aggregator: true,
            requires_dataset: std::collections::BTreeSet::new(),
        }
    }
}

impl Template {
    /// The template that [`TemplateInput::sample`] creates.
    #[must_use]
    pub fn sample() -> Self {
        template().into()
    }
}

impl Revision {
    /// The first revision of [`Template::sample`].
    #[must_use]
    pub fn sample() -> Self {
        template().into()
    }
}

impl TaskInput {
    /// A task of [`Template::sample`] with one aggregator and two trainers.
    #[must_use]
    pub fn sample() -> Self {
        let party = |text: &str| text.parse::<PartyId>().expect("constant is a party name");
        let data: Option<DatasetName> = "digits".parse().ok();
        Self {
            name: "digits-spring".to_owned(),
            remark: String::new(),
            template: sample::template_id(),
            revision: Some(1),
            epochs: 10,
            parameters: BTreeMap::from([("learning_rate".to_owned(), "0.05".to_owned())]),
            members: vec![
                TaskMemberInput { party: party("hub"), role: Role::Aggregator, dataset: None },
                TaskMemberInput {
                    party: party("hospital-a"),
                    role: Role::Trainer,
                    dataset: data.clone(),
                },
                TaskMemberInput { party: party("hospital-b"), role: Role::Trainer, dataset: data },
            ],
            rules: RulesInput::default(),
            labels: BTreeMap::from([("season".to_owned(), "spring".to_owned())]),
        }
    }
}

impl ApplyRequest {
    /// [`TemplateInput::sample`] with a task of it.
    #[must_use]
    pub fn sample() -> Self {
        let TaskInput {
            name,
            remark,
            template: _,
            revision: _,
            epochs,
            parameters,
            members,
            rules,
            labels,
        } = TaskInput::sample();
        let template = TemplateInput::sample();
        let task = TaskDocument {
            name,
            remark,
            template: template.name.clone(),
            revision: None,
            epochs,
            parameters,
            members,
            rules,
            labels,
        };
        Self { templates: vec![template], tasks: vec![task] }
    }
}

impl BulkRequest {
    /// All failed tasks of one season.
    #[must_use]
    pub fn sample() -> Self {
        let labels = BTreeMap::from([("season".to_owned(), "spring".to_owned())]);
        let phase = vec![PhaseFilter(Some(RunPhase::Failed))];
        let filter = Some(TaskSelector { phase, labels, ..TaskSelector::default() });
        Self { filter, ..Self::default() }
    }
}

impl Task {
    /// The task that [`TaskInput::sample`] creates, with its first run.
    #[must_use]
    pub fn sample() -> Self {
        let body = TaskInput::sample().into_body(1);
        let summary = RunSummary::new(&run(), &BTreeMap::new());
        let task = flow_domain::task::Task {
            id: sample::task_id(),
            project: template().project,
            body,
            created_at: CREATED_AT,
            modified_at: CREATED_AT,
            runs: 1,
            deleted_at: None,
        };
        Self { created_by: Some(user().into()), ..Self::new(task, 2, Some(summary)) }
    }
}

impl Run {
    /// The first run of [`Task::sample`], new.
    #[must_use]
    pub fn sample() -> Self {
        Self::new(run(), &BTreeMap::new())
    }
}

impl StartInput {
    /// A run with another learning rate than [`TaskInput::sample`].
    #[must_use]
    pub fn sample() -> Self {
        let parameters = BTreeMap::from([("learning_rate".to_owned(), "0.01".to_owned())]);
        Self { epochs: Some(20), parameters }
    }
}

impl Member {
    /// A trainer of [`Run::sample`].
    #[must_use]
    pub fn sample() -> Self {
        let member = run().members.into_iter().find(|member| member.party == trainer());
        Self::new(member.expect("sample party is a member of the sample run"), None)
    }
}

impl Event {
    /// The event that records the start of [`Run::sample`].
    #[must_use]
    pub fn sample() -> Self {
        let event = flow_domain::run::Event {
            kind: EventKind::RunQueued,
            run: Some(sample::run_id()),
            party: None,
            message: "run 1 is queued".to_owned(),
        };
        Self::new(2, CREATED_AT.into(), event)
    }
}

impl NewParty {
    /// A party that trains in [`Task::sample`].
    #[must_use]
    pub fn sample() -> Self {
        Self {
            name: "hospital-a".parse().expect("constant is a party name"),
            remark: "Children's hospital".to_owned(),
        }
    }
}

impl SecretRotation {
    /// An overlap of one hour.
    #[must_use]
    pub const fn sample() -> Self {
        Self { overlap_s: 3600 }
    }
}

impl Party {
    /// The party that [`NewParty::sample`] adds, connected.
    #[must_use]
    pub fn sample() -> Self {
        let NewParty { name, remark } = NewParty::sample();
        Self {
            name: name.into(),
            remark,
            created_at: CREATED_AT.into(),
            contact: Contact::Connected.into(),
            disabled_at: None,
            agent: Some(Agent { instance: instance().into(), version: "0.1.0".to_owned() }),
            inventory: None,
        }
    }
}

impl PartyCreated {
    /// [`NewParty::sample`] with a secret of the right length.
    #[must_use]
    pub fn sample() -> Self {
        Self { name: trainer().into(), secret: Digest::of(b"sample").into() }
    }
}

impl Orphan {
    /// A member of a run that the hub does not know.
    #[must_use]
    pub fn sample() -> Self {
        let (party, run, attempt) = (trainer(), sample::run_id(), 1);
        Self {
            id: format!("{party}.{run}.{attempt}"),
            party: party.into(),
            run: run.into(),
            task: Some(sample::task_id().into()),
            attempt,
            spec_digest: Some(Digest::of(b"sample").into()),
            phase: MemberPhase::Running.into(),
            seen_at: CREATED_AT.into(),
            decision: None,
        }
    }
}

impl SeriesList {
    /// Two points of one series.
    #[must_use]
    pub fn sample() -> Self {
        let point = |step, value: &str| Point {
            series: "local/acc".to_owned(),
            step,
            value: value.to_owned(),
        };
        Self::new(vec![point(1, "0.81"), point(2, "0.93")])
    }
}

impl OutputList {
    /// One model.
    #[must_use]
    pub fn sample() -> Self {
        let model = Output {
            path: "model.npz".parse().expect("constant is a path"),
            size: 5_312,
            modified_at: CREATED_AT.into(),
            sha256: Some(Digest::of(b"model").into()),
        };
        Self { outputs: vec![model], left_out: 0 }
    }
}

impl Problem {
    /// A task that does not exist.
    #[must_use]
    pub fn sample() -> Self {
        let row = ErrorCode::TaskNotFound.row();
        Self {
            kind: format!("/docs#{}", row.slug),
            title: row.title.to_owned(),
            status: row.http,
            detail: format!("there is no task {}", sample::task_id()),
            code: row.slug.to_owned(),
            retryable: row.retryable,
            fields: Vec::new(),
            more_fields: None,
            request_id: "0190f3a4e4f37e00a1b2c3d4e5f60718".to_owned(),
        }
    }
}

impl Time {
    /// The creation time of the samples.
    #[must_use]
    pub fn sample() -> Self {
        CREATED_AT.into()
    }
}

impl SetupInput {
    /// The first account of a hub.
    #[must_use]
    pub fn sample() -> Self {
        Self { code: SecretText("0123456789abcdef".to_owned()), name: user(), password: None }
    }
}

impl NewUser {
    /// A person without a password.
    #[must_use]
    pub fn sample() -> Self {
        Self { name: user(), kind: UserKind::Person, federation_admin: false, password: None }
    }
}

impl UserEdit {
    /// Disables an account.
    #[must_use]
    pub const fn sample() -> Self {
        Self { federation_admin: None, disabled: Some(true) }
    }
}

impl NewPassword {
    /// A change of the own password.
    #[must_use]
    pub fn sample() -> Self {
        let text = |text: &str| SecretText(text.to_owned());
        Self { password: text("correct horse battery"), current: Some(text("a staple of old")) }
    }
}

impl WebhookInput {
    /// A webhook for the ends of runs.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            name: "chat".to_owned(),
            url: "https://hooks.example/flow".to_owned(),
            events: Some(vec![EventKind::RunSucceeded, EventKind::RunFailed]),
            labels: BTreeMap::new(),
            enabled: true,
        }
    }
}

impl NewToken {
    /// A token of a CI job.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            name: "nightly training".to_owned(),
            user: None,
            scope: TokenScope::Api,
            project: None,
            role: Some(ProjectRole::Submitter),
            expires_in_days: crate::limits::TOKEN_DAYS_DEFAULT,
        }
    }
}

impl SignIn {
    /// A person with a password.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            name: Some(user().into()),
            password: Some(SecretText("correct horse battery".to_owned())),
            code: None,
        }
    }
}

impl NewProject {
    /// A project with the parties that are offered to it.
    #[must_use]
    pub fn sample() -> Self {
        let name = "tumours".parse().expect("constant is a project name");
        Self { name, remark: "Segmentation of tumours".to_owned(), all_parties: false }
    }
}

impl ProjectEdit {
    /// Offers all parties, and limits the tasks.
    #[must_use]
    pub const fn sample() -> Self {
        let quotas = QuotaEdit { tasks: Some(Some(500)), runs: None, templates: None };
        Self { remark: None, all_parties: Some(true), quotas: Some(quotas) }
    }
}

impl MembershipInput {
    /// A submitter.
    #[must_use]
    pub const fn sample() -> Self {
        Self { role: ProjectRole::Submitter }
    }
}

impl OfferInput {
    /// One dataset.
    #[must_use]
    pub fn sample() -> Self {
        Self { datasets: Some(vec!["digits".parse().expect("constant is a dataset name")]) }
    }
}

impl IdentityInput {
    /// A person at a provider.
    #[must_use]
    pub fn sample() -> Self {
        Self { user: user(), subject: "248289761001".to_owned() }
    }
}

impl DeviceStart {
    /// flowctl on a machine.
    #[must_use]
    pub fn sample() -> Self {
        Self { client: "flowctl on login-node-1".to_owned() }
    }
}

impl DevicePoll {
    /// A code.
    #[must_use]
    pub fn sample() -> Self {
        Self { device_code: SecretText("0123456789abcdef".repeat(4)) }
    }
}

fn user() -> UserName {
    "alice".parse().expect("constant is a user name")
}
