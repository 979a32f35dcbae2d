# What a contributor runs; `make` alone says what there is.

SHELL := bash
.NOTPARALLEL:

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# One more than there are processors: many tests wait for a server, a database or a browser.
THREADS := $(shell echo $$(($$(nproc) + 1)))
SNAPSHOTS_USED := $(abspath $(TARGET_DIR))/snapshots-used

.PHONY: help test tools fmt lint deny tests schedules snapshots chaos ha agreement doctests doc simulate mutations postgres clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

test: tools fmt lint deny tests snapshots doctests doc ## everything CI checks (installs what is missing)

tools: ## install what the checks need and this machine lacks
	@.ci/install-tools

fmt: ## is every file formatted?
	$(CARGO) fmt --all --check

lint: ## clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

deny: ## licences, sources and versions of what we depend on
	$(CARGO) deny --locked check --hide-inclusion-graph bans licenses sources
	@if timeout 20 git ls-remote -q https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; \
	then $(CARGO) deny --locked check advisories; \
	else echo 'NOT CHECKED: security advisories (the RustSec database cannot be reached from here)'; fi

tests: ## every test, on SQLite and PostgreSQL
	@mkdir -p $(dir $(SNAPSHOTS_USED)) && rm -f $(SNAPSHOTS_USED)
	INSTA_UPDATE=no INSTA_SNAPSHOT_REFERENCES_FILE=$(SNAPSHOTS_USED) \
	$(CARGO) nextest run --workspace --locked --test-threads $(THREADS)

schedules: ## hand-overs between threads, in many more orders than `make tests` tries (SCHEDULES=n)
	MEGURI_TEST_SCHEDULES=$(or $(SCHEDULES),50000) \
	$(CARGO) test -p meguri-log --lib --locked -- schedules

snapshots: tests # is every snapshot still used by a test? (insta wrote down which it read)
	@touch $(SNAPSHOTS_USED)
	@unused=$$(find . -name '*.snap' -not -path './target/*' -exec realpath {} + \
	  | sort -u | grep -vxFf <(xargs -r -d '\n' realpath -e < $(SNAPSHOTS_USED) | sort -u)); \
	if [ -n "$$unused" ]; then echo 'no test reads these snapshots; remove them:'; \
	echo "$$unused"; exit 1; fi

chaos: ## five minutes of writers on databases that fail, and the check of what they were told
	MEGURI_CHAOS_SECONDS=$(or $(SECONDS_OF_CHAOS),300) $(CARGO) nextest run -p meguri-chaos --locked --no-capture

ha: ## writers while the primary of a Patroni cluster is killed ten times (skipped where it is not installed)
	$(CARGO) build --quiet -p meguri-chaos --locked
	$(TARGET_DIR)/debug/meguri-chaos high-availability

agreement: ## 10,000 random programs against the model, SQLite and PostgreSQL
	MEGURI_AGREEMENT_PROGRAMS=$(or $(PROGRAMS),10000) $(CARGO) nextest run -p meguri-simulation --test agreement --locked --no-capture

doctests: ## every example in the documentation
	$(CARGO) test --workspace --doc --locked

doc: ## the documentation, warnings are errors
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

simulate: ## the simulation: SEEDS=n of them from FIRST=n on (WORLDS=kind), or SEED=n alone with all that happens
	@$(CARGO) run --quiet --locked --profile simulation -p meguri-simulation --bin simulate -- \
	$(or $(SEED),$(or $(FIRST),0) $(or $(SEEDS),1000) $(WORLDS))

mutations: ## bugs that are put in on purpose, and after how many seeds the simulation finds them
	@simulation/mutations/run

postgres: ## a throwaway PostgreSQL to try things on; prints its DATABASE_URL
	$(CARGO) run --quiet -p meguri-postgres-cluster

clean: ## remove what was built
	$(CARGO) clean
