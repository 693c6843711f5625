//! Random sequences of faults from a seed, and load while the hub is killed repeatedly.
//! `FLOW_E2E_SEED=n` repeats the sequence of the first test; timing still differs.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use flow_e2e::{Federation, Job, Run, eventually};
use futures::future::join_all;
use nix::sys::signal::Signal;

const AGENTS: [&str; 2] = ["hospital-a", "hospital-b"];
const PARTIES: [&str; 3] = ["hospital-a", "hospital-b", "hub"];
/// A lost hold costs a reservation deadline and a backoff: 40 s each time.
const PATIENCE: Duration = Duration::from_secs(150);

/// Xorshift random numbers for the choice of faults.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("fewer than the sides")
    }
}

/// A run and the faults that explain its end.
struct Fate {
    run: Run,
    mode: &'static str,
    stopped: bool,
    hurt: bool,
}

async fn one_fault(federation: &mut Federation, fates: &mut [Fate], dice: &mut Dice) {
    let agent = AGENTS[dice.roll(2)];
    match dice.roll(13) {
        0 | 1 => federation.restart_server().await,
        2 | 3 => federation.restart_agent(agent).await,
        4 => {
            federation.kill9_server();
            federation.kill9_agent(agent);
            federation.restart_server().await;
            federation.start_agent(agent).await;
        }
        5 => {
            federation.freeze(agent);
            federation.restart_server().await;
            federation.thaw(agent);
        }
        6 => {
            federation.server().signal(Signal::SIGSTOP);
            federation.kill9_agent(agent);
            federation.server().signal(Signal::SIGCONT);
            federation.start_agent(agent).await;
        }
        7 => {
            federation.kill9_agent(agent);
            federation.wipe_agent_journal(agent);
            federation.start_agent(agent).await;
            fates.iter_mut().for_each(|fate| fate.hurt = true);
        }
        8..=10 if !fates.is_empty() => {
            let fate = dice.roll(fates.len());
            let party = PARTIES[dice.roll(3)];
            // A member that has ended has no sidecar.
            if let Some(sidecar) = federation.sidecar(party, &fates[fate].run) {
                sidecar.signal(Signal::SIGKILL);
                fates[fate].hurt = true;
            }
        }
        _ if !fates.is_empty() => {
            let fate = dice.roll(fates.len());
            let path = format!("/tasks/{}/stop", fates[fate].run.task);
            let answer = federation.hub.try_call(reqwest::Method::POST, &path, None).await;
            let (status, problem) = answer.expect("the hub answers");
            assert!(
                status.is_success() || problem["code"] == "task_not_active",
                "{status}: {problem}"
            );
            fates[fate].stopped |= status.is_success();
        }
        _ => {}
    }
}

#[tokio::test]
async fn random_kills_lead_to_one_correct_end_of_every_run() {
    let seed = std::env::var("FLOW_E2E_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| {
            // Seeded by the operating system.
            std::hash::RandomState::new().build_hasher().finish() % 1_000_000 + 1
        });
    eprintln!("FLOW_E2E_SEED={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut federation = Federation::start().await;
    let mut fates: Vec<Fate> = Vec::new();
    for _ in 0..24 {
        let mode = ["ok", "gate", "gate", "fail", "fork"][dice.roll(5)];
        let run = federation.hub.launch(&Job::new(mode)).await;
        fates.push(Fate { run, mode, stopped: false, hurt: false });
        if dice.roll(3) > 0 {
            one_fault(&mut federation, &mut fates, &mut dice).await;
        }
        let lucky = dice.roll(fates.len());
        federation.release(&fates[lucky].run);
    }
    fates.iter().for_each(|fate| federation.release(&fate.run));
    for Fate { run, mode, stopped, hurt } in &fates {
        let over = |now: &serde_json::Value| now["settled_at"].is_string();
        let end = federation
            .hub
            .wait(run, &format!("seed {seed}: a run of {mode} to settle"), PATIENCE, over)
            .await;
        let (phase, code) = (
            end["phase"].as_str().unwrap_or_default(),
            end["ending"]["code"].as_str().unwrap_or_default(),
        );
        let right = match (phase, code) {
            ("succeeded", "completed") => *mode != "fail",
            ("cancelled", "stopped") => *stopped,
            ("failed", "member_failed" | "start_failed") => *hurt || *mode == "fail",
            _ => false,
        };
        assert!(
            right,
            "seed {seed}: {mode}, stopped: {stopped}, hurt: {hurt}: {end:#}\n{:#}",
            federation.hub.events(run).await
        );
        if phase == "succeeded" {
            assert_eq!(federation.trained(run), AGENTS, "seed {seed}");
        }
    }
    federation.end().await;
}

#[tokio::test]
async fn hub_killed_repeatedly_under_load_loses_and_repeats_no_acknowledged_change() {
    const TASKS: usize = 24;
    let mut federation = Federation::start().await;
    let task = federation.hub.prepare(&Job::new("ok").trainers_only()).await;
    let hub = federation.hub.clone();
    let patient = async |number: usize| {
        let mut task = task.clone();
        task["name"] = format!("patient-{number}").into();
        let made = hub.insist("/tasks", &format!("task-{number}"), Some(&task)).await;
        let id = made["id"].as_str().expect("an id").to_owned();
        let run = hub.insist(&format!("/tasks/{id}/start"), &format!("start-{number}"), None).await;
        Run { task: id, id: run["id"].as_str().expect("an id").to_owned() }
    };
    // A few at a time, so that unfinished requests always exist.
    let load = async {
        let lanes = (0..4).map(async |lane| {
            let mut runs = Vec::new();
            for number in (lane..TASKS).step_by(4) {
                runs.push(patient(number).await);
            }
            runs
        });
        join_all(lanes).await.concat()
    };
    let crashes = async {
        for wanted in [2, 8, 14, 20] {
            eventually(PATIENCE, async || (federation.starts().len() >= wanted).then_some(()))
                .await
                .expect("the workloads start");
            federation.restart_server().await;
        }
    };
    let (runs, ()) = tokio::join!(load, crashes);
    for run in &runs {
        federation.hub.ends_within(run, "succeeded", "completed", PATIENCE).await;
        assert_eq!(federation.hub.runs(&run.task).await.len(), 1);
        assert_eq!(federation.started(run), AGENTS);
    }
    let tasks = federation.hub.get("/tasks?name=patient-&limit=200").await;
    assert_eq!(
        tasks["items"].as_array().map(Vec::len),
        Some(TASKS),
        "a task was lost or made twice"
    );
    federation.end().await;
}

#[tokio::test]
async fn restart_of_hub_and_agents_does_not_affect_running_members() {
    let mut federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("gate")).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &PARTIES).await;
    federation.terminate_all().await;
    for party in PARTIES {
        assert!(
            !federation.alive(&run, Some(party)).is_empty(),
            "the workload of {party} went with its agent"
        );
    }
    federation.restart_server().await;
    for party in AGENTS {
        federation.start_agent(party).await;
    }
    federation.hub.wait_phase(&run, "running").await;
    federation.release(&run);
    federation.hub.ends(&run, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), PARTIES);
    federation.end().await;
}
