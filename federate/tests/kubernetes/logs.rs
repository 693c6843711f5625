//! What pods say, whatever breaks on the way: no line and no point is lost, and none is kept twice.

use flow_crd::SIDECAR_CONTAINER;
use flow_federate::runtime::{WorkKey, WorkState};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;

use crate::kubelet::Kubelet;
use crate::support::{Agent, Party, WORKLOAD, key, over, running, shared};

/// A party whose pods land on a node with a kubelet.
async fn party() -> (Party, Kubelet) {
    let cluster = shared().await;
    let party = Party::new(cluster).await;
    let kubelet = Kubelet::join(cluster, &format!("node-of-{}", party.namespace)).await;
    (party, kubelet)
}

/// A member whose pod runs.
pub async fn runs(party: &Party, kubelet: &Kubelet, agent: &mut Agent) -> (WorkKey, Pod) {
    let key = key();
    agent.start(&key).await;
    let pod = party.make_pod(&key, Some(&kubelet.node)).await;
    party.kubelet_says_of_sidecar(&pod, running()).await;
    party.kubelet_says(&pod, "Running", running()).await;
    agent.until(&key, |state| *state == WorkState::Running).await;
    (key, pod)
}

/// Workload and sidecar end, and the pod with them.
pub async fn ends(party: &Party, kubelet: &Kubelet, pod: &Pod) {
    kubelet.over(WORKLOAD);
    kubelet.over(SIDECAR_CONTAINER);
    party.kubelet_says_of_sidecar(pod, over(0, "Completed")).await;
    party.kubelet_says(pod, "Succeeded", over(0, "Completed")).await;
}

#[tokio::test]
async fn output_of_a_pod_is_reported_by_the_next_two_agents() {
    let (party, kubelet) = party().await;
    let (key, pod) = runs(&party, &kubelet, &mut party.agent().await).await;
    for step in 1..=3 {
        kubelet.tells_point(&format!("2026-01-02T03:04:05.{step}Z"), step);
    }
    kubelet.says(WORKLOAD, "2026-01-02T03:04:05.5Z", "trained\n");
    ends(&party, &kubelet, &pod).await;

    let mut later = party.agent().await;
    let (exit, steps) = later.end(&key).await;
    assert_eq!((exit.code, steps), (Some(0), vec![1, 2, 3]));
    assert_eq!(later.log(&key).await, "trained\n");
    drop(later);

    // Killed before the hub had taken what it told, and the cluster has nothing left of it.
    party
        .jobs
        .delete(
            &flow_federate::runtime::kubernetes::naming::name(&key),
            &DeleteParams::background(),
        )
        .await
        .expect("deleted");
    party.kubelet_lets_go(&pod).await;
    let mut last = party.agent().await;
    assert_eq!(last.end(&key).await, (exit, vec![1, 2, 3]));
    assert_eq!(last.log(&key).await, "trained\n");
}

#[tokio::test]
async fn interrupted_log_is_resumed_at_its_position() {
    let (party, kubelet) = party().await;
    let (key, pod) = runs(&party, &kubelet, &mut party.agent().await).await;
    let lines: Vec<String> = (1..=9).map(|step| format!("line {step}\n")).collect();
    // In the middle of a line, in a time, in the last line: each has 30 bytes with its time.
    kubelet.breaks_off(WORKLOAD, &[30 * 3 + 26, 10, 30 * 8 + 25]);
    kubelet.breaks_off(SIDECAR_CONTAINER, &[100, 150, 3]);
    for (step, line) in (1..).zip(&lines) {
        kubelet.says(WORKLOAD, &format!("2026-01-02T03:04:05.{step}Z"), line);
        kubelet.tells_point(&format!("2026-01-02T03:04:05.{step}Z"), step);
    }
    // Read when it has ended already: no watch will say that there is more.
    ends(&party, &kubelet, &pod).await;
    let mut agent = party.agent().await;
    let (exit, steps) = agent.end(&key).await;
    assert_eq!((exit.code, steps), (Some(0), (1..=9).collect()));
    assert_eq!(agent.log(&key).await, lines.concat());
    assert_eq!(
        (kubelet.to_break_off(WORKLOAD), kubelet.to_break_off(SIDECAR_CONTAINER)),
        (0, 0),
        "it was read to the end at every try"
    );
}

#[tokio::test]
async fn last_line_without_a_line_break_is_kept_once() {
    let (party, kubelet) = party().await;
    let mut agent = party.agent().await;
    let (key, pod) = runs(&party, &kubelet, &mut agent).await;
    kubelet.says(WORKLOAD, "2026-01-02T03:04:05.1Z", "trained\n");
    kubelet.says(WORKLOAD, "2026-01-02T03:04:05.2Z", "bye");
    ends(&party, &kubelet, &pod).await;
    assert_eq!(agent.end(&key).await.0.code, Some(0));
    assert_eq!(agent.log(&key).await, "trained\nbye");
}

#[tokio::test]
async fn log_without_a_readable_end_contains_a_note() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let key = key();
    agent.start(&key).await;
    // Its node has no kubelet that could be asked.
    let pod = party.make_pod(&key, Some("node-1")).await;
    party.kubelet_says(&pod, "Succeeded", over(0, "Completed")).await;
    assert_eq!(agent.exit(&key).await.code, Some(0));
    assert_eq!(
        agent.log(&key).await,
        "\n[the end of the output is missing: it could not be read from the cluster]\n"
    );
}
