//! The shipped role is enough, as every test here shows that runs with it, and allows nothing else.

use std::collections::BTreeSet;

use flow_federate::runtime::kubernetes::access::{self, Rule};
use flow_federate::runtime::{Runtime as _, WorkState};
use flow_testkit::kube::{Cluster, Options, Use};
use flow_testkit::wait_for;

use crate::kubelet::Kubelet;
use crate::logs::{ends, runs};
use crate::support::{LONG, Party, hold, install, key, refusal, running, shared};

/// Runs in a separate cluster whose API server records every request.
#[tokio::test]
async fn every_permission_of_the_role_is_used_and_no_other() {
    let cluster =
        Cluster::start_with(Options { scheduler: false, audit: true, ..Options::default() }).await;
    install(&cluster).await;
    let party = Party::new(&cluster).await;
    let kubelet = Kubelet::join(&cluster, "node-of-a").await;
    let mut agent = party.agent().await;
    let (ended, pod) = runs(&party, &kubelet, &mut agent).await;
    kubelet.add_output(crate::support::WORKLOAD, "2026-01-02T03:04:05.5Z", "trained\n");
    ends(&party, &kubelet, &pod).await;
    assert_eq!(agent.exit(&ended).await.code, Some(0));
    assert_eq!(agent.log(&ended).await, "trained\n");
    agent.runtime.forget(ended.clone()).await.expect("forgotten");
    wait_for("the object to go", LONG, async || party.job(&ended).await.is_none()).await;
    drop(agent);
    // The Lease is renewed by who takes it over, if not before.
    let mut later = party.agent().await;
    let stopped = key();
    later.start(&stopped).await;
    later.runtime.stop(stopped.clone(), 0).await.expect("stopped");
    later.until(&stopped, |state| *state == WorkState::Absent).await;

    let one = |&Rule { group, resource, verbs, .. }: &Rule| {
        verbs.iter().map(move |verb| Use::from([group, resource, verb].map(str::to_owned)))
    };
    let allowed: BTreeSet<Use> = access::RULES.iter().flat_map(one).collect();
    let is_no_self_review = |used: &Use| used.1 != "selfsubjectaccessreviews";
    let used: BTreeSet<Use> =
        cluster.uses(&party.user()).into_iter().filter(is_no_self_review).collect();
    assert_eq!(used, allowed);
}

#[tokio::test]
async fn hold_without_the_role_is_rejected_and_doctor_lists_the_missing_permissions() {
    let cluster = shared().await;
    let party = Party::without_role(cluster).await;
    let Err(refused) = party.try_start(&party.instance).await else {
        panic!("it may not even have a Lease")
    };
    assert!(refused.to_string().contains("flow-federate kubernetes rbac"), "{refused}");
    let found = access::review(&party.client().await, &party.namespace).await;
    assert_eq!(found.len(), access::RULES.len());
    assert!(
        found.iter().all(|(_, allowed)| allowed.as_ref().is_err_and(|text| text.contains("rbac"))),
        "{found:?}"
    );

    let allowed = Party::new(cluster).await;
    let found = access::review(&allowed.client().await, &allowed.namespace).await;
    assert!(found.iter().all(|(_, allowed)| allowed.is_ok()), "{found:?}");
    let agent = allowed.agent().await;
    cluster.kubectl_ok(&["delete", "rolebinding", "agent", "-n", &allowed.namespace]).await;
    wait_for("the role to be revoked", LONG, async || {
        access::review(&allowed.client().await, &allowed.namespace)
            .await
            .iter()
            .all(|(_, allowed)| allowed.is_err())
    })
    .await;
    let reason = refusal(agent.runtime.hold(hold(&key())).await);
    assert!(reason.message.contains("flow-federate kubernetes rbac"), "{reason}");
}

#[tokio::test]
async fn revoked_permission_is_the_reason_until_it_is_restored() {
    let cluster = shared().await;
    let party = Party::new(cluster).await;
    let mut agent = party.agent().await;
    let key = key();
    agent.start(&key).await;
    let pod = party.make_pod(&key, None).await;
    party.set_workload_status(&pod, "Running", running()).await;
    agent.until(&key, |state| *state == WorkState::Running).await;
    cluster.kubectl_ok(&["delete", "rolebinding", "agent", "-n", &party.namespace]).await;
    agent.unseen(&key, "flow-federate kubernetes rbac").await;
    assert!(
        refusal(agent.runtime.stop(key.clone(), 0).await)
            .message
            .contains("flow-federate kubernetes rbac")
    );
    party.bind(cluster, "flow-federate").await;
    agent.until(&key, |state| *state == WorkState::Running).await;
    agent.runtime.stop(key.clone(), 0).await.expect("allowed again");
    party.remove_pod(&pod).await;
    agent.exit(&key).await;
}
