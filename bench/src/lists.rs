//! Pages of 50 out of a million tasks, for every filter of the task list.

use std::time::Instant;

use flow_domain::id::{PartyId, ProjectId, TemplateId};
use flow_domain::run::RunPhase;
use flow_e2e::{Builder, Hub};
use flow_server::store::{PageRequest, Store, StoreOptions, TaskFilter, TaskOrder};
use reqwest::Method;

use crate::million::{self, Million};
use crate::table::{Table, Times, millis};

const WARM_UP: usize = 2;
const CALLS: usize = 300;
const BUDGET: std::time::Duration = std::time::Duration::from_millis(5);

pub async fn measure(table: &mut Table) {
    let Million { federation, tasks, .. } =
        million::hub(Builder::default().parties(&[]), None).await;
    let database = federation.data_dir("server").join("flow.db");
    let store = Store::open(&format!("sqlite://{}", database.display()), StoreOptions::default())
        .await
        .expect("SQLite allows a second process");
    let mut worst: [Worst; 3] = Default::default();
    for (name, filter, kind) in filters() {
        let in_store = in_store(&store, &filter, kind).await;
        let by_rest = by_rest(&federation.hub, &filter).await;
        table.note(format!(
            "  list by {name}: store {}; REST {}",
            in_store.shown(),
            by_rest.shown()
        ));
        worst[kind as usize].add(name, &in_store, &by_rest);
    }
    store.close().await;
    for (Worst { store, rest }, what) in worst.iter().zip([
        "any one filter",
        "several filters, one rare",
        "several wide filters, page by page",
    ]) {
        table.row(
            format!("50 of {tasks} tasks, {what} (worst: {})", store.1),
            "p99 < 5 ms",
            format!("p99 {}; REST {} ({})", millis(store.0), millis(rest.0), rest.1),
            store.0 < BUDGET,
        );
    }
}

/// The slowest filter so far, in the store and by REST.
#[derive(Default)]
struct Worst {
    store: (std::time::Duration, &'static str),
    rest: (std::time::Duration, &'static str),
}

impl Worst {
    fn add(&mut self, name: &'static str, store: &Times, rest: &Times) {
        self.store = self.store.max((store.percentile(99), name));
        self.rest = self.rest.max((rest.percentile(99), name));
    }
}

/// The selectivity of a combination of filters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One filter, with many or few matches.
    One,
    /// Several filters, one of which has few matches.
    WideAndRare,
    /// Several filters with many matches each and few or none together: the number of entries that
    /// one page may read is bounded.
    Wide,
}

/// Every filter alone, every pair, and some combinations of three and four.
fn filters() -> Vec<(&'static str, TaskFilter, Kind)> {
    use Kind::{One, Wide, WideAndRare};
    let all = || TaskFilter::project("default".parse::<ProjectId>().expect("a slug"));
    let template =
        |number: u32| Some(format!("0192{number:028x}").parse::<TemplateId>().expect("32 digits"));
    let party = |name: &str| Some(name.parse::<PartyId>().expect("a slug"));
    let name = |prefix: &str| Some(prefix.to_owned());
    let label = |value: &str| vec![("parity".to_owned(), value.to_owned())];
    let running = || vec![Some(RunPhase::Running)];
    let succeeded = || vec![Some(RunPhase::Succeeded)];
    let failed = || vec![Some(RunPhase::Failed)];
    vec![
        ("nothing", all(), One),
        ("name, broad", TaskFilter { name_prefix: name("task-"), ..all() }, One),
        ("name, narrow", TaskFilter { name_prefix: name("task-00"), ..all() }, One),
        ("phase, broad", TaskFilter { phases: succeeded(), ..all() }, One),
        ("phase, rare", TaskFilter { phases: running(), ..all() }, One),
        (
            "phase, four",
            TaskFilter {
                phases: vec![
                    None,
                    Some(RunPhase::Running),
                    Some(RunPhase::Failed),
                    Some(RunPhase::Succeeded),
                ],
                ..all()
            },
            One,
        ),
        ("party, broad", TaskFilter { party: party("p0000"), ..all() }, One),
        ("party, rare", TaskFilter { party: party("p0001"), ..all() }, One),
        ("template, broad", TaskFilter { template: template(0), ..all() }, One),
        ("template, rare", TaskFilter { template: template(1), ..all() }, One),
        ("label, broad", TaskFilter { labels: label("even"), ..all() }, One),
        ("nothing, by edit", TaskFilter { order: Some(TaskOrder::Modified), ..all() }, One),
        (
            "phase, rare, by edit",
            TaskFilter { phases: running(), order: Some(TaskOrder::Modified), ..all() },
            One,
        ),
        (
            "label and phase, never both",
            TaskFilter { labels: label("even"), phases: failed(), ..all() },
            Wide,
        ),
        (
            "phase, wide, by edit",
            TaskFilter { phases: failed(), order: Some(TaskOrder::Modified), ..all() },
            Wide,
        ),
        (
            "name and phase",
            TaskFilter { name_prefix: name("task-"), phases: running(), ..all() },
            WideAndRare,
        ),
        (
            "name and party",
            TaskFilter { name_prefix: name("task-"), party: party("p0001"), ..all() },
            WideAndRare,
        ),
        (
            "name and template",
            TaskFilter { name_prefix: name("task-"), template: template(1), ..all() },
            WideAndRare,
        ),
        (
            "party and phase",
            TaskFilter { party: party("p0000"), phases: running(), ..all() },
            WideAndRare,
        ),
        (
            "party and template",
            TaskFilter { party: party("p0000"), template: template(1), ..all() },
            WideAndRare,
        ),
        (
            "phase and template",
            TaskFilter { phases: succeeded(), template: template(1), ..all() },
            WideAndRare,
        ),
        (
            "name, party, template and phase",
            TaskFilter {
                name_prefix: name("task-"),
                phases: succeeded(),
                template: template(1),
                party: party("p0000"),
                ..all()
            },
            WideAndRare,
        ),
        (
            "name and phase, wide",
            TaskFilter { name_prefix: name("task-"), phases: failed(), ..all() },
            Wide,
        ),
        (
            "party and phase, wide",
            TaskFilter { party: party("odd"), phases: succeeded(), ..all() },
            Wide,
        ),
        (
            "party and template, never both",
            TaskFilter { party: party("odd"), template: template(0), ..all() },
            Wide,
        ),
        (
            "party and phase, never both",
            TaskFilter { party: party("even"), phases: failed(), ..all() },
            Wide,
        ),
        (
            "party and two phases, never both",
            TaskFilter {
                party: party("even"),
                phases: vec![None, Some(RunPhase::Failed)],
                ..all()
            },
            Wide,
        ),
        (
            "phase and template, never both",
            TaskFilter { phases: failed(), template: template(0), ..all() },
            Wide,
        ),
        (
            "party, template and phase, never all",
            TaskFilter { party: party("odd"), template: template(0), phases: succeeded(), ..all() },
            Wide,
        ),
        (
            "name, party and phase, never all",
            TaskFilter {
                name_prefix: name("task-"),
                party: party("even"),
                phases: failed(),
                ..all()
            },
            Wide,
        ),
        (
            "name, party and template, never all",
            TaskFilter {
                name_prefix: name("task-"),
                party: party("odd"),
                template: template(0),
                ..all()
            },
            Wide,
        ),
        (
            "name, party, template and phase, never all",
            TaskFilter {
                name_prefix: name("task-"),
                party: party("odd"),
                template: template(0),
                phases: succeeded(),
                ..all()
            },
            Wide,
        ),
    ]
}

/// True after enough calls for one filter: fewer if the calls are slow, so that a slow filter does
/// not take minutes.
fn enough(times: &Times) -> bool {
    times.len() >= CALLS || times.len() >= 5 && times.percentile(50) > BUDGET * 10
}

/// Reads page after page, and starts again after the last page.
async fn in_store(store: &Store, filter: &TaskFilter, kind: Kind) -> Times {
    let mut page = PageRequest::first(50);
    let mut times = Times::default();
    for call in 0.. {
        let begun = Instant::now();
        let found = store.list_tasks(filter, &page).await.expect("the database answers");
        if call >= WARM_UP {
            times.push(begun.elapsed());
        }
        let nothing = found.items.is_empty() && page.after.is_none() && kind != Kind::Wide;
        assert!(!nothing, "{filter:?}: the copied rows do not match");
        page.after = found.next;
        if enough(&times) {
            break;
        }
    }
    times
}

async fn by_rest(hub: &Hub, filter: &TaskFilter) -> Times {
    let TaskFilter {
        project: _,
        name_prefix,
        phases,
        party,
        template,
        labels,
        created: _,
        order,
        descending,
    } = filter;
    let phases = phases
        .iter()
        .map(|phase| phase.map_or("new", RunPhase::as_str))
        .collect::<Vec<_>>()
        .join(",");
    let mut query = vec![("limit", "50".to_owned())];
    query.extend(name_prefix.iter().map(|name| ("name", name.clone())));
    query.extend(party.iter().map(|party| ("party", party.to_string())));
    query.extend(template.iter().map(|template| ("template", template.to_string())));
    query.extend((!phases.is_empty()).then_some(("phase", phases)));
    query.extend(labels.iter().map(|(name, value)| ("label", format!("{name}={value}"))));
    query.extend(order.map(|order| {
        let sort = match order {
            TaskOrder::Name => "name",
            TaskOrder::Created => "created",
            TaskOrder::Modified => "modified",
        };
        ("sort", sort.to_owned())
    }));
    query.extend(
        descending
            .map(|descending| ("direction", if descending { "desc" } else { "asc" }.to_owned())),
    );
    let query: Vec<_> = query.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let query = query.join("&");

    let mut times = Times::default();
    let mut cursor = String::new();
    for call in 0.. {
        let begun = Instant::now();
        let page = hub.call(Method::GET, &format!("/tasks?{query}{cursor}"), None).await;
        if call >= WARM_UP {
            times.push(begun.elapsed());
        }
        cursor = page["next"].as_str().map_or_else(String::new, |next| format!("&cursor={next}"));
        if enough(&times) {
            break;
        }
    }
    times
}
