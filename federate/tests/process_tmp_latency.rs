//! temporary
mod process_support;
use flow_federate::runtime::{Runtime as _, WorkState};
use process_support::Place;
use std::time::Instant;
#[tokio::test]
async fn latency() {
    for way in [flow_federate::sidecar::container::Containment::Cgroup, flow_federate::sidecar::container::Containment::PidNamespace, flow_federate::sidecar::container::Containment::Session] {
    let (mut h, mut s, mut e, mut f, mut st) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..40 {
        let mut place = Place::new();
        place.config.containment = Some(way);
        let mut agent = place.agent();
        let t = Instant::now();
        agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held");
        h.push(t.elapsed());
        let mut l = place.launch("exit 0");
        l.argv = vec!["/bin/true".to_owned()];
        let t = Instant::now();
        agent.runtime.ensure(l).await.expect("started");
        s.push(t.elapsed());
        let _ = agent.until(|s| matches!(s, WorkState::Exited(_))).await;
        e.push(t.elapsed());
        let t = Instant::now();
        agent.runtime.forget(place.key.clone()).await.expect("f");
        f.push(t.elapsed());
        // stop latency of a sleeping workload
        let place = Place::new();
        let mut agent = place.agent();
        agent.start(&place, place.launch("exec sleep 100")).await;
        agent.until(|s| *s == WorkState::Running).await;
        let t = Instant::now();
        agent.runtime.stop(place.key.clone(), 10).await.expect("stop");
        agent.exit().await;
        st.push(t.elapsed());
    }
    for (n, v) in [("hold", &mut h), ("start", &mut s), ("start..exited", &mut e), ("forget", &mut f), ("stop..exited", &mut st)] {
        v.sort();
        println!("LAT {way:?} {n}: p50 {:?} p95 {:?}", v[v.len() / 2], v[v.len() * 95 / 100]);
    }
    }
}
