//! Objects in the shape of the original operator's samples, for tests.

use flow_crd::IflearnerJob;

/// The aggregator of the original sample.
pub const SERVER: &str = "
apiVersion: git.iflytek.com/v1
kind: IflearnerJob
metadata: {name: iflearnerjob-server, namespace: default, uid: 5b6c2b1e-0000-4000-8000-000000000001, generation: 1}
spec:
  role: server
  host: job1.server.iflearner.com
  template:
    spec:
      containers:
      - name: iflearnerjob-server
        image: ghcr.io/iflytek/iflearner:v0.1.0
        imagePullPolicy: IfNotPresent
        args: [python, iflearner/business/homo/aggregate_server.py, -n=2, --epochs=10]
";

/// The trainer of the original sample.
pub const CLIENT: &str = "
apiVersion: git.iflytek.com/v1
kind: IflearnerJob
metadata: {name: iflearnerjob-client, namespace: default, uid: 5b6c2b1e-0000-4000-8000-000000000002, generation: 1}
spec:
  role: client
  host: job1.a.party.iflearner.com
  template:
    metadata:
      labels: {app: mine, team: a}
      annotations: {note: kept}
    spec:
      restartPolicy: Never
      containers:
      - name: iflearnerjob-client
        image: ghcr.io/iflytek/iflearner:v0.1.0
        imagePullPolicy: IfNotPresent
        workingDir: /iflearner/examples/homo/quickstart_pytorch
        args: [python, -u, quickstart_pytorch.py, --name=client1, --epochs=10]
      - name: second
        image: ghcr.io/iflytek/iflearner:v0.1.0
";

/// Parses a manifest.
pub fn job(yaml: &str) -> IflearnerJob {
    serde_yaml_ng::from_str(yaml).unwrap()
}
