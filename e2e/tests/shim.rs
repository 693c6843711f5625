//! Repairs of the published framework that need no federation to be shown: the framework's own
//! classes, in the environment the real training uses, with the compat shim before them.

use std::process::{Command, Output};

/// Runs a script with the shim loaded.
fn python(script: &str) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    Command::new(flow_testkit::venv_python())
        .args(["-c", script])
        .env("PYTHONPATH", flow_testkit::workload().join("compat"))
        .current_dir(dir.path())
        .output()
        .expect("Python runs")
}

const AGGREGATOR: &str = "
import threading
from iflearner.communication.homo import homo_pb2
from iflearner.business.homo.strategy.fedavg_server import FedavgServer
server = FedavgServer(2, 3)
def upload(party, **layers):
    data = homo_pb2.UploadParam(epoch=1)
    for name, (shape, values) in layers.items():
        data.parameters[name].shape.extend(shape)
        data.parameters[name].values.extend(values)
    server.handler_upload_param(party, data)
for party in ['party-a', 'party-b']:
    server.handler_register(party)
    server._training_clients[party] = {}
upload('party-a', w=([2, 2], [1, 2, 3, 4]))
";

#[test]
fn l23_model_of_another_shape_ends_the_aggregator_with_its_name() {
    let out = python(&format!("{AGGREGATOR}upload('party-b', w=([2], [1, 2]))\nprint('averaged')"));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{errors}");
    assert!(errors.contains("the model of party-b cannot be averaged: w is ((2,), 2) here and ((2, 2), 4) at party-a"), "{errors}");
}

#[test]
fn l23_a_model_that_is_no_number_any_more_ends_the_aggregator_and_is_named() {
    let out = python(&format!(
        "{AGGREGATOR}upload('party-b', w=([2, 2], [1, 2, float('nan'), 4]))\nprint('averaged')"
    ));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("party-b cannot be averaged: w holds a value that is not a finite number"),
        "{errors}"
    );
}

#[test]
fn models_that_agree_are_averaged_as_before() {
    let out = python(&format!(
        "{AGGREGATOR}upload('party-b', w=([2, 2], [3, 4, 5, 6]))\nprint(list(server._server_param['w'].values))"
    ));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().last(), Some("[2.0, 3.0, 4.0, 5.0]"));
}
