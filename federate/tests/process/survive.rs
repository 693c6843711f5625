//! A sidecar that runs out of descriptors. A full disk and a directory that goes are tested with whole federations and
//! beside the end of a workload.

use flow_federate::runtime::Runtime as _;
use flow_federate::sidecar::rundir::name;
use flow_testkit::{wait_for, without_descriptors};

use crate::support::{LONG, Place};

#[tokio::test]
async fn a1_sidecar_without_descriptors_writes_the_exit_when_it_has_some() {
    let place = Place::new();
    let agent = place.agent();
    let gate = place.root.path().join("gate");
    agent
        .start(
            &place,
            place.launch(&format!("while [ ! -e {} ]; do sleep 0.02; done", gate.display())),
        )
        .await;
    let sidecar = place.sidecar().expect("a sidecar").as_raw();
    let none = without_descriptors(u32::try_from(sidecar).expect("a pid"));
    std::fs::write(&gate, "").expect("opened");
    let noticed = async || place.text(name::SIDECAR_LOG).contains("the exit could not be written");
    wait_for("the sidecar to notice", LONG, noticed).await;
    // An agent that comes now is not served, and not turned away.
    drop(agent);
    let mut agent = place.agent();
    drop(none);
    assert_eq!(agent.exit().await.code, Some(0));
    agent.runtime.forget(place.key.clone()).await.expect("it has ended");
}
