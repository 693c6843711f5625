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
.PHONY: help quickstart build test setup-test check fmt generate bench clean

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: ## hub, two parties and a real federated training on this machine, in one command
	tools/quickstart.sh

build: ## all binaries, into target/debug (one profile for everything, dependencies optimised)
	$(CARGO) build --workspace --locked --bins

# The build comes first: it makes the programs that e2e tests start, and nothing Cargo starts for it counts as started by
# the tests.
test: setup-test build ## every test, on real databases and the real framework; fails if a process is left behind
	$(CARGO) test --workspace --locked --no-run
	tools/no-leftovers.sh $(CARGO) test --workspace --locked --no-fail-fast

setup-test: ## what the tests need: MariaDB, MySQL, Python with iflearner, data; cached in .cache/
	tools/setup-test.sh

check: ## formatting, lints, generated files, dependencies, scripts: what a change must pass besides `test`
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings -A clippy::unwrap_used
	$(CARGO) clippy --workspace --locked -- -D warnings
	$(CARGO) doc --workspace --locked --no-deps --quiet
	$(CARGO) test --workspace --locked --quiet is_up_to_date
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources; \
	 else echo "check: skipped cargo deny; to have it: cargo install --locked cargo-deny"; fi
	@if command -v shellcheck >/dev/null; then shellcheck tools/*.sh .ci/run; \
	 else echo "check: skipped shellcheck, which is not installed"; fi

fmt: ## format the Rust code
	$(CARGO) fmt --all

# A generated document is compared by a test called …_is_up_to_date, which writes it instead when UPDATE is set.
generate: ## write the generated documents again (docs/errors.md, docs/openapi.json)
	UPDATE=1 $(CARGO) test --workspace --locked --quiet is_up_to_date

bench: ## measure against the budgets and print one table
	$(CARGO) run --locked -p flow-e2e --bin bench

clean: ## remove what was built; the test kit's cache stays (rm -r .cache for that)
	$(CARGO) clean
