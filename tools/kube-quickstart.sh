#!/bin/bash
# The whole platform on Kubernetes on this machine, in one command: a cluster with one node, the
# operator, a hub, three agents in separate namespaces, and a real federated training as
# IflearnerJobs. Needs root.
#
#   tools/kube-quickstart.sh           builds, trains, prints the result, leaves nothing running
#   KEEP=1 tools/kube-quickstart.sh    leaves the cluster up to try things with
#   tools/kube-quickstart.sh stop      ends the cluster that KEEP=1 left running
#
# The script starts its own cluster (testkit/src/kube) and never touches the cluster of your
# KUBECONFIG. It writes to kube-quickstart.run/, which is new each time, and to .cache/ only.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
state=$repo/kube-quickstart.run
cache=${FLOW_CACHE:-$repo/.cache}
target=${CARGO_TARGET_DIR:-$repo/target}
bin=${BIN:-$target/debug}
export KUBECONFIG=$state/kubeconfig PATH=$cache/kube/bin:$PATH
parties=(hospital-a hospital-b)
# The hub's own agent has another namespace than the hub: an account that may create Pods can read
# the namespace's Secrets.
namespace_of() { if [ "$1" = hub ]; then echo aggregators; else echo "$1"; fi; }
nobody=65532 # the user of all processes in our images

say() { echo "kube-quickstart: $*"; }
# fail SENTENCE [LOG]: reports an error with the end of the log that shows its cause.
fail() {
    echo >&2
    if [ -s "${2:-}" ]; then
        { echo "---- last lines of ${2#"$repo"/}"; tail -n 20 "$2"; echo ----; } >&2
    fi
    echo "kube-quickstart: $1" >&2
    exit 1
}

# Prints the pid of the kube-testbed that works on our directory, if there is one.
testbed() {
    local pid
    pid=$(cat "$state/testbed.pid" 2> /dev/null) || return 0
    if { tr '\0' ' ' < "/proc/$pid/cmdline"; } 2> /dev/null | grep -qF "kube-testbed up $state "; then echo "$pid"; fi
}
stop_all() {
    local pid deadline=$((SECONDS + 60))
    pid=$(testbed)
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2> /dev/null || true
    while [ -n "$(testbed)" ]; do
        [ "$SECONDS" -lt "$deadline" ] || { kill -KILL "$pid"; break; }
        sleep 0.1
    done
}

case ${1:-} in
    "") ;;
    stop) stop_all; say "nothing is running"; exit 0 ;;
    *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

# ---- requirements ----------------------------------------------------------------------------------------------------

command -v cargo > /dev/null || fail "Rust is missing; install it with the command on https://rustup.rs"
[ "$(id -u)" = 0 ] || fail "pods need namespaces, control groups and packet filters: run it as root, e.g. sudo -E make kube-quickstart"
[ -z "$(testbed)" ] || fail "an earlier quickstart is still up; end it with: tools/kube-quickstart.sh stop"
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free" -ge 12 ] || fail "this disk has $free GiB free; 12 are needed for the build, Kubernetes and images: free some space"

tools/setup-test.sh machine venv digits kube kube-node
# Keep the results of an earlier quickstart: rename its folder, and delete only the images, which
# are built again.
if [ -n "$(ls -A "$state" 2> /dev/null)" ]; then
    before=$state.$(date +%Y%m%dT%H%M%S)
    mv "$state" "$before"
    rm -rf "$before/images"
    say "the results of the earlier quickstart are in $before now; remove the folder when you no longer need it"
fi
mkdir -p "$state"/{images,manifests}

clean_up() {
    trap - EXIT
    trap '' INT TERM
    [ -z "$(testbed)" ] || say "stopping the cluster"
    stop_all
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- programs and images ----------------------------------------------------------------------------------------------

SECONDS=0
if [ -z "${BIN:-}" ]; then
    say "building the web console and the programs"
    tools/setup-test.sh console
    # The selection of `make build`: another one would compile the dependencies again.
    cargo build --workspace --locked --bins \
        || fail "the build failed; the compiler names the cause above"
fi
say "building their images"
names=(flow-server flow-federate flow-operator iflearner-digits)
archives=()
for name in "${names[@]}"; do
    BIN=$bin deploy/images/build.sh "deploy/images/$name" "$state/images/$name.tar" "flow.test/$name:quickstart" \
        || fail "the image of $name could not be built"
    archives+=(--image "$state/images/$name.tar")
done
build_s=$SECONDS

# ---- a cluster --------------------------------------------------------------------------------------------------------

SECONDS=0
say "starting Kubernetes with one node"
setsid "$bin/kube-testbed" up "$state" --nodes 1 "${archives[@]}" > "$state/testbed.log" 2>&1 < /dev/null &
echo $! > "$state/testbed.pid"
until [ -e "$KUBECONFIG" ]; do
    kill -0 $! 2> /dev/null || fail "the cluster did not start" "$state/testbed.log"
    [ "$SECONDS" -lt 300 ] || fail "the cluster does not come up" "$state/testbed.log"
    sleep 0.2
done
cluster_s=$SECONDS

# ---- operator, certificates, hub, agents: the steps of docs/kubernetes.md ---------------------------------------------

SECONDS=0
tools/kube.sh deploy flow.test/flow-operator:quickstart > "$state/deploy.log" 2>&1 \
    || fail "the operator could not be deployed" "$state/deploy.log"
say "the operator is up"

for namespace in hub aggregators "${parties[@]}"; do kubectl create namespace "$namespace" > /dev/null; done
"$bin/flow-operator" setup certificates --hub --party aggregators=server.flow.test \
    --party hospital-a=a.party.flow.test --party hospital-b=b.party.flow.test > "$state/certificates.log" \
    || fail "the certificates could not be made" "$state/certificates.log"

# volume NAMESPACE CLAIM: binds a directory of the node, which is this machine, to the claim. This
# cluster has no provisioner.
volume() {
    local folder=$state/volumes/$1/$2
    mkdir -p "$folder"
    chown "$nobody:$nobody" "$folder"
    kubectl apply -f - > /dev/null << END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1-$2}
spec:
  capacity: {storage: 20Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  claimRef: {namespace: $1, name: $2}
  hostPath: {path: $folder, type: Directory}
END
}
volume hub flow-server
for namespace in aggregators "${parties[@]}"; do volume "$namespace" flow-federate; done
for party in "${parties[@]}"; do
    # A party holds its own rows and the test set, which both parties may see.
    volume "$party" digits
    install -o "$nobody" -g "$nobody" -m 0444 "$cache/digits/test.npz" "$state/volumes/$party/digits"
done
install -o "$nobody" -g "$nobody" -m 0444 "$cache/digits/party-a.npz" "$state/volumes/hospital-a/digits/hospital-a.npz"
install -o "$nobody" -g "$nobody" -m 0444 "$cache/digits/party-b.npz" "$state/volumes/hospital-b/digits/hospital-b.npz"
for party in "${parties[@]}"; do
    kubectl apply -f - > /dev/null << END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: digits, namespace: $party}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", resources: {requests: {storage: 1Gi}}}
END
done

mkdir -p "$state/manifests/hub-server"
cat > "$state/manifests/hub-server/kustomization.yaml" << 'END'
resources: [../../../deploy/kustomize/server]
images: [{name: flow-server, newName: flow.test/flow-server, newTag: quickstart}]
END
kubectl apply --server-side -k "$state/manifests/hub-server" > "$state/hub.log"
kubectl -n hub rollout status deployment/flow-server --timeout=180s > /dev/null 2>&1 || {
    kubectl -n hub describe pods > "$state/hub.log" 2>&1 || true
    kubectl -n hub logs deployment/flow-server >> "$state/hub.log" 2>&1 || true
    fail "the hub does not come up" "$state/hub.log"
}
flowctl() { kubectl -n hub exec -i deploy/flow-server -- flowctl "$@"; }
flowctl whoami < /dev/null > "$state/setup.log" 2>&1 \
    || flowctl setup --name quickstart < /dev/null > "$state/setup.log" 2>&1 \
    || fail "could not create the first account" "$state/setup.log"
say "the hub is up"

for party in hub "${parties[@]}"; do
    namespace=$(namespace_of "$party")
    flowctl party add "$party" --remark "made by the quickstart" --print-secret < /dev/null 2> "$state/party.log" \
        | "$bin/flow-operator" setup secrets -n "$namespace" --agent - > /dev/null || fail "could not add $party" "$state/party.log"
    overlay=$state/manifests/$party
    mkdir -p "$overlay"
    cat > "$overlay/kustomization.yaml" << END
namespace: $namespace
resources: [../../../deploy/kustomize/agent]
images: [{name: flow-federate, newName: flow.test/flow-federate, newTag: quickstart}]
configMapGenerator: [{name: flow-federate, behavior: replace, files: [agent.toml]}]
END
    cat > "$overlay/agent.toml" << END
party = "$party"
data_dir = "/var/lib/flow/agent"
runtime = "kubernetes"
[hub]
address = "https://flow-server.hub.svc.cluster.local:1234"
secret_file = "/etc/flow/secret/secret"
ca_file = "/etc/flow/authority/ca.crt"
[kubernetes]
sidecar_image = "flow.test/flow-federate:quickstart"
[images."iflearner-digits"]
container = "flow.test/iflearner-digits:quickstart"
root = "/opt/iflearner-digits"
allow = true
[datasets.digits]
claim = "digits"
END
    kubectl apply --server-side -k "$overlay" > /dev/null
done
for party in hub "${parties[@]}"; do
    namespace=$(namespace_of "$party")
    kubectl -n "$namespace" rollout status deployment/flow-federate --timeout=180s > /dev/null 2>&1 || {
        kubectl -n "$namespace" describe pods > "$state/$party.log" 2>&1 || true
        kubectl -n "$namespace" logs deployment/flow-federate >> "$state/$party.log" 2>&1 || true
        fail "the agent of $party does not come up" "$state/$party.log"
    }
done
until [ "$(flowctl party list -o json < /dev/null | grep -c '"state": *"connected"')" -ge 3 ]; do
    if [ "$SECONDS" -ge 300 ]; then
        flowctl party list < /dev/null > "$state/parties.log" 2>&1 || true
        fail "not all agents connect" "$state/parties.log"
    fi
    sleep 0.5
done
say "three agents are connected: hub, ${parties[0]} and ${parties[1]}; each sees its own namespace only"
deploy_s=$SECONDS

# ---- training ---------------------------------------------------------------------------------------------------------

SECONDS=0
flowctl apply -f - < workloads/iflearner-digits/template.yaml
sed -e 's/party-a/hospital-a/; s/party-b/hospital-b/' workloads/iflearner-digits/task.yaml > "$state/task.yaml"
code=0
flowctl task submit - < "$state/task.yaml" || code=$?
if [ "$code" = 0 ]; then
    # The IflearnerJobs exist while the run is active.
    until [ "$(kubectl get iflearnerjobs --all-namespaces --no-headers 2> /dev/null | wc -l)" = 3 ] || [ "$SECONDS" -ge 30 ]; do sleep 0.2; done
    kubectl get iflearnerjobs --all-namespaces
    # On a terminal progress is drawn; elsewhere each change is a line.
    if [ -t 1 ]; then kubectl -n hub exec -it deploy/flow-server -- flowctl task watch digits || code=$?
    else flowctl task watch digits < /dev/null || code=$?
    fi
fi
if [ "$code" != 0 ]; then
    {
        kubectl get iflearnerjobs -A -o wide
        kubectl get events -A --field-selector type=Warning
        for party in hub "${parties[@]}"; do
            echo "---- the workload at $party"
            flowctl logs --tail 20 digits "$party" < /dev/null
        done
    } > "$state/failure.log" 2>&1 || true
    fail "the training did not succeed (flowctl: $code)" "$state/failure.log"
fi
train_s=$SECONDS

# ---- result --------------------------------------------------------------------------------------------------

flowctl run get digits -o json < /dev/null > "$state/run.json"
shared=$("$cache/venv/bin/python" - "$state/run.json" << 'END'
import json, sys
run = json.load(open(sys.argv[1]))
found = [m["progress"]["metrics"].get("global/acc") for m in run["members"] if m["role"] == "trainer" and m.get("progress")]
print("%.4f" % min(found) if found and None not in found else "")
END
)
[ -n "$shared" ] || fail "the run shows no accuracy of the shared model; see run.json" "$state/run.json"

cat << END

  accuracy on 449 images that no party trained with: $shared

$("$bin/flow-operator" setup status || true)

  time    build and images $build_s s, cluster $cluster_s s, deploy $deploy_s s, training $train_s s

END

if [ -n "${KEEP:-}" ]; then
    trap - EXIT
    cat << END
  The cluster is up. Try, in this shell:

    export KUBECONFIG=${KUBECONFIG#"$repo"/} PATH=\$PATH:${cache#"$repo"/}/kube/bin:${bin#"$repo"/}
    kubectl -n hub exec -it deploy/flow-server -- flowctl task start digits --watch
    kubectl get iflearnerjobs -A                    # meanwhile, from another terminal
    flow-operator setup status

  docs/kubernetes.md explains each part. End it all with: tools/kube-quickstart.sh stop
END
fi
