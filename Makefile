# The front door. Every verb works in a fresh clone; what it needs besides Cargo it says in one sentence.

CARGO ?= cargo
# Where the pinned toolchain is not installed under its own name and cannot be fetched, a stable one of the same version is it.
pinned := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
ifneq ($(shell $(CARGO) --version >/dev/null 2>&1 && echo yes),yes)
ifneq ($(findstring $(pinned),$(shell RUSTUP_TOOLCHAIN=stable $(CARGO) --version 2>/dev/null)),)
export RUSTUP_TOOLCHAIN := stable
endif
endif
.DEFAULT_GOAL := help
.PHONY: help quickstart build test test-kubernetes test-long setup-test check fmt generate bench clean
.PHONY: manifests install uninstall run deploy undeploy docker-build docker-push kube-quickstart

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: ## hub, two parties and a real federated training on this machine, in one command
	tools/quickstart.sh

build: ## all binaries, into target/debug (one profile for tests and quickstarts, dependencies optimised)
	$(CARGO) build --workspace --locked --bins

# The tests wait more than they compute: for processes, databases, a cluster. So twice as many at once as there are
# processors.
export RUST_TEST_THREADS ?= $(shell expr 2 '*' "$$(nproc)")

# The build comes first: it makes the programs that e2e tests start, and nothing Cargo starts for it counts as started by
# the tests.
test: setup-test build ## every test, on real databases and the real framework; fails if a process is left behind
	$(CARGO) test --workspace --locked --no-run
	tools/no-leftovers.sh $(CARGO) test --workspace --locked --no-fail-fast

kube_tests := cluster setup renewal samples generated kubernetes kube_verbs quickstart native_sidecar kube kube_leftovers kube_node
test-kubernetes: setup-test build ## of these, the ones that need a Kubernetes, which they start themselves
	tools/no-leftovers.sh $(CARGO) test --workspace --locked --no-fail-fast $(kube_tests:%=--test %)

# Tests that take the numbers of the defaults in place of small ones (flow_testkit::sized): flow-CRATE:TEST.
long_tests := flow-server:attacks flow-federate:health
test-long: build ## attacks and loads with the numbers that the defaults allow, minutes
	for test in $(long_tests); do \
		FLOW_TEST_LONG=1 tools/no-leftovers.sh $(CARGO) test --locked -p $${test%:*} --test $${test#*:} || exit 1; \
	done

setup-test: ## what the tests need: MariaDB, MySQL, Python with iflearner, data, schemathesis; cached in .cache/
	tools/setup-test.sh

check: ## formatting, lints, generated files, dependencies, scripts: what a change must pass besides `test`
	@$(CARGO) deny --version >/dev/null || { echo "check: needs cargo-deny: cargo install --locked cargo-deny" >&2; exit 1; }
	@command -v shellcheck >/dev/null || { echo "check: needs shellcheck: apt-get install shellcheck" >&2; exit 1; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings -A clippy::unwrap_used
	$(CARGO) clippy --workspace --locked -- -D warnings
	$(CARGO) doc --workspace --locked --no-deps --quiet
	$(CARGO) test --workspace --locked --quiet is_up_to_date
	$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources
	shellcheck tools/*.sh .ci/run deploy/images/*.sh deploy/images/*/*.sh

fmt: ## format the Rust code
	$(CARGO) fmt --all

# A generated document is compared by a test called …_is_up_to_date, which writes it instead when UPDATE is set.
generate: ## write the generated documents again (docs/errors.md, docs/openapi.json)
	UPDATE=1 $(CARGO) test --workspace --locked --quiet is_up_to_date

comma := ,
bench: ## measure what ships (a release build) against the budgets and print one table; ONLY=start,lists for some of them
	$(CARGO) build --workspace --locked --release --bins
	$${CARGO_TARGET_DIR:-target}/release/bench $(subst $(comma), ,$(ONLY))

clean: ## remove what was built; the test kit's cache stays (rm -r .cache for that)
	$(CARGO) clean

# ---- Kubernetes: the cluster of KUBECONFIG. docs/kubernetes.md leads through these. BIN=FOLDER takes programs from there,
# in place of a build. ----

kube-quickstart: ## everything on Kubernetes on this machine, in one command (root)
	tools/kube-quickstart.sh

manifests: ## write the generated manifests again: the definition of IflearnerJob and the operator's rights
	CARGO="$(CARGO)" tools/kube.sh manifests

install: ## put the definition of IflearnerJob into the cluster
	tools/kube.sh install

uninstall: ## take the definition away again; refused while there are IflearnerJobs, unless WITH_JOBS=1
	tools/kube.sh uninstall

# No shell stays in between, which would keep a signal to itself.
run: ## run the operator here, outside of the cluster, with your own kubeconfig; ARGS="--set log.level=debug" for more
	exec env CARGO="$(CARGO)" tools/kube.sh run $(ARGS)

deploy: ## install, and run the operator in the cluster: IMG=registry.example/flow-operator:TAG [OVERLAY=operator-gateway]
	tools/kube.sh deploy "$(IMG)"

undeploy: ## take the operator out of the cluster; definition and jobs stay
	tools/kube.sh undeploy

docker-build: ## images of flow-server, flow-federate, flow-operator: [REGISTRY=registry.example/team] [TAG=…]; without an engine as archives
	@[ -n "$(BIN)" ] || $(CARGO) build --locked --release -p flow-server -p flow-federate -p flowctl -p flow-operator
	tools/kube.sh docker-build

docker-push: ## push them to REGISTRY, with docker, podman, buildah, skopeo or crane
	tools/kube.sh docker-push
