//! Lists of tasks: their filters and the index of each. [`crate::store::list`] reads the pages.

use super::{COLUMNS, TaskColumns, phase_text};
use crate::store::Store;
use crate::store::db::Db;
use crate::store::error::StoreError;
use crate::store::list::{Filter, Key, Lead, List, Range, Sql, Value};
use crate::store::page::after_prefix;
use crate::store::types::{Page, PageRequest, QueryPlan, TaskFilter, TaskOrder, TaskRow};

const TASK_OF_PARTY: &str = " tasks t ON t.id = p.task_id";
const TASK_OF_LABEL: &str = " tasks t ON t.id = l.task_id";

impl TaskFilter {
    /// Returns the key that orders the list, and its direction.
    fn key(&self) -> (Key, bool) {
        let by_time = if self.created.is_all() { Key::Id } else { Key::Created };
        let (key, descends) = match self.order {
            None if self.name_prefix.is_some() => (Key::Name, false),
            Some(TaskOrder::Name) => (Key::Name, false),
            None | Some(TaskOrder::Created) => (by_time, true),
            Some(TaskOrder::Modified) => (Key::Modified, true),
        };
        (key, self.descending.unwrap_or(descends))
    }
}

pub(super) fn task_list<'a>(db: &'a Db, filter: &TaskFilter) -> List<'a> {
    let TaskFilter {
        project,
        name_prefix,
        phases,
        party,
        template,
        labels,
        created,
        order: _,
        descending: _,
    } = filter;
    let (key, descending) = filter.key();
    let (hint, end) = db.index_hint();
    let project = project.as_str();
    let lead = |index: &str, key, filters| Lead {
        from: Sql::new(format!(" FROM tasks t{hint}{index}{end}")),
        condition: Sql::new("t.project_id = ").value(project).text(" AND t.tombstone = ''"),
        joined: None,
        id: "t.id",
        key,
        filters,
    };
    let (mut filters, mut leads): (Vec<Filter>, Vec<Lead>) = (Vec::new(), Vec::new());
    if let Some(party) = party {
        let of_party = Sql::new("p.project_id = ").value(project).text(" AND p.party_id = ");
        let of_party = of_party.value(party.as_str());
        leads.push(Lead {
            from: Sql::new(db.of_party()),
            condition: of_party.clone(),
            joined: Some(TASK_OF_PARTY),
            id: "p.task_id",
            key: Key::Id,
            filters: vec![filters.len()],
        });
        // With EXISTS, MariaDB reverses the join and sorts.
        let counted = Sql::new(" AND 0 < (SELECT COUNT(*) FROM task_parties p WHERE ");
        filters.push(counted.then(of_party).text(" AND p.task_id = t.id)").into());
    }
    for (name, value) in labels {
        let of_label = Sql::new("l.project_id = ").value(project).text(" AND l.label_name = ");
        let of_label = of_label.value(name.as_str()).text(" AND l.label_value = ");
        let of_label = of_label.value(value.as_str());
        leads.push(Lead {
            from: Sql::new(db.of_label()),
            condition: of_label.clone(),
            joined: Some(TASK_OF_LABEL),
            id: "l.task_id",
            key: Key::Id,
            filters: vec![filters.len()],
        });
        let counted = Sql::new(" AND 0 < (SELECT COUNT(*) FROM task_labels l WHERE ");
        filters.push(counted.then(of_label).text(" AND l.task_id = t.id)").into());
    }
    let phase = (!phases.is_empty()).then(|| {
        let text = |phase| Value::from(phase_text(phase));
        let one = |phase| Sql::new(" AND t.phase IN ").values([text(phase)]);
        filters.push(Filter {
            condition: Sql::new(" AND t.phase IN ").values(phases.iter().map(|phase| text(*phase))),
            alternatives: phases.iter().map(|phase| one(*phase)).collect(),
        });
        filters.len() - 1
    });
    let template = template.as_ref().map(|template| {
        let condition = Sql::new(" AND t.template_id = ").value(template.as_str());
        filters.push(condition.into());
        filters.len() - 1
    });
    // One index for both: a template without failed tasks must not cause a scan of all failed
    // tasks.
    leads.extend(match (template, phase) {
        (Some(template), Some(phase)) => {
            Some(lead("tasks_template_phase", Key::Id, vec![template, phase]))
        }
        (Some(template), None) => Some(lead("tasks_template", Key::Id, vec![template])),
        (None, Some(phase)) => Some(lead("tasks_phase", Key::Id, vec![phase])),
        (None, None) => None,
    });
    let mut ranges = Vec::new();
    if let Some(prefix) = name_prefix {
        let (from, before) = (Some(prefix.as_str().into()), Some(after_prefix(prefix).into()));
        ranges.push(Range { key: Key::Name, from, before });
        leads.push(lead("tasks_name", Key::Name, Vec::new()));
    }
    if !created.is_all() {
        ranges.push(Range {
            key: Key::Created,
            from: created.from.map(|at| at.0.into()),
            before: created.before.map(|at| at.0.into()),
        });
        leads.push(lead("tasks_created", Key::Created, Vec::new()));
    }
    if leads.iter().all(|lead| lead.key != key) {
        let index = match key {
            Key::Id => "tasks_newest",
            Key::Name => "tasks_name",
            Key::Created => "tasks_created",
            Key::Modified => "tasks_modified",
        };
        leads.push(lead(index, key, Vec::new()));
    }
    List { db, columns: COLUMNS, table: "tasks t", key, descending, filters, ranges, leads }
}

impl Store {
    /// Returns tasks that are not deleted: newest first, or by name with a name prefix, unless the
    /// filter has an order. With several wide filters a page may be short or empty; follow `next`
    /// until it is `None`. (A page by `offset` is always full.)
    pub async fn list_tasks(
        &self,
        filter: &TaskFilter,
        page: &PageRequest,
    ) -> Result<Page<TaskRow>, StoreError> {
        let list = task_list(&self.db, filter);
        let place = |row: &TaskColumns| match list.key {
            Key::Id => row.id.clone(),
            Key::Name => row.name.clone(),
            Key::Created => Key::at(row.created_at, &row.id),
            Key::Modified => Key::at(row.modified_at, &row.id),
        };
        let Page { items, next } = list.page(page, place).await?;
        let items = items.into_iter().map(|row| Ok(row.read()?.0));
        Ok(Page { items: items.collect::<Result<_, StoreError>>()?, next })
    }

    /// Explains the statements of a page, so that tests can check the leading index and the cost of
    /// pages far into a list. One plan per scan; with several wide filters, the plan that finds the
    /// page's end comes first.
    pub async fn explain_tasks(
        &self,
        filter: &TaskFilter,
        after: Option<&str>,
    ) -> Result<Vec<QueryPlan>, StoreError> {
        task_list(&self.db, filter).explain(after).await
    }
}
