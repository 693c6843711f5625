# Every verb works in a fresh clone, and names the command that installs a missing program.

CARGO ?= cargo
# Use the installed stable toolchain if it has the pinned version and the pinned name cannot be
# fetched.
pinned := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
ifneq ($(shell $(CARGO) --version >/dev/null 2>&1 && echo yes),yes)
ifneq ($(findstring $(pinned),$(shell RUSTUP_TOOLCHAIN=stable $(CARGO) --version 2>/dev/null)),)
export RUSTUP_TOOLCHAIN := stable
endif
endif
.DEFAULT_GOAL := help
.PHONY: help quickstart console deb dist build test test-quick test-kubernetes test-long setup-test check hooks fmt generate bench clean
.PHONY: manifests install uninstall run deploy undeploy docker-build docker-push kube-quickstart

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: ## hub, two parties and a real federated training on this machine, in one command
	tools/quickstart.sh

console: ## build the web console (Node.js), which programs that are built afterwards contain
	tools/setup-test.sh console

# Cargo unites the features of the selected packages. Every build selects the same packages
# (--workspace --bins, also in tools/ and in e2e/src/binaries.rs): another selection compiles the
# dependencies again with other features.
build: ## all binaries, into target/debug (one profile for tests and quickstarts, dependencies optimised)
	$(CARGO) build --workspace --locked --bins

# Tests mostly wait for processes, databases and a cluster: run twice as many at once as there are
# processors.
export RUST_TEST_THREADS ?= $(shell expr 2 '*' "$$(nproc)")

# The build comes first: e2e tests start these programs, and no-leftovers.sh must not count
# processes of the compiler.
test: setup-test build ## every test, on real databases and the real framework; fails if a process is left behind
	$(CARGO) test --workspace --locked --no-run
	tools/no-leftovers.sh $(CARGO) test --workspace --locked --no-fail-fast

# No database server, no cluster, no Python environment. The slowest test, the model check, is last.
quick_tests := framework policy run_properties run_table spec validate reconcile_rules api commands openapi documents
test-quick: ## before each commit: language, units, rules, API, SQLite and model check, under three minutes once built
	tools/check-language.sh
	$(CARGO) test --workspace --locked --quiet --lib $(quick_tests:%=--test %) -- --skip migrate_waits
	$(CARGO) test --workspace --locked --quiet --test store_contract -- sqlite
	$(CARGO) test --workspace --locked --quiet --test model_check

kube_tests := cluster setup renewal samples generated kubernetes kube_verbs quickstart native_sidecar kube kube_leftovers kube_node
test-kubernetes: setup-test build ## the tests that need Kubernetes; they start a test cluster
	tools/no-leftovers.sh $(CARGO) test --workspace --locked --no-fail-fast $(kube_tests:%=--test %)

# These tests use the default limits in place of small ones (flow_testkit::sized).
long_tests := attacks health
test-long: build ## attacks and loads at the default limits, minutes
	FLOW_TEST_LONG=1 tools/no-leftovers.sh $(CARGO) test --workspace --locked --no-fail-fast $(long_tests:%=--test %)

setup-test: ## install for the tests: MariaDB, MySQL, Python with iflearner, data, schemathesis, oasdiff, an OpenID provider; cached in .cache/
	tools/setup-test.sh

check: ## formatting, scripts, lints, generated files, dependencies; a change must pass `check` and `test`
	@$(CARGO) deny --version >/dev/null || { echo "check: cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	@command -v shellcheck >/dev/null || { echo "check: shellcheck is missing: apt-get install shellcheck" >&2; exit 1; }
	$(CARGO) fmt --all --check
	tools/check-language.sh --self-test
	tools/check-language.sh
	shellcheck tools/*.sh console/*.sh .ci/run deploy/images/*.sh deploy/images/*/*.sh deploy/packages/*.sh
	$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings -A clippy::unwrap_used
	$(CARGO) clippy --workspace --locked -- -D warnings
	$(CARGO) doc --workspace --locked --no-deps --quiet
	$(CARGO) test --workspace --locked --quiet is_up_to_date

hooks: ## install a Git pre-commit hook: formatting, language and shellcheck of changed files, a few seconds
	tools/pre-commit.sh install

fmt: ## format the Rust code
	$(CARGO) fmt --all

# A test named …_is_up_to_date compares each generated file with its source; with UPDATE=1 the
# test writes the file.
generate: ## write the generated documents again (docs/errors.md, docs/openapi.json)
	UPDATE=1 $(CARGO) test --workspace --locked --quiet is_up_to_date

comma := ,
bench: ## measure a release build against the budgets and print one table; ONLY=start,lists selects benches
	$(CARGO) build --workspace --locked --release --bins
	$${CARGO_TARGET_DIR:-target}/release/bench $(subst $(comma), ,$(ONLY))

programs := --bin flow-server --bin flow-federate --bin flow-operator --bin flowctl
deb: ## Debian packages of hub, agent, operator and flowctl, into target/packages; BIN=FOLDER uses the programs there
	@[ -n "$(BIN)" ] || { tools/setup-test.sh console && $(CARGO) build --workspace --locked --release $(programs); }
	tools/package.sh deb "$(or $(BIN),$${CARGO_TARGET_DIR:-target}/release)" target/packages

# The programs are linked against an old glibc by zig, which comes from PyPI.
dist_target := $(shell uname -m)-unknown-linux-gnu
dist: ## tarballs for every Linux with glibc 2.17 or newer, an SBOM and checksums, into target/dist
	tools/setup-test.sh console zig
	PATH="$(or $(FLOW_CACHE),$(CURDIR)/.cache)/zig/bin:$$PATH" $(CARGO) zigbuild --workspace --locked --release $(programs) --target $(dist_target).2.17
	tools/package.sh dist "$${CARGO_TARGET_DIR:-target}/$(dist_target)/release" target/dist

clean: ## remove target/; the cache of the test kit stays (rm -r .cache removes it)
	$(CARGO) clean

# ---- Kubernetes: the cluster of KUBECONFIG, step by step in docs/kubernetes.md. BIN=FOLDER uses the programs in FOLDER
# in place of a build. ----

kube-quickstart: ## everything on Kubernetes on this machine, in one command (root)
	tools/kube-quickstart.sh

manifests: ## write the generated manifests again: the definition of IflearnerJob and the operator's rights
	CARGO="$(CARGO)" tools/kube.sh manifests

install: ## install the definition of IflearnerJob in the cluster
	tools/kube.sh install

uninstall: ## delete the definition; refused while there are IflearnerJobs, unless WITH_JOBS=1
	tools/kube.sh uninstall

# exec: a shell in between would not forward signals.
run: ## run the operator on this machine with your kubeconfig; ARGS="--set log.level=debug" adds arguments
	exec env CARGO="$(CARGO)" tools/kube.sh run $(ARGS)

deploy: ## install the definition and run the operator in the cluster: IMG=registry.example/flow-operator:TAG [OVERLAY=operator-gateway]
	tools/kube.sh deploy "$(IMG)"

undeploy: ## delete the operator from the cluster; definition and jobs stay
	tools/kube.sh undeploy

docker-build: ## images of flow-server, flow-federate, flow-operator: [REGISTRY=registry.example/team] [TAG=…]; archives if no container engine is available
	@[ -n "$(BIN)" ] || { tools/setup-test.sh console && $(CARGO) build --workspace --locked --release --bins; }
	tools/kube.sh docker-build

docker-push: ## push them to REGISTRY, with docker, podman, buildah, skopeo or crane
	tools/kube.sh docker-push
