#!/bin/bash
# Implements `make install`, `make deploy` and the other Kubernetes verbs of the Makefile: see
# `make help`.
#
#   tools/kube.sh manifests | install | uninstall | run [ARGUMENT…] | deploy IMG | undeploy | docker-build | docker-push
#
# The cluster is that of KUBECONFIG. deploy/images/build.sh builds images without a container
# engine; if an engine answers (ENGINE=docker, podman or buildah selects one), the images are
# loaded into it. BIN=FOLDER uses the programs in FOLDER in place of a build.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
cache=${FLOW_CACHE:-$repo/.cache}
manifests=deploy/kustomize
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
images=(flow-server flow-federate flow-operator)
target=${CARGO_TARGET_DIR:-target}
archives=$target/images
definition=crd/iflearnerjobs.git.iflytek.com

say() { echo "$*"; }
fail() {
    echo "kube: $*" >&2
    exit 1
}

kubectl=$(command -v kubectl || true)
if [ -z "$kubectl" ] && [ -x "$cache/kube/bin/kubectl" ]; then kubectl=$cache/kube/bin/kubectl; fi
kubectl() {
    [ -n "$kubectl" ] || fail "kubectl is missing; install it (https://kubernetes.io/docs/tasks/tools) or have it built: tools/setup-test.sh kube"
    command "$kubectl" "$@"
}
reach_cluster() {
    kubectl version > /dev/null 2>&1 || fail "no cluster answers; set KUBECONFIG to one, and see: kubectl version"
}

# Prints the first container engine whose daemon answers.
engine() {
    local candidate
    for candidate in ${ENGINE:-docker podman buildah}; do
        command -v "$candidate" > /dev/null || continue
        case $candidate in
            buildah) "$candidate" info > /dev/null 2>&1 || continue ;;
            *) timeout 10 "$candidate" info > /dev/null 2>&1 || continue ;;
        esac
        echo "$candidate"
        return
    done
    [ -z "${ENGINE:-}" ] || fail "$ENGINE does not answer: see $ENGINE info"
}

# reference NAME: prints the image reference REGISTRY/NAME:TAG; IMG replaces it for the operator,
# as in the original project.
reference() {
    if [ "$1" = flow-operator ] && [ -n "${IMG:-}" ]; then echo "$IMG"; return; fi
    echo "${REGISTRY:+$REGISTRY/}$1:${TAG:-$version}"
}

# operator ARGUMENT…: replaces this shell or subshell by flow-operator.
operator() {
    if [ -n "${BIN:-}" ]; then exec "$BIN/flow-operator" "$@"; fi
    # The selection of `make build`: another one would compile the dependencies again.
    "${CARGO:-cargo}" build --workspace --locked --bins --quiet || fail "the build failed; the compiler names the cause above"
    exec "$target/debug/flow-operator" "$@"
}

# manifest FILE ARGUMENT…: writes the output of the operator to FILE if it differs.
manifest() {
    local file=$manifests/$1 text
    text=$(operator "${@:2}")
    if [ "$text" != "$(cat "$file")" ]; then
        echo "$text" > "$file"
        say "wrote $file"
    fi
}

write_manifests() {
    manifest crd/iflearnerjobs.yaml crd
    manifest rbac/operator.yaml rbac
    manifest overlays/operator-namespaced/rbac.yaml rbac --namespaces hospital-a
}

install_definition() {
    reach_cluster
    kubectl apply --server-side -k "$manifests/crd"
    # kubectl fails while the object has no conditions; the accepted names are set together
    # with the first condition.
    kubectl wait --for=jsonpath='{.status.acceptedNames.kind}'=IflearnerJob --timeout=60s "$definition"
    kubectl wait --for=condition=Established --timeout=60s "$definition"
}

uninstall_definition() {
    reach_cluster
    local jobs
    if [ -z "$(kubectl get --ignore-not-found --output=name "$definition")" ]; then
        say "there is no definition of IflearnerJob in this cluster"
        return
    fi
    jobs=$(kubectl get iflearnerjobs --all-namespaces --output=name | wc -l)
    if [ "$jobs" != 0 ] && [ -z "${WITH_JOBS:-}" ]; then
        fail "$jobs IflearnerJobs would go with their definition; delete them first, or set WITH_JOBS=1 (kubectl get iflearnerjobs -A)"
    fi
    kubectl delete --ignore-not-found -k "$manifests/crd"
}

# deploy IMG: applies the operator, or the overlay OVERLAY of it, with the image IMG.
deploy() {
    local image=${1:-} name tag digest overlay=$manifests/${OVERLAY:+overlays/}${OVERLAY:-operator}
    [ -n "$image" ] || fail "IMG is missing; name an image that the cluster can pull: make deploy IMG=registry.example/flow-operator:$version"
    [ -d "$overlay" ] || fail "there is no $overlay; overlays: $(cd "$manifests/overlays" && echo operator-*)"
    case $image in
        *@*) name=${image%@*} digest=${image#*@} ;;
        */*:* | *:*)
            name=${image%:*} tag=${image##*:}
            case $tag in */*) name=$image tag=latest ;; esac # that colon was a registry's port
            ;;
        *) name=$image tag=latest ;;
    esac
    install_definition
    # The temporary kustomization lies beside the others, because it can only refer to
    # relative paths.
    local made
    made=$(mktemp -d "$manifests/.deploy.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$repo/$made'" EXIT
    cat > "$made/kustomization.yaml" << END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../${overlay#"$manifests/"}]
images: [{name: flow-operator, newName: "$name", ${digest:+digest: \"$digest\"}${tag:+newTag: \"$tag\"}}]
END
    kubectl apply --server-side -k "$made"
    kubectl --namespace flow-system rollout status deployment/flow-operator --timeout="${TIMEOUT:-120s}" || {
        kubectl --namespace flow-system logs deployment/flow-operator --tail=5 >&2 || true
        fail "the operator does not come up: kubectl -n flow-system describe pods"
    }
}

# Deletes the operator. The definition, IflearnerJobs and their Pods stay.
undeploy() {
    reach_cluster
    kubectl delete --ignore-not-found -k "$manifests/${OVERLAY:+overlays/}${OVERLAY:-operator}"
    if kubectl get "$definition" > /dev/null 2>&1; then
        say "the definition of IflearnerJob stays, and with it the jobs: make uninstall"
    fi
}

docker_build() {
    local engine name bin=${BIN:-$target/release}
    engine=$(engine)
    mkdir -p "$archives"
    for name in "${images[@]}"; do
        [ -x "$bin/${name}" ] || fail "$bin/$name is missing; build it with: cargo build --workspace --locked --release --bins"
        BIN=$bin deploy/images/build.sh "deploy/images/$name" "$archives/$name.tar" "$(reference "$name")"
        case $engine in
            docker | podman) "$engine" load --quiet --input "$archives/$name.tar" ;;
            buildah) "$engine" pull "docker-archive:$(realpath "$archives/$name.tar")" ;;
            *) say "$archives/$name.tar: $(reference "$name")" ;;
        esac
    done
    if [ -z "$engine" ]; then
        say "No container engine answers here: import these archives with docker load, podman load, skopeo copy or ctr images import."
    fi
}

docker_push() {
    local engine name
    [ -n "${REGISTRY:-}" ] || fail "REGISTRY is missing; name the registry to push to: make docker-build docker-push REGISTRY=registry.example/team"
    engine=$(engine)
    for name in "${images[@]}"; do
        [ -e "$archives/$name.tar" ] || fail "$archives/$name.tar is missing; make it with: make docker-build REGISTRY=$REGISTRY"
        if [ -n "$engine" ]; then
            "$engine" push "$(reference "$name")"
        elif command -v skopeo > /dev/null; then
            skopeo copy "docker-archive:$archives/$name.tar" "docker://$(reference "$name")"
        elif command -v crane > /dev/null; then
            crane push "$archives/$name.tar" "$(reference "$name")"
        else
            fail "no program to push with: install docker, podman, buildah, skopeo or crane"
        fi
    done
}

case ${1:-} in
    manifests) write_manifests ;;
    install | uninstall) "$1_definition" ;;
    run) operator "$@" ;;
    undeploy) undeploy ;;
    deploy) deploy "${2:-}" ;;
    docker-build) docker_build ;;
    docker-push) docker_push ;;
    *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
