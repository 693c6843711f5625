//! The output of Pods across interruptions: no line and no point is lost or kept twice.

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
    party.set_sidecar_status(&pod, running()).await;
    party.set_workload_status(&pod, "Running", running()).await;
    agent.until(&key, |state| *state == WorkState::Running).await;
    (key, pod)
}

/// Workload and sidecar end, and the pod with them.
pub async fn ends(party: &Party, kubelet: &Kubelet, pod: &Pod) {
    kubelet.end(WORKLOAD);
    kubelet.end(SIDECAR_CONTAINER);
    party.set_sidecar_status(pod, over(0, "Completed")).await;
    party.set_workload_status(pod, "Succeeded", over(0, "Completed")).await;
}

#[tokio::test]
async fn output_of_a_pod_is_reported_by_the_next_two_agents() {
    let (party, kubelet) = party().await;
    let (key, pod) = runs(&party, &kubelet, &mut party.agent().await).await;
    for step in 1..=3 {
        kubelet.add_point(&format!("2026-01-02T03:04:05.{step}Z"), step);
    }
    kubelet.add_output(WORKLOAD, "2026-01-02T03:04:05.5Z", "trained\n");
    ends(&party, &kubelet, &pod).await;

    let mut later = party.agent().await;
    let (exit, steps) = later.end(&key).await;
    assert_eq!((exit.code, steps), (Some(0), vec![1, 2, 3]));
    assert_eq!(later.log(&key).await, "trained\n");
    drop(later);

    // The agent was killed before the hub stored its report, and the cluster has no object of the
    // member.
    party
        .jobs
        .delete(
            &flow_federate::runtime::kubernetes::naming::name(&key),
            &DeleteParams::background(),
        )
        .await
        .expect("deleted");
    party.remove_pod(&pod).await;
    let mut last = party.agent().await;
    assert_eq!(last.end(&key).await, (exit, vec![1, 2, 3]));
    assert_eq!(last.log(&key).await, "trained\n");
}

#[tokio::test]
async fn interrupted_log_is_resumed_at_its_position() {
    let (party, kubelet) = party().await;
    let (key, pod) = runs(&party, &kubelet, &mut party.agent().await).await;
    let lines: Vec<String> = (1..=9).map(|step| format!("line {step}\n")).collect();
    // In the middle of a line, in a time, and in the last line: each line has 30 bytes with its
    // time.
    kubelet.interrupt_after(WORKLOAD, &[30 * 3 + 26, 10, 30 * 8 + 25]);
    kubelet.interrupt_after(SIDECAR_CONTAINER, &[100, 150, 3]);
    for (step, line) in (1..).zip(&lines) {
        kubelet.add_output(WORKLOAD, &format!("2026-01-02T03:04:05.{step}Z"), line);
        kubelet.add_point(&format!("2026-01-02T03:04:05.{step}Z"), step);
    }
    // Read after the end: no watch event follows.
    ends(&party, &kubelet, &pod).await;
    let mut agent = party.agent().await;
    let (exit, steps) = agent.end(&key).await;
    assert_eq!((exit.code, steps), (Some(0), (1..=9).collect()));
    assert_eq!(agent.log(&key).await, lines.concat());
    assert_eq!(
        (kubelet.pending_interruptions(WORKLOAD), kubelet.pending_interruptions(SIDECAR_CONTAINER)),
        (0, 0),
        "it was read to the end at every try"
    );
}

#[tokio::test]
async fn last_line_without_a_line_break_is_kept_once() {
    let (party, kubelet) = party().await;
    let mut agent = party.agent().await;
    let (key, pod) = runs(&party, &kubelet, &mut agent).await;
    kubelet.add_output(WORKLOAD, "2026-01-02T03:04:05.1Z", "trained\n");
    kubelet.add_output(WORKLOAD, "2026-01-02T03:04:05.2Z", "bye");
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
    // Its node has no kubelet.
    let pod = party.make_pod(&key, Some("node-1")).await;
    party.set_workload_status(&pod, "Succeeded", over(0, "Completed")).await;
    assert_eq!(agent.exit(&key).await.code, Some(0));
    assert_eq!(
        agent.log(&key).await,
        "\n[the end of the output is missing: it could not be read from the cluster]\n"
    );
}
