//! Lists of the runs of all tasks: their filters and the index of each. [`crate::store::list`] reads
//! the pages.

use std::collections::HashMap;

use flow_domain::id::RunId;
use flow_domain::run::Run;

use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::list::{Filter, Key, Lead, List, Range, Sql, Value};
use crate::store::types::{Page, PageRequest, QueryPlan, RunFilter};

/// Greater than every digit of an id.
const AFTER_DIGITS: char = 'g';

const RUN_OF_PARTY: &str = " runs t ON t.id = m.run_id";

/// A run, and the name of its task unless the task is deleted.
#[derive(sqlx::FromRow)]
struct ListedRow {
    id: String,
    created_at: i64,
    task_name: Option<String>,
}

impl Store {
    fn run_list<'a>(&'a self, filter: &RunFilter) -> List<'a> {
        let RunFilter { project, id_prefix, phases, party, task, created } = filter;
        let key = if created.is_all() { Key::Id } else { Key::Created };
        let (hint, end) = self.db.index_hint();
        let project = project.as_str();
        let lead = |index: &str, key, filters| Lead {
            from: Sql::new(format!(" FROM runs t{hint}{index}{end}")),
            condition: Sql::new("t.project_id = ").value(project),
            joined: None,
            id: "t.id",
            key,
            filters,
        };
        let (mut filters, mut leads): (Vec<Filter>, Vec<Lead>) = (Vec::new(), Vec::new());
        if let Some(party) = party {
            let of_party = Sql::new("m.project_id = ").value(project).text(" AND m.party_id = ");
            let of_party = of_party.value(party.as_str());
            leads.push(Lead {
                from: Sql::new(format!(" FROM members m{hint}members_party{end}")),
                condition: of_party.clone(),
                joined: Some(RUN_OF_PARTY),
                id: "m.run_id",
                key: Key::Id,
                filters: vec![filters.len()],
            });
            let counted = Sql::new(" AND 0 < (SELECT COUNT(*) FROM members m WHERE ");
            filters.push(counted.then(of_party).text(" AND m.run_id = t.id)").into());
        }
        if !phases.is_empty() {
            let one = |value: &Value| Sql::new(" AND t.phase IN ").values([value.clone()]);
            let values: Vec<Value> = phases.iter().map(|phase| phase.as_str().into()).collect();
            leads.push(lead("runs_phase", Key::Id, vec![filters.len()]));
            filters.push(Filter {
                alternatives: values.iter().map(one).collect(),
                condition: Sql::new(" AND t.phase IN ").values(values),
            });
        }
        if let Some(task) = task {
            leads.push(lead("runs_task", Key::Id, vec![filters.len()]));
            filters.push(Sql::new(" AND t.task_id = ").value(task.as_str()).into());
        }
        let mut ranges = Vec::new();
        if !id_prefix.is_empty() {
            let (from, before) = (id_prefix.clone(), format!("{id_prefix}{AFTER_DIGITS}"));
            ranges.push(Range {
                key: Key::Id,
                from: Some(from.into()),
                before: Some(before.into()),
            });
            leads.push(lead("runs_newest", Key::Id, Vec::new()));
        }
        if !created.is_all() {
            ranges.push(Range {
                key: Key::Created,
                from: created.from.map(|at| at.0.into()),
                before: created.before.map(|at| at.0.into()),
            });
            leads.push(lead("runs_created", Key::Created, Vec::new()));
        }
        if leads.is_empty() {
            leads.push(lead("runs_newest", Key::Id, Vec::new()));
        }
        List {
            db: &self.db,
            columns: "t.id, t.created_at, (SELECT n.name FROM tasks n WHERE n.id = t.task_id AND n.tombstone = '') AS task_name",
            table: "runs t",
            key,
            descending: true,
            filters,
            ranges,
            leads,
        }
    }

    /// Returns runs with the names of their tasks, newest first. A page may be short: runs of deleted
    /// tasks are left out, and several wide filters are checked row by row.
    pub async fn list_runs(
        &self,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> Result<Page<(Run, String)>, StoreError> {
        let list = self.run_list(filter);
        let place = |row: &ListedRow| match list.key {
            Key::Created => Key::at(row.created_at, &row.id),
            Key::Id | Key::Name | Key::Modified => row.id.clone(),
        };
        let Page { items, next } = list.page(page, place).await?;
        let mut ids: Vec<RunId> = Vec::with_capacity(items.len());
        let mut names: HashMap<String, String> = HashMap::with_capacity(items.len());
        for ListedRow { id, created_at: _, task_name } in items {
            if let Some(name) = task_name {
                ids.push(
                    id.parse()
                        .map_err(|problem| StoreError::corrupt("runs", "id", &id, problem))?,
                );
                names.insert(id, name);
            }
        }
        let mut runs: HashMap<RunId, Run> =
            self.runs_by_id(&ids).await?.into_iter().map(|run| (run.id.clone(), run)).collect();
        let named = |id| {
            let run: Run = runs.remove(&id)?;
            let name = names.remove(run.id.as_str())?;
            Some((run, name))
        };
        Ok(Page { items: ids.into_iter().filter_map(named).collect(), next })
    }

    /// Explains the statements of a page, as [`Store::explain_tasks`].
    pub async fn explain_runs(
        &self,
        filter: &RunFilter,
        after: Option<&str>,
    ) -> Result<Vec<QueryPlan>, StoreError> {
        self.run_list(filter).explain(after).await
    }
}
