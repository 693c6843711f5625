//! Decides what an import stores, and reports what it leaves out and why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use flow_common::text::foreign;
use flow_domain::id::{DatasetName, PartyId, ProjectId, TaskId, TemplateId};
use flow_domain::member::Role;
use flow_domain::task::{Rules, Task, TaskBody, TaskMember};
use flow_domain::template::{Template, TemplateBody};
use flow_domain::time::Timestamp;
use flow_domain::validation::validate_head;

use super::convert;
use super::original::{Original, PartyRow, TaskRow, TemplateRow};
use crate::iflearner_flow;
use crate::store::{Store, StoreError};

/// Rounds of training of an imported task: the original's documented default. It stored none.
const EPOCHS: u32 = 10;
/// The project of a new database. Every party is offered to it.
const DEFAULT_PROJECT: &str = "default";
/// Most characters of one line of the report that quotes the original.
const LINE_CHARS_MAX: usize = 1_000;
/// States in which a task of the original runs.
const ACTIVE: [&str; 4] = ["Started", "Pending", "Running", "Unknown"];

/// The place of the import.
pub(super) struct Target<'a> {
    /// `None`: there is no database yet.
    pub(super) store: Option<&'a Store>,
    pub(super) project: &'a ProjectId,
    /// The party that runs the aggregators.
    pub(super) aggregator: &'a PartyId,
    /// The hub creates that party at its start.
    pub(super) has_own_agent: bool,
    /// New names of parties.
    pub(super) renamed: &'a BTreeMap<String, PartyId>,
    pub(super) now: Timestamp,
}

/// The new objects, and what is left out.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) templates: Vec<Template>,
    pub(super) tasks: Vec<Task>,
    pub(super) parties: BTreeSet<PartyId>,
    /// Objects that an earlier import stored, or that exist.
    present: Counts,
    left_out: Counts,
    /// Reasons why objects were left out, and what was changed of others.
    reasons: Vec<String>,
    changes: Vec<String>,
    statuses: BTreeMap<String, usize>,
    /// Parties of new tasks that the project may not use yet.
    not_offered: BTreeSet<PartyId>,
    /// The directories that the datasets of new tasks stand for.
    datasets: BTreeMap<PartyId, BTreeMap<DatasetName, String>>,
}

#[derive(Debug, Default)]
struct Counts {
    templates: usize,
    tasks: usize,
    parties: usize,
}

/// A template to which imported tasks may refer.
struct Known {
    revision: u32,
    body: TemplateBody,
}

impl Plan {
    pub(super) async fn new(original: &Original, target: &Target<'_>) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        let mut templates = HashMap::new();
        for row in &original.templates {
            plan.add_template(row, target, &mut templates).await?;
        }
        let ids: HashSet<&str> =
            original.tasks.iter().filter_map(|task| task.task_id.as_deref()).collect();
        let mut members: HashMap<&str, Vec<&PartyRow>> = HashMap::new();
        let mut orphans = 0;
        for row in &original.parties {
            match row.task_id.as_deref().filter(|id| ids.contains(id)) {
                Some(id) => members.entry(id).or_default().push(row),
                None => orphans += 1,
            }
        }
        if orphans > 0 {
            plan.reasons.push(format!(
                "{orphans} rows of t_task_party belong to no task: edits of tasks left them"
            ));
        }
        let parties = plan.add_parties(members.values().flatten().copied(), target).await?;
        let datasets = datasets(members.values().flatten().copied(), &parties);
        for row in &original.tasks {
            let rows = row.task_id.as_deref().and_then(|id| members.get(id));
            let members = Members {
                rows: rows.map_or(&[], Vec::as_slice),
                parties: &parties,
                datasets: &datasets,
            };
            plan.add_task(row, &members, target, &templates).await?;
        }
        let used = plan.tasks.iter().flat_map(|task| &task.body.members);
        let used: BTreeSet<PartyId> = used.map(|member| member.party.clone()).collect();
        plan.not_offered = target.not_offered(used).await?;
        Ok(plan)
    }

    async fn add_template(
        &mut self,
        row: &TemplateRow,
        target: &Target<'_>,
        known: &mut HashMap<TemplateId, Known>,
    ) -> Result<(), StoreError> {
        let name = row.name.clone().unwrap_or_default();
        let object = format!("template {name:?} ({})", row.id);
        let Some(id) = iflearner_flow::template_id(&row.id) else {
            self.leave_out_template(&object, "its id is not one of 30 or 32 hexadecimal digits");
            return Ok(());
        };
        if let Some(stored) = target.template(&id).await? {
            if stored.project == *target.project {
                self.present.templates += 1;
                known.insert(id, Known { revision: stored.revision, body: stored.body });
            } else {
                let text = format!("another project has it: {}", stored.project);
                self.leave_out_template(&object, &text);
            }
            return Ok(());
        }
        let command = match list(row.command.as_deref()) {
            Ok(command) => command,
            Err(problem) => {
                self.leave_out_template(&object, &format!("command: {problem}"));
                return Ok(());
            }
        };
        let (parameters, mut unused) = match list(row.hyper_parameter.as_deref()) {
            Ok(items) => {
                let (parameters, others) = convert::parameters(&items);
                let unused = others.iter().map(|item| format!("{item:?} is not name=value"));
                (parameters, unused.collect::<Vec<_>>())
            }
            Err(problem) => (BTreeMap::new(), vec![problem]),
        };
        let body = |parameters| {
            let (image, workdir) = (row.image_url.as_deref(), row.workdir.as_deref());
            let (image, workdir) = (image.unwrap_or_default(), workdir.unwrap_or_default());
            convert::template_body(image, workdir, command.clone(), parameters)
        };
        let (mut content, without) = (body(&parameters), body(&BTreeMap::new()));
        let remark = row.remark.clone().unwrap_or_default();
        if let Err(errors) = validate_head(&name, &remark).and_then(|()| without.validate()) {
            self.leave_out_template(&object, &errors.to_string());
            return Ok(());
        }
        // The original ignored hyper-parameters, so that nothing changes without them.
        if let Err(errors) = content.validate() {
            unused.push(errors.to_string());
            content = without;
        }
        if target.has_template_named(&name).await?
            || self.templates.iter().any(|template| template.name == name)
        {
            self.leave_out_template(&object, "another template here has its name: rename one");
            return Ok(());
        }
        if !unused.is_empty() {
            self.changes.push(format!("{object}: without hyper_parameter: {}", unused.join("; ")));
        }
        known.insert(id.clone(), Known { revision: 1, body: content.clone() });
        self.templates.push(Template {
            id,
            project: target.project.clone(),
            name,
            remark,
            revision: 1,
            body: content,
            created_at: time(row.created_at, target.now),
            modified_at: time(row.modified_at.or(row.created_at), target.now),
        });
        Ok(())
    }

    /// Plans the parties that do not exist. Returns the parties by their names in the original.
    async fn add_parties<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r PartyRow>,
        target: &Target<'_>,
    ) -> Result<BTreeMap<&'r str, Option<PartyId>>, StoreError> {
        let names: BTreeSet<&str> = rows.map(party_name).collect();
        let mut found = BTreeMap::new();
        for name in names {
            let party = target.renamed.get(name).cloned().map_or_else(|| name.parse(), Ok);
            if let Err(error) = &party {
                self.left_out.parties += 1;
                self.reasons.push(format!(
                    "party {name:?}: {error}; give it another name with --party {name}=NEW"
                ));
            }
            found.insert(name, party.ok());
        }
        let aggregator = Some(target.aggregator).filter(|_| !target.has_own_agent);
        for party in found.values().flatten().chain(aggregator) {
            if target.has_party(party).await? {
                self.present.parties += 1;
            } else {
                self.parties.insert(party.clone());
            }
        }
        Ok(found)
    }

    async fn add_task(
        &mut self,
        row: &TaskRow,
        members: &Members<'_>,
        target: &Target<'_>,
        templates: &HashMap<TemplateId, Known>,
    ) -> Result<(), StoreError> {
        let status = row.status.as_deref().filter(|status| !status.is_empty());
        *self.statuses.entry(status.unwrap_or("none").to_owned()).or_default() += 1;
        let name = row.name.clone().unwrap_or_default();
        let text = row.task_id.as_deref().unwrap_or_default();
        let object = format!("task {name:?} ({text})");
        let planned = match text.parse::<TaskId>() {
            Err(error) => Err(error.to_string()),
            Ok(id) => match target.project_of(&id).await? {
                Some(project) if project == *target.project => {
                    self.present.tasks += 1;
                    return Ok(());
                }
                Some(project) => Err(format!("another project has it: {project}")),
                None => self.task(id, name, row, members, target, templates).await?,
            },
        };
        match planned {
            Ok(task) => {
                if status.is_some_and(|status| ACTIVE.contains(&status)) {
                    self.changes.push(format!(
                        "{object}: it runs at the original: stop it there before its parties change over"
                    ));
                }
                for member in &task.body.members {
                    let path = members.path(&member.party, member.dataset.as_ref());
                    if let (Some(dataset), Some(path)) = (&member.dataset, path) {
                        let of_party = self.datasets.entry(member.party.clone()).or_default();
                        of_party.insert(dataset.clone(), path.to_owned());
                    }
                }
                self.tasks.push(task);
            }
            Err(reason) => {
                self.left_out.tasks += 1;
                self.reasons.push(format!("{object}: {reason}"));
            }
        }
        Ok(())
    }

    async fn task(
        &self,
        id: TaskId,
        name: String,
        row: &TaskRow,
        members: &Members<'_>,
        target: &Target<'_>,
        templates: &HashMap<TemplateId, Known>,
    ) -> Result<Result<Task, String>, StoreError> {
        let template = row.template_id.as_deref().unwrap_or_default();
        let found = iflearner_flow::template_id(template)
            .and_then(|id| templates.get(&id).map(|known| (id, known)));
        let Some((template, known)) = found else {
            return Ok(Err(format!("its template {template:?} does not exist or is left out")));
        };
        let members = match members.of_task(target.aggregator) {
            Ok(members) => members,
            Err(reason) => return Ok(Err(reason)),
        };
        let body = TaskBody {
            name,
            remark: row.remark.clone().unwrap_or_default(),
            template,
            revision: known.revision,
            epochs: EPOCHS,
            parameters: BTreeMap::new(),
            members,
            rules: Rules::default(),
            labels: BTreeMap::new(),
        };
        if let Err(errors) = body.validate_among(&known.body, &|_| true, &[]) {
            return Ok(Err(errors.to_string()));
        }
        if target.has_task_named(&body.name).await?
            || self.tasks.iter().any(|task| task.body.name == body.name)
        {
            return Ok(Err("another task here has its name: rename one".to_owned()));
        }
        Ok(Ok(Task {
            id,
            project: target.project.clone(),
            body,
            created_at: time(row.created_at, target.now),
            modified_at: time(row.modified_at.or(row.created_at), target.now),
            runs: 0,
            deleted_at: None,
        }))
    }

    fn leave_out_template(&mut self, object: &str, reason: &str) {
        self.left_out.templates += 1;
        self.reasons.push(format!("{object}: {reason}"));
    }

    /// Returns the numbers of new objects.
    pub(super) fn summary(&self) -> String {
        format!(
            "{} templates, {} tasks, {} parties",
            self.templates.len(),
            self.tasks.len(),
            self.parties.len()
        )
    }

    /// Formats the report, for people.
    pub(super) fn report(&self, project: &ProjectId) -> String {
        let mut text = String::new();
        for (what, new, present, left_out) in [
            ("templates", self.templates.len(), self.present.templates, self.left_out.templates),
            ("tasks", self.tasks.len(), self.present.tasks, self.left_out.tasks),
            ("parties", self.parties.len(), self.present.parties, self.left_out.parties),
        ] {
            let _ = writeln!(text, "{what}: {new} new, {present} present, {left_out} left out");
        }
        for (title, lines) in [
            ("left out; correct them at the original and import again", &self.reasons),
            ("to note", &self.changes),
        ] {
            if !lines.is_empty() {
                let _ = writeln!(text, "\n{title}:");
                for line in lines {
                    let _ = writeln!(text, "  {}", foreign(line, LINE_CHARS_MAX));
                }
            }
        }
        if !self.statuses.is_empty() {
            let counts: Vec<_> =
                self.statuses.iter().map(|(status, count)| format!("{status} {count}")).collect();
            let counts = foreign(&counts.join(", "), LINE_CHARS_MAX);
            let _ = writeln!(text, "\nstates at the original, not imported as runs: {counts}");
        }
        for (party, datasets) in &self.datasets {
            let _ = writeln!(text, "\ndatasets that the agent of {party} has to declare:");
            for (name, path) in datasets {
                // A text in JSON is a text in TOML.
                let path = serde_json::Value::from(path.as_str());
                let _ = writeln!(text, "  [datasets.{name}]\n  path = {path}\n  v1_path = {path}");
            }
        }
        if !self.parties.is_empty() {
            let names = list_of(&self.parties);
            let _ = writeln!(
                text,
                "\nnew parties without a secret: {names}\n  for each, run `flowctl party rotate-secret --secret-file FILE PARTY` and give the file to its agent"
            );
        }
        if !self.not_offered.is_empty() {
            let names = list_of(&self.not_offered);
            let _ = writeln!(
                text,
                "\nparties that project {project} may not use yet: {names}\n  for each, run `flowctl project party offer {project} PARTY`"
            );
        }
        text
    }
}

fn list_of(parties: &BTreeSet<PartyId>) -> String {
    parties.iter().map(PartyId::as_str).collect::<Vec<_>>().join(", ")
}

/// The parties of one task.
struct Members<'a> {
    rows: &'a [&'a PartyRow],
    parties: &'a BTreeMap<&'a str, Option<PartyId>>,
    datasets: &'a Datasets<'a>,
}

/// Names of datasets by party and directory.
type Datasets<'a> = BTreeMap<&'a PartyId, BTreeMap<&'a str, DatasetName>>;

impl Members<'_> {
    /// Returns the members: the aggregator, and each party as a trainer.
    fn of_task(&self, aggregator: &PartyId) -> Result<Vec<TaskMember>, String> {
        let hub = TaskMember { party: aggregator.clone(), role: Role::Aggregator, dataset: None };
        let trainer = |row: &&PartyRow| {
            let name = party_name(row);
            let Some(Some(party)) = self.parties.get(name) else {
                return Err(format!("its party {name:?} is left out"));
            };
            let dataset =
                directory(row).and_then(|path| Some(self.datasets.get(party)?.get(path)?.clone()));
            Ok(TaskMember { party: party.clone(), role: Role::Trainer, dataset })
        };
        std::iter::once(Ok(hub)).chain(self.rows.iter().map(trainer)).collect()
    }

    /// Returns the directory of a dataset.
    fn path(&self, party: &PartyId, dataset: Option<&DatasetName>) -> Option<&str> {
        let of_party = self.datasets.get(party)?;
        of_party.iter().find(|(_, name)| Some(*name) == dataset).map(|(path, _)| *path)
    }
}

fn datasets<'a>(
    rows: impl Iterator<Item = &'a PartyRow>,
    parties: &'a BTreeMap<&str, Option<PartyId>>,
) -> Datasets<'a> {
    let mut paths: BTreeMap<&PartyId, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        if let (Some(Some(party)), Some(path)) = (parties.get(party_name(row)), directory(row)) {
            paths.entry(party).or_default().insert(path);
        }
    }
    let named = |paths: BTreeSet<&'a str>| {
        let mut taken: BTreeMap<DatasetName, u32> = BTreeMap::new();
        for path in &paths {
            *taken.entry(convert::dataset_name(path)).or_default() += 1;
        }
        let name = |path: &str| {
            let name = convert::dataset_name(path);
            match taken.get(&name) {
                Some(1) => name,
                _ => convert::distinct_dataset_name(name.as_str(), path),
            }
        };
        paths.into_iter().map(|path| (path, name(path))).collect()
    };
    paths.into_iter().map(|(party, paths)| (party, named(paths))).collect()
}

fn party_name(row: &PartyRow) -> &str {
    row.party_name.as_deref().unwrap_or_default()
}

fn directory(row: &PartyRow) -> Option<&str> {
    let path = row.volumes.as_deref()?.trim();
    match path.trim_end_matches('/') {
        "" if path.is_empty() => None,
        "" => Some("/"),
        path => Some(path),
    }
}

/// Reads a list of texts in JSON; an absent one is empty.
fn list(json: Option<&str>) -> Result<Vec<String>, String> {
    match json.map(str::trim) {
        None | Some("" | "null") => Ok(Vec::new()),
        Some(json) => serde_json::from_str(json).map_err(|_| "is no JSON list of texts".to_owned()),
    }
}

fn time(seconds: Option<i64>, now: Timestamp) -> Timestamp {
    seconds.map_or(now, |seconds| Timestamp(seconds.saturating_mul(1_000_000)))
}

impl Target<'_> {
    pub(super) async fn has_project(&self) -> Result<bool, StoreError> {
        match self.store {
            Some(store) => Ok(store.project(self.project).await?.is_some()),
            None => Ok(self.project.as_str() == DEFAULT_PROJECT),
        }
    }

    /// Returns the parties among these that the project may not use.
    async fn not_offered(
        &self,
        mut parties: BTreeSet<PartyId>,
    ) -> Result<BTreeSet<PartyId>, StoreError> {
        let Some(store) = self.store else { return Ok(BTreeSet::new()) };
        let Some(project) = store.project(self.project).await? else { return Ok(parties) };
        if project.all_parties {
            return Ok(BTreeSet::new());
        }
        let among: Vec<&PartyId> = parties.iter().collect();
        let offered = store.offered(self.project, &among).await?;
        parties.retain(|party| !offered.contains_key(party));
        Ok(parties)
    }

    /// Returns a stored template; a deleted one too, so that it is not imported again.
    async fn template(&self, id: &TemplateId) -> Result<Option<Template>, StoreError> {
        let Some(store) = self.store else { return Ok(None) };
        match store.template(id).await? {
            Some(template) => Ok(Some(template)),
            None => store.template_revision(id, 1).await,
        }
    }

    async fn has_template_named(&self, name: &str) -> Result<bool, StoreError> {
        let Some(store) = self.store else { return Ok(false) };
        Ok(store.template_by_name(self.project, name).await?.is_some())
    }

    /// Returns the project of a stored task; of a deleted one too.
    async fn project_of(&self, id: &TaskId) -> Result<Option<ProjectId>, StoreError> {
        let Some(store) = self.store else { return Ok(None) };
        Ok(store.load_task(id).await?.map(|found| found.task.project))
    }

    async fn has_task_named(&self, name: &str) -> Result<bool, StoreError> {
        let Some(store) = self.store else { return Ok(false) };
        Ok(store.task_by_name(self.project, name).await?.is_some())
    }

    async fn has_party(&self, id: &PartyId) -> Result<bool, StoreError> {
        let Some(store) = self.store else { return Ok(false) };
        Ok(store.party(id).await?.is_some())
    }
}
