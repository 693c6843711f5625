//! Complete tasks per second: submitted, started, reserved, run and settled by two agents that
//! report at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_e2e::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::agents::{AgentEvent, Behaviour, Fleet};
use crate::table::{Table, millis};
use crate::{fixture, machine};

/// Unsettled tasks at a time.
const IN_FLIGHT: usize = 256;
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED_PERIOD: Duration = Duration::from_secs(20);

pub async fn measure(table: &mut Table) {
    one(table, "SQLite", 500.0, Builder::default().parties(&[])).await;
    let server = flow_testkit::mariadb().await;
    let url = server.create_database().await;
    let (user, rest) = url.split_once('@').expect("the URL names a user");
    let (user, password) = user.rsplit_once(':').expect("the URL holds a password");
    one(
        table,
        "MariaDB",
        300.0,
        Builder::default().parties(&[]).database(&format!("{user}@{rest}"), password),
    )
    .await;
}

async fn one(table: &mut Table, database: &str, budget: f64, builder: Builder) {
    let (federation, grpc) =
        fixture::hub(builder.server("rest.max_connections_per_address", "1000")).await;
    let hub = &federation.hub;
    let parties = fixture::parties(hub, 2).await;
    let mut fleet = Fleet::start(grpc, &parties, Behaviour::Instant);
    fleet.all(parties.len(), |event| *event == AgentEvent::Synchronised).await;
    let template = fixture::template(hub, "lifecycle").await;

    let permits = Arc::new(Semaphore::new(IN_FLIGHT));
    let submit = async {
        // Dropped with its requests at the end of the window.
        let mut requests = JoinSet::new();
        for number in 0_u64.. {
            permits.acquire().await.expect("never closed").forget();
            while requests.try_join_next().is_some() {}
            let (hub, task) =
                (hub.clone(), fixture::task(&format!("life-{number}"), &template, &parties));
            requests.spawn(async move {
                let task = fixture::submit(&hub, &task).await;
                fixture::start(&hub, &task).await;
            });
        }
    };
    let pid = federation.server().pid();
    let count = async {
        let mut settled: HashMap<String, usize> = HashMap::new();
        let mut done = 0_u32;
        let begun = Instant::now();
        let mut window = None;
        loop {
            let AgentEvent::Settled { run } = fleet.next().await.event else { continue };
            let parts = settled.entry(run.clone()).or_default();
            *parts += 1;
            if *parts == parties.len() {
                settled.remove(&run);
                permits.add_permits(1);
                done += 1;
            }
            if window.is_none() && begun.elapsed() >= WARM_UP {
                let batch = fixture::histogram(hub, "flow_commit_batch_tasks").await;
                let commit = fixture::histogram(hub, "flow_commit_seconds").await;
                window = Some((Instant::now(), done, batch, commit, machine::processor_time(pid)));
            }
            if let Some((since, before, batch, commit, used)) = window
                && since.elapsed() >= MEASURED_PERIOD
            {
                let took = since.elapsed();
                let batch_now = fixture::histogram(hub, "flow_commit_batch_tasks").await;
                let commit_now = fixture::histogram(hub, "flow_commit_seconds").await;
                let mean = |(sum, count): (f64, f64), (sum_now, count_now): (f64, f64)| {
                    (sum_now - sum) / (count_now - count).max(1.0)
                };
                let processor =
                    (machine::processor_time(pid) - used).as_secs_f64() / took.as_secs_f64();
                break (
                    f64::from(done - before) / took.as_secs_f64(),
                    mean(batch, batch_now),
                    mean(commit, commit_now),
                    processor,
                );
            }
        }
    };
    let (rate, batch, commit, processor) = tokio::select! {
        () = submit => unreachable!("there are always more tasks"),
        counted = count => counted,
    };
    table.row(
        format!("lifecycles/s, fake runtimes, durable, {database} ({IN_FLIGHT} in flight)"),
        format!("≥ {budget}/s"),
        format!("{rate:.0}/s"),
        rate >= budget,
    );
    let commit = millis(Duration::from_secs_f64(commit));
    table.figure(
        "  mean commit",
        format!("{batch:.1} tasks in {commit}; hub on {processor:.2} cores"),
    );
}
