//! Lists: filters, pages, order, and the leading index of each statement.

use flow_domain::id::TemplateId;
use flow_domain::run::RunPhase;
use flow_domain::time::Timestamp;
use flow_server::store::{
    Page, PageRequest, RunFilter, Store, TaskFilter, TaskOrder, TaskRow, TimeRange,
};

use crate::support::*;

crate::on_every_database!(
    each_filter_selects_its_tasks,
    pages_have_no_gaps_and_no_duplicates,
    name_prefix_matches_every_character_literally,
    edits_and_deletions_move_a_task_between_lists,
    every_filter_is_led_by_an_index,
    wide_filters_select_the_same_tasks_in_short_pages,
    wide_filters_are_led_by_an_index,
    labels_select_tasks_and_follow_their_edits,
    every_order_lists_all_tasks_page_by_page,
    pages_are_stable_while_tasks_are_created_and_deleted,
    each_filter_selects_its_runs,
    every_filter_of_runs_is_led_by_an_index,
);

async fn names(store: &Store, filter: &TaskFilter) -> Vec<String> {
    let page = store.list_tasks(filter, &PageRequest::first(100)).await.unwrap();
    assert_eq!(store.count_tasks(filter).await.unwrap(), page.items.len() as u64);
    page.items.into_iter().map(|row| row.task.body.name).collect()
}

fn all() -> TaskFilter {
    TaskFilter::project(project())
}

/// Twelve tasks: three templates, four parties, some started, one of another project.
async fn some(store: &Store) -> Vec<TemplateId> {
    let templates: Vec<_> = (0..3).map(|_| hex().parse().unwrap()).collect();
    for number in 0..12_usize {
        let parties = [["p0", "p1"], ["p1", "p2"], ["p2", "p3"], ["p3", "p0"]][number % 4];
        let mut change =
            creation(task(&format!("task-{number:02}"), &templates[number % 3], &parties));
        if number % 2 == 0 {
            let run = start(&mut change);
            if number % 4 == 0 {
                change.runs.clear();
                let after = settle(&mut change, &run, RunPhase::Succeeded);
                change.runs = vec![flow_server::store::RunUpdate { before: None, after }];
            }
        }
        store.apply(&[change]).await.unwrap();
    }
    let mut other = creation(task("task-of-another", &templates[0], &["p0", "p1"]));
    other.task.project = add_project(store, "other").await;
    store.apply(&[other]).await.unwrap();
    templates
}

async fn each_filter_selects_its_tasks(fx: Fixture) {
    let store = &fx.store;
    let templates = some(store).await;
    let newest_first: Vec<String> =
        (0..12).rev().map(|number| format!("task-{number:02}")).collect();
    assert_eq!(names(store, &all()).await, newest_first);
    let other = TaskFilter::project("other".parse().unwrap());
    assert_eq!(names(store, &other).await, ["task-of-another"]);
    assert_eq!(
        names(store, &TaskFilter::project("none".parse().unwrap())).await,
        Vec::<String>::new()
    );

    let of_phase = |phases: &[Option<RunPhase>]| TaskFilter { phases: phases.to_vec(), ..all() };
    let waiting = store
        .list_tasks(&all(), &PageRequest::first(100))
        .await
        .unwrap()
        .items
        .into_iter()
        .find_map(|row| match row.phase {
            Some(RunPhase::Succeeded) | None => None,
            other => other,
        });
    assert_eq!(
        names(store, &of_phase(&[None])).await,
        ["task-11", "task-09", "task-07", "task-05", "task-03", "task-01"]
    );
    assert_eq!(
        names(store, &of_phase(&[Some(RunPhase::Succeeded)])).await,
        ["task-08", "task-04", "task-00"]
    );
    assert_eq!(names(store, &of_phase(&[waiting])).await, ["task-10", "task-06", "task-02"]);
    assert_eq!(
        names(store, &of_phase(&[waiting, Some(RunPhase::Succeeded), Some(RunPhase::Failed)]))
            .await,
        ["task-10", "task-08", "task-06", "task-04", "task-02", "task-00"]
    );
    let of_party = TaskFilter { party: Some(party("p2")), ..all() };
    assert_eq!(
        names(store, &of_party).await,
        ["task-10", "task-09", "task-06", "task-05", "task-02", "task-01"]
    );
    let of_template = TaskFilter { template: Some(templates[1].clone()), ..all() };
    assert_eq!(names(store, &of_template).await, ["task-10", "task-07", "task-04", "task-01"]);
    let of_prefix = TaskFilter { name_prefix: Some("task-0".to_owned()), ..all() };
    assert_eq!(
        names(store, &of_prefix).await,
        newest_first.iter().rev().take(10).cloned().collect::<Vec<_>>(),
        "by name"
    );

    // All filters together, and each pair with another leading index.
    let template = Some(templates[1].clone());
    let several = TaskFilter {
        party: Some(party("p2")),
        phases: vec![None, waiting],
        template: template.clone(),
        ..all()
    };
    assert_eq!(names(store, &several).await, ["task-10", "task-01"]);
    let several = TaskFilter { name_prefix: Some("task-1".to_owned()), ..several };
    assert_eq!(names(store, &several).await, ["task-10"]);
    let several = TaskFilter { phases: vec![None, waiting], template, ..all() };
    assert_eq!(names(store, &several).await, ["task-10", "task-07", "task-01"]);
    let several = TaskFilter { party: Some(party("p2")), phases: vec![None], ..all() };
    assert_eq!(names(store, &several).await, ["task-09", "task-05", "task-01"]);
}

/// Returns all pages of a list, each of `limit` rows.
async fn walk(store: &Store, filter: &TaskFilter, limit: u32) -> Vec<String> {
    let mut seen = Vec::new();
    let mut request = PageRequest::first(limit);
    loop {
        let Page { items, next } = store.list_tasks(filter, &request).await.unwrap();
        seen.extend(items.into_iter().map(|row: TaskRow| row.task.body.name));
        match next {
            Some(next) => request.after = Some(next),
            None => return seen,
        }
    }
}

async fn pages_have_no_gaps_and_no_duplicates(fx: Fixture) {
    let store = &fx.store;
    let templates = some(store).await;
    let filters = [
        all(),
        TaskFilter { name_prefix: Some("task-".to_owned()), ..all() },
        TaskFilter { phases: vec![None], ..all() },
        TaskFilter { phases: vec![None, Some(RunPhase::Succeeded)], ..all() },
        TaskFilter { party: Some(party("p0")), ..all() },
        TaskFilter { template: Some(templates[2].clone()), ..all() },
    ];
    for filter in &filters {
        let whole = names(store, filter).await;
        for limit in [1, 2, 3, 5, 100] {
            assert_eq!(walk(store, filter, limit).await, whole, "{filter:?} by {limit}");
            let page = store.list_tasks(filter, &PageRequest::first(limit)).await.unwrap();
            assert!(
                page.items.len() == limit as usize || page.next.is_none(),
                "only the last page is short"
            );
        }
        let third = PageRequest { after: None, offset: 4, limit: 2 };
        let page = store.list_tasks(filter, &third).await.unwrap();
        let skipped: Vec<_> = page.items.into_iter().map(|row| row.task.body.name).collect();
        assert_eq!(
            skipped,
            whole.into_iter().skip(4).take(2).collect::<Vec<_>>(),
            "{filter:?} by offset"
        );
    }
    let nothing = store
        .list_tasks(&all(), &PageRequest { offset: 100, ..PageRequest::first(5) })
        .await
        .unwrap();
    assert_eq!((nothing.items.len(), nothing.next), (0, None));
}

async fn name_prefix_matches_every_character_literally(fx: Fixture) {
    let store = &fx.store;
    for name in ["a%b", "a_b", "axb", "A%b", "a", "größe", "gross", "🧪x", "a!b"] {
        stored(store, any_task(name), false).await;
    }
    let of = |prefix: &str| TaskFilter { name_prefix: Some(prefix.to_owned()), ..all() };
    assert_eq!(names(store, &of("a%")).await, ["a%b"]);
    assert_eq!(names(store, &of("a_")).await, ["a_b"]);
    assert_eq!(names(store, &of("a")).await, ["a", "a!b", "a%b", "a_b", "axb"]);
    assert_eq!(names(store, &of("A")).await, ["A%b"]);
    assert_eq!(names(store, &of("gr")).await, ["gross", "größe"]);
    assert_eq!(names(store, &of("🧪")).await, ["🧪x"]);
    assert_eq!(names(store, &of("z")).await, Vec::<String>::new());
    assert_eq!(names(store, &of("")).await.len(), 9);
}

async fn edits_and_deletions_move_a_task_between_lists(fx: Fixture) {
    let store = &fx.store;
    let id = stored(store, task("moving", &template_id(), &["p0", "p1"]), false).await.task.id;
    let of = |name: &str| TaskFilter { party: Some(party(name)), ..all() };
    let new_template: TemplateId = hex().parse().unwrap();

    let mut edit = change(store, &id).await;
    edit.task.body = task("moved", &new_template, &["p1", "p2"]).body;
    edit.task.modified_at = at(50);
    edit.body_changed = true;
    store.apply(std::slice::from_ref(&edit)).await.unwrap();
    assert_eq!(store.load_task(&id).await.unwrap().unwrap().task, edit.task);
    assert_eq!(names(store, &of("p0")).await, Vec::<String>::new());
    assert_eq!(names(store, &of("p2")).await, ["moved"]);
    assert_eq!(
        names(store, &TaskFilter { template: Some(new_template), ..all() }).await,
        ["moved"]
    );
    assert_eq!(
        names(store, &TaskFilter { template: Some(template_id()), ..all() }).await,
        Vec::<String>::new()
    );

    let mut delete = change(store, &id).await;
    delete.task.deleted_at = Some(at(60));
    store.apply(&[delete]).await.unwrap();
    for filter in [all(), of("p1"), of("p2"), TaskFilter { phases: vec![None], ..all() }] {
        assert_eq!(names(store, &filter).await, Vec::<String>::new());
    }
    // A deleted task still changes while its members settle.
    let mut later = change(store, &id).await;
    later.events.push(event("settled"));
    store.apply(&[later]).await.unwrap();
    assert_eq!(names(store, &of("p1")).await, Vec::<String>::new());
}

async fn every_filter_is_led_by_an_index(fx: Fixture) {
    let store = &fx.store;
    // A planner needs rows to choose a plan.
    let templates = some(store).await;
    let filters = [
        (all(), "tasks_newest"),
        (TaskFilter { name_prefix: Some("task-".to_owned()), ..all() }, "tasks_name"),
        (TaskFilter { phases: vec![Some(RunPhase::Running)], ..all() }, "tasks_phase"),
        (TaskFilter { template: Some(templates[0].clone()), ..all() }, "tasks_template"),
        (TaskFilter { party: Some(party("p0")), ..all() }, "PRIMARY"),
        // The narrowest filter leads: three tasks run, four have the template, six the party.
        (
            TaskFilter { party: Some(party("p0")), template: Some(templates[0].clone()), ..all() },
            "tasks_template",
        ),
        (
            TaskFilter {
                phases: vec![Some(RunPhase::Succeeded)],
                party: Some(party("p0")),
                ..all()
            },
            "tasks_phase",
        ),
        (
            TaskFilter { phases: vec![None], template: Some(templates[0].clone()), ..all() },
            "tasks_template_phase",
        ),
        (TaskFilter { labels: vec![label("season", "spring")], ..all() }, "labels"),
        (TaskFilter { created: since(1), ..all() }, "tasks_created"),
        (ordered(TaskOrder::Name, false), "tasks_name"),
        (ordered(TaskOrder::Created, false), "tasks_newest"),
        (ordered(TaskOrder::Modified, false), "tasks_modified"),
        (ordered(TaskOrder::Modified, true), "tasks_modified"),
    ];
    for (filter, index) in filters {
        for plan in store.explain_tasks(&filter, None).await.unwrap() {
            assert!(is_led_by(fx.backend, index, &plan.words), "{filter:?}: {plan:?}");
        }
    }
}

fn label(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn since(seconds: i64) -> TimeRange {
    TimeRange { from: Some(at(seconds)), before: None }
}

fn ordered(order: TaskOrder, descending: bool) -> TaskFilter {
    TaskFilter { order: Some(order), descending: Some(descending), ..all() }
}

/// Returns whether the plan searches with this index first, scans no table and does not sort.
fn is_led_by(backend: Backend, index: &str, plan: &str) -> bool {
    let key = if index == "labels" { "PRIMARY" } else { index };
    match backend {
        Backend::Sqlite => {
            let first = plan.lines().next().unwrap_or_default();
            let by_index = match index {
                "labels" => first.starts_with(
                    "SEARCH l USING PRIMARY KEY (project_id=? AND label_name=? AND label_value=?",
                ),
                "PRIMARY" => {
                    first.starts_with("SEARCH p USING PRIMARY KEY (project_id=? AND party_id=?")
                }
                _ => {
                    first.starts_with("SEARCH t USING ")
                        && first.contains(&format!("INDEX {index} ("))
                }
            };
            by_index
                && plan
                    .lines()
                    .all(|line| line.starts_with("SEARCH") || line.starts_with("CORRELATED"))
                && !plan.contains("TEMP B-TREE")
        }
        Backend::MariaDb => {
            let wrong = [
                "\"filesort\"",
                "temporary_table",
                "\"access_type\": \"ALL\"",
                "\"access_type\": \"index\"",
            ];
            plan.contains(&format!("\"key\": \"{key}\""))
                && wrong.iter().all(|sign| !plan.contains(sign))
        }
        Backend::MySql => {
            let wrong = [
                "\"access_type\": \"sort\"",
                "\"access_type\": \"table\"",
                "\"access_type\": \"materialize\"",
                "index_scan",
            ];
            plan.contains(&format!("\"index_name\": \"{key}\""))
                && wrong.iter().all(|sign| !plan.contains(sign))
        }
    }
}

/// Enough tasks that every index is wide. Even tasks differ from odd ones in template, party and
/// phase, and all are of party `all`. One of the oldest is different from its neighbours.
const WIDE_LIST_TASKS: usize = 4_400;
const ODD_ONE: usize = 40;
const FAILED: Option<RunPhase> = Some(RunPhase::Failed);

async fn many(fx: &Fixture) -> [TemplateId; 2] {
    let templates: [TemplateId; 2] = [hex().parse().unwrap(), hex().parse().unwrap()];
    let creation_of = |number: usize| {
        let party = if number.is_multiple_of(2) && number != ODD_ONE { "even" } else { "odd" };
        creation(task(&format!("task-{number:04}"), &templates[number % 2], &["all", party]))
    };
    fx.store.apply(&(0..WIDE_LIST_TASKS).map(creation_of).collect::<Vec<_>>()).await.unwrap();
    fx.raw(&format!("UPDATE tasks SET phase = 'failed' WHERE template_id = '{}'", templates[0]))
        .await;
    templates
}

/// Combinations of filters, and the numbers of the tasks that they select, in order.
fn mixed(templates: &[TemplateId; 2]) -> Vec<(TaskFilter, Vec<usize>)> {
    let some_phases: [&[Option<RunPhase>]; 4] =
        [&[], &[None], &[FAILED], &[FAILED, Some(RunPhase::Running), None]];
    let mut mixed = Vec::new();
    for (template, phases) in [None, Some(0), Some(1)]
        .into_iter()
        .flat_map(|template| some_phases.map(|phases| (template, phases)))
    {
        for (name, prefix) in [None, Some("all"), Some("odd")]
            .into_iter()
            .flat_map(|name| [None, Some("task-"), Some("task-4")].map(|prefix| (name, prefix)))
        {
            let shown = |number: &usize| {
                template.is_none_or(|parity| number % 2 == parity)
                    && (phases.is_empty()
                        || phases.contains(if number.is_multiple_of(2) { &FAILED } else { &None }))
                    && name
                        .is_none_or(|name| name == "all" || number % 2 == 1 || *number == ODD_ONE)
                    && prefix.is_none_or(|prefix| prefix == "task-" || *number >= 4_000)
            };
            let mut numbers: Vec<usize> = (0..WIDE_LIST_TASKS).filter(shown).collect();
            if prefix.is_none() {
                numbers.reverse();
            }
            let filter = TaskFilter {
                template: template.map(|parity| templates[parity].clone()),
                phases: phases.to_vec(),
                party: name.map(party),
                name_prefix: prefix.map(str::to_owned),
                ..all()
            };
            mixed.push((filter, numbers));
        }
    }
    mixed
}

async fn wide_filters_select_the_same_tasks_in_short_pages(fx: Fixture) {
    let store = &fx.store;
    let templates = many(&fx).await;
    for (filter, expected) in mixed(&templates) {
        let found: Vec<usize> =
            walk(store, &filter, 700).await.iter().map(|name| name[5..].parse().unwrap()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    // Only the odd one is both odd and failed: the first page has scanned some tasks and returns a
    // cursor.
    let filter = TaskFilter { party: Some(party("odd")), phases: vec![FAILED], ..all() };
    let first = store.list_tasks(&filter, &PageRequest::first(50)).await.unwrap();
    assert_eq!(first.items, []);
    assert!(first.next.is_some());
    assert_eq!(store.count_tasks(&filter).await.unwrap(), 1);
    let counted = PageRequest { offset: 1, ..PageRequest::first(50) };
    assert_eq!(
        store.list_tasks(&filter, &counted).await.unwrap(),
        Page { items: Vec::new(), next: None }
    );
}

async fn wide_filters_are_led_by_an_index(fx: Fixture) {
    let store = &fx.store;
    let templates = many(&fx).await;
    let middle =
        store.task_by_name(&project(), "task-3000").await.unwrap().expect("it was made").task;
    let mut wide = 0;
    for (filter, _) in mixed(&templates) {
        let by_name = filter.name_prefix.is_some();
        let (index, walks) = match &filter {
            TaskFilter { name_prefix: Some(_), .. } => ("tasks_name", 1),
            TaskFilter { template: Some(_), phases, .. } if !phases.is_empty() => {
                ("tasks_template_phase", phases.len())
            }
            TaskFilter { phases, .. } if !phases.is_empty() => ("tasks_phase", phases.len()),
            TaskFilter { template: Some(_), .. } => ("tasks_template", 1),
            TaskFilter { party: Some(_), .. } => ("PRIMARY", 1),
            _ => ("tasks_newest", 1),
        };
        for after in
            [None, Some(if by_name { middle.body.name.as_str() } else { middle.id.as_str() })]
        {
            let plans = store.explain_tasks(&filter, after).await.unwrap();
            // A narrow list is scanned completely, and sorted if necessary.
            if plans.len() == 2 * walks {
                wide += 1;
                assert!(
                    plans.iter().all(|plan| is_led_by(fx.backend, index, &plan.words)),
                    "{filter:?}: {plans:#?}"
                );
            }
        }
    }
    assert!(wide > 40, "{wide}");
}

/// A bound that the scan does not start at is visible in no plan, only in the steps, which only
/// SQLite counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_in_the_middle_of_a_list_costs_as_much_as_the_first() {
    let fx = Fixture::new(Backend::Sqlite).await;
    let templates = many(&fx).await;
    let middle =
        fx.store.task_by_name(&project(), "task-3000").await.unwrap().expect("it was made").task;
    let mut all = 0;
    for (filter, _) in mixed(&templates) {
        let place = if filter.name_prefix.is_some() {
            middle.body.name.as_str()
        } else {
            middle.id.as_str()
        };
        let mut steps = Vec::new();
        for after in [None, Some(place)] {
            let plans = fx.store.explain_tasks(&filter, after).await.unwrap();
            steps.push(
                plans.into_iter().map(|plan| plan.steps.expect("SQLite counts")).sum::<u32>(),
            );
        }
        // They select different tasks: a few steps more or less.
        assert!(steps[1] <= steps[0] + steps[0] / 4 + 10, "{filter:?}: {steps:?}");
        all += steps[0];
    }
    assert!(all > 1_000, "{all}");
}

async fn labels_select_tasks_and_follow_their_edits(fx: Fixture) {
    let store = &fx.store;
    let labelled = |name: &str, labels: &[(&str, &str)]| {
        let mut task = any_task(name);
        task.body.labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        task
    };
    for (name, labels) in [
        ("a", &[("season", "spring"), ("team", "x")][..]),
        ("b", &[("season", "spring"), ("team", "y")]),
        ("c", &[("season", "autumn"), ("example.org/empty", "")]),
        ("d", &[]),
    ] {
        stored(store, labelled(name, labels), false).await;
    }
    let mut foreign = creation(labelled("foreign", &[("season", "spring")]));
    foreign.task.project = add_project(store, "other").await;
    store.apply(&[foreign]).await.unwrap();
    let of = |labels: &[(&str, &str)]| TaskFilter {
        labels: labels.iter().map(|(name, value)| label(name, value)).collect(),
        ..all()
    };
    let spring = of(&[("season", "spring")]);
    assert_eq!(names(store, &spring).await, ["b", "a"]);
    assert_eq!(names(store, &of(&[("season", "spring"), ("team", "x")])).await, ["a"]);
    assert_eq!(names(store, &of(&[("team", "x"), ("team", "y")])).await, [""; 0]);
    assert_eq!(names(store, &of(&[("example.org/empty", "")])).await, ["c"]);
    assert_eq!(names(store, &of(&[("Season", "spring")])).await, [""; 0]);
    let by_name = TaskFilter { name_prefix: Some("a".to_owned()), ..spring.clone() };
    assert_eq!(names(store, &by_name).await, ["a"]);

    let id = store.task_by_name(&project(), "a").await.unwrap().expect("it is stored").task.id;
    let mut edit = change(store, &id).await;
    edit.task.body.labels = [label("season", "winter")].into();
    edit.body_changed = true;
    store.apply(&[edit]).await.unwrap();
    assert_eq!(names(store, &spring).await, ["b"]);
    let winter = of(&[("season", "winter")]);
    assert_eq!(names(store, &winter).await, ["a"]);
    let mut delete = change(store, &id).await;
    delete.task.deleted_at = Some(at(60));
    store.apply(&[delete]).await.unwrap();
    assert_eq!(names(store, &winter).await, [""; 0]);
}

/// Enough tasks that an index is wide, in batches with the same times.
async fn timed(store: &Store) -> Vec<(Timestamp, String)> {
    let task_of = |number: usize| {
        let second = i64::try_from(number / 7).unwrap();
        let party = if number.is_multiple_of(50) { "rare" } else { "hospital-a" };
        let mut task = task(&format!("task-{number:04}"), &template_id(), &[party, "all"]);
        task.created_at = at(second);
        task.modified_at = at(10_000 - second);
        task
    };
    let tasks: Vec<_> = (0..1_100).map(task_of).collect();
    store.apply(&tasks.iter().cloned().map(creation).collect::<Vec<_>>()).await.unwrap();
    tasks.into_iter().map(|task| (task.created_at, task.body.name)).collect()
}

async fn every_order_lists_all_tasks_page_by_page(fx: Fixture) {
    let store = &fx.store;
    let tasks = timed(store).await;
    let ascending: Vec<&String> = tasks.iter().map(|(_, name)| name).collect();
    let descending: Vec<&String> = ascending.iter().rev().copied().collect();
    // Within one time of the last edit, ids ascend as the list does.
    let mut modified = tasks.clone();
    modified.sort_by_key(|(created_at, name)| (std::cmp::Reverse(*created_at), name.clone()));
    let modified: Vec<&String> = modified.iter().map(|(_, name)| name).collect();
    let reverse: Vec<&String> = modified.iter().rev().copied().collect();
    for (order, is_descending, expected) in [
        (TaskOrder::Name, false, &ascending),
        (TaskOrder::Name, true, &descending),
        (TaskOrder::Created, false, &ascending),
        (TaskOrder::Created, true, &descending),
        (TaskOrder::Modified, false, &modified),
        (TaskOrder::Modified, true, &reverse),
    ] {
        for created in [TimeRange::default(), since(0)] {
            let filter = TaskFilter { created, ..ordered(order, is_descending) };
            let found = walk(store, &filter, 300).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), *expected, "{filter:?}");
        }
        // The filters have other indexes than the order: one is wide, one is narrow.
        for party_name in ["all", "rare"] {
            let is_shown = |name: &&String| {
                party_name == "all" || name[5..].parse::<usize>().unwrap().is_multiple_of(50)
            };
            let filter = TaskFilter {
                party: Some(party(party_name)),
                name_prefix: Some("task-0".to_owned()),
                phases: vec![None],
                ..ordered(order, is_descending)
            };
            let expected: Vec<&String> = expected
                .iter()
                .copied()
                .filter(|name| name.starts_with("task-0"))
                .filter(is_shown)
                .collect();
            let found = walk(store, &filter, 300).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        }
    }
    let range = TimeRange { from: Some(at(2)), before: Some(at(4)) };
    let between = TaskFilter { created: range, order: Some(TaskOrder::Name), ..all() };
    let expected: Vec<String> = (14..28).map(|number| format!("task-{number:04}")).collect();
    assert_eq!(walk(store, &between, 5).await, expected);
    assert_eq!(store.count_tasks(&between).await.unwrap(), 14);
    for place in ["", "x", "1", "x.y", "99999999999999999999.a"] {
        let page = PageRequest { after: Some(place.to_owned()), ..PageRequest::first(5) };
        let found = store.list_tasks(&ordered(TaskOrder::Modified, true), &page).await;
        assert!(found.is_err(), "{place:?}");
    }
}

async fn pages_are_stable_while_tasks_are_created_and_deleted(fx: Fixture) {
    let store = &fx.store;
    for number in 0..40 {
        let mut task = any_task(&format!("old-{number:02}"));
        (task.created_at, task.modified_at) = (at(number / 4), at(number / 4));
        stored(store, task, false).await;
    }
    let mut round = 0;
    for order in [TaskOrder::Name, TaskOrder::Created, TaskOrder::Modified] {
        for (descending, created) in
            [(false, TimeRange::default()), (true, TimeRange::default()), (true, since(0))]
        {
            let filter = TaskFilter { created, ..ordered(order, descending) };
            let mut request = PageRequest::first(3);
            let mut seen = Vec::new();
            let begun = round;
            loop {
                round += 1;
                let page = store.list_tasks(&filter, &request).await.unwrap();
                seen.extend(page.items.into_iter().map(|row| row.task.body.name));
                // Around every position: in the middle of one time, before and after all.
                if round - begun > 20 {
                    // The list ends although tasks were added behind its end.
                    request.after = page.next;
                    if request.after.is_none() {
                        break;
                    }
                    continue;
                }
                for (prefix, second) in [("a", 0), ("old-15-", 3), ("z", 9)] {
                    let mut task = any_task(&format!("{prefix}{round}"));
                    (task.created_at, task.modified_at) = (at(second), at(second));
                    let id = stored(store, task, false).await.task.id;
                    if round % 2 == 0 {
                        let mut delete = change(store, &id).await;
                        delete.task.deleted_at = Some(at(60));
                        store.apply(&[delete]).await.unwrap();
                    }
                }
                match page.next {
                    Some(next) => request.after = Some(next),
                    None => break,
                }
            }
            let mut old: Vec<&String> =
                seen.iter().filter(|name| name.starts_with("old-") && name.len() == 6).collect();
            assert_eq!(old.len(), 40, "{filter:?}: none is left out or repeated: {old:?}");
            old.dedup();
            assert_eq!(old.len(), 40, "{filter:?}");
        }
    }
}

async fn run_numbers(store: &Store, filter: &RunFilter, limit: u32) -> Vec<String> {
    let mut seen = Vec::new();
    let mut request = PageRequest::first(limit);
    loop {
        let page = store.list_runs(filter, &request).await.unwrap();
        seen.extend(page.items.into_iter().map(|(run, task)| format!("{task}/{}", run.number)));
        match page.next {
            Some(next) => request.after = Some(next),
            None => return seen,
        }
    }
}

async fn each_filter_selects_its_runs(fx: Fixture) {
    let store = &fx.store;
    let mut tasks = Vec::new();
    for number in 0..6_usize {
        let parties = if number.is_multiple_of(2) { ["p0", "p1"] } else { ["p1", "p2"] };
        let mut change = creation(task(&format!("t{number}"), &template_id(), &parties));
        let run = start(&mut change);
        change.runs.clear();
        let mut after = settle(
            &mut change,
            &run,
            if number < 3 { RunPhase::Succeeded } else { RunPhase::Failed },
        );
        after.head.created_at = at(i64::try_from(number).unwrap() * 10);
        change.runs = vec![flow_server::store::RunUpdate { before: None, after }];
        tasks.push(change.task.id.clone());
        store.apply(&[change]).await.unwrap();
    }
    let all = || RunFilter::project(project());
    let newest_first = ["t5/1", "t4/1", "t3/1", "t2/1", "t1/1", "t0/1"];
    for limit in [1, 2, 100] {
        assert_eq!(run_numbers(store, &all(), limit).await, newest_first);
    }
    let failed = RunFilter { phases: vec![RunPhase::Failed], ..all() };
    assert_eq!(run_numbers(store, &failed, 2).await, ["t5/1", "t4/1", "t3/1"]);
    let both = RunFilter { phases: vec![RunPhase::Failed, RunPhase::Succeeded], ..all() };
    assert_eq!(run_numbers(store, &both, 4).await, newest_first);
    let of_party = RunFilter { party: Some(party("p0")), ..all() };
    assert_eq!(run_numbers(store, &of_party, 2).await, ["t4/1", "t2/1", "t0/1"]);
    let of_both = RunFilter { party: Some(party("p0")), ..failed.clone() };
    assert_eq!(run_numbers(store, &of_both, 2).await, ["t4/1"]);
    let of_task = RunFilter { task: Some(tasks[2].clone()), ..all() };
    assert_eq!(run_numbers(store, &of_task, 2).await, ["t2/1"]);
    let range = TimeRange { from: Some(at(10)), before: Some(at(40)) };
    let between = RunFilter { created: range, ..all() };
    assert_eq!(run_numbers(store, &between, 2).await, ["t3/1", "t2/1", "t1/1"]);
    let between = RunFilter { party: Some(party("p2")), created: range, ..all() };
    assert_eq!(run_numbers(store, &between, 1).await, ["t3/1", "t1/1"]);
    assert_eq!(run_numbers(store, &RunFilter::project("other".parse().unwrap()), 5).await, [""; 0]);
    let id = store.list_runs(&all(), &PageRequest::first(1)).await.unwrap().items[0].0.id.clone();
    let by_id = RunFilter { id_prefix: id.as_str().to_owned(), ..all() };
    assert_eq!(run_numbers(store, &by_id, 5).await, ["t5/1"]);
    let by_id = RunFilter { created: range, ..by_id };
    assert_eq!(run_numbers(store, &by_id, 5).await, [""; 0]);
    let of_party = RunFilter { party: Some(party("p2")), phases: vec![RunPhase::Failed], ..by_id };
    assert_eq!(run_numbers(store, &of_party, 5).await, [""; 0]);
}

async fn every_filter_of_runs_is_led_by_an_index(fx: Fixture) {
    let store = &fx.store;
    // A planner needs rows to choose a plan.
    some(store).await;
    let task = stored(store, any_task("started"), true).await.task.id;
    let all = || RunFilter::project(project());
    for (filter, index) in [
        (all(), "runs_newest"),
        (RunFilter { id_prefix: "0".to_owned(), ..all() }, "runs_newest"),
        (RunFilter { phases: vec![RunPhase::Running], ..all() }, "runs_phase"),
        (RunFilter { party: Some(party("p0")), ..all() }, "members_party"),
        (RunFilter { task: Some(task), ..all() }, "runs_task"),
        (RunFilter { created: since(1), ..all() }, "runs_created"),
    ] {
        for plan in store.explain_runs(&filter, None).await.unwrap() {
            let words = plan.words.replace("SEARCH m USING COVERING INDEX", "SEARCH t USING INDEX");
            assert!(is_led_by(fx.backend, index, &words), "{filter:?}: {words}");
        }
    }
}
