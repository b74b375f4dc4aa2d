# Everything a person or CI does here. It needs python3 (3.11 or newer) and make; the rest comes from the hash-pinned locks.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --require-hashes --only-binary :all: --requirement
EDITABLE := $(PIP) install --no-deps --no-build-isolation --editable .
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
PLATFORM := import sys, sysconfig as s; print("cp%d%d-%s" % (*sys.version_info[:2], s.get_platform().replace("-", "_")))
PYTEST_ARGS ?= -n 3 --dist worksteal
LOCK_ARGS ?= --upgrade
MESSAGES ?= 100000
QUICK := benchmarks benchmarks.delivering
# One that misses what was asked of it does not keep the others from being measured; the tables drawn from theirs come last.
measure = @missed=0; for each in $(1); do $(BIN)/python -m $$each --write || missed=1; done; $(BIN)/python -m tests.test_docs && exit $$missed
FUZZED := tests/protocol tests/kinds tests/cadence tests/federation/test_channel_machine.py tests/exchanges/test_machine.py \
	$(wildcard tests/exchanges/*/test_rules.py tests/exchanges/*/test_machine.py)

# Compiled once, not anew in each of the hundreds of processes of a test run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test lint types floors tests contracts fuzz mutants bench bench-full bench-check soak wheelhouse lock migration vendor screenshots clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: .venv/.runtime ## Make .venv with what ecolink needs to run; the command is .venv/bin/ecolink

setup-dev: .venv/.dev ## The same, with what the tests need as well

demo: setup ## Start two nodes on this machine and play the fictional events between them
	$(BIN)/ecolink demo

test: lint types floors tests contracts ## Check everything: style, types, import rules, the suite on both databases, API contracts

lint: setup-dev ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup-dev ## Check types
	$(BIN)/mypy

floors: setup-dev ## Check who imports whom
	$(BIN)/lint-imports --no-logo

tests: setup-dev ## Run the suite on SQLite and on a PostgreSQL that it starts itself
	$(BIN)/pytest $(PYTEST_ARGS)

contracts: setup-dev ## Compare openapi/ and docs/authorization.md with what the code serves
	$(BIN)/python -m ecolink.web.openapi --check
	$(BIN)/python -m ecolink.console.authorization --check
	$(BIN)/python -m ecolink.protocol.kinds --check

fuzz: setup-dev ## Look for what the suite misses: the pure core and the channel, with other examples each time (half an hour)
	$(BIN)/pytest --hypothesis-profile deep --timeout 0 $(FUZZED)

mutants: build/mutants/.ready ## Change the pure core in thousands of small ways; a change no test notices is told (two to three hours; goes on where it stopped)
	build/mutants/bin/mutmut run
	build/mutants/bin/mutmut results

bench: setup-dev ## Measure receiving, beside the naive baseline and two TAXII servers, and delivery between two nodes; into docs/performance.md
	$(call measure,$(QUICK))

bench-full: setup-dev ## The same, and a million statements, a hub with 2,800 peers, workers on PostgreSQL, a million obligations, 500 consoles
	$(call measure,$(QUICK) benchmarks.growth benchmarks.workers benchmarks.hub benchmarks.cadence benchmarks.watching benchmarks.console)

bench-check: setup-dev ## Measure receiving again, and fail where a ratio was not measured or is well below docs/performance.md
	$(BIN)/python -m benchmarks --check

soak: setup-dev ## Three nodes under load on bad lines, killed, rekeyed, out of time; then check all books (SEED=, MESSAGES=)
	$(BIN)/python -m tests.soak --messages $(MESSAGES) $(if $(SEED),--seed $(SEED))

wheelhouse: setup ## Put all that an installation without a network needs into one file in dist/, for this kind of machine and Python
	@set -eu; \
	version=$$($(BIN)/ecolink --version | cut -d ' ' -f 2); platform=$$($(BIN)/python -c '$(PLATFORM)'); \
	name=ecolink-$$version-$$platform; house=dist/$$name; \
	rm -rf "$$house" && mkdir -p "$$house"; \
	$(PIP) download --require-hashes --only-binary :all: --requirement requirements.lock --dest "$$house/wheels"; \
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir "$$house/wheels" .; \
	cp LICENSE deploy/*.sh deploy/*.service deploy/*.timer "$$house"; \
	echo "$$platform" > "$$house/PLATFORM"; \
	(cd "$$house" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum > SHA256SUMS); \
	tar -C dist -czf "dist/$$name.tar.gz" "$$name"; \
	sha256sum "dist/$$name.tar.gz"

lock: ## Choose the newest versions of every dependency and pin them by hash (LOCK_ARGS="--upgrade-package NAME": of one)
	tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT \
	&& $(PYTHON) -m venv "$$tools" && "$$tools/bin/pip" --disable-pip-version-check --quiet install uv \
	&& PATH="$$tools/bin:$$PATH" \
	&& $(COMPILE) $(LOCK_ARGS) --extra build --output-file requirements.lock pyproject.toml \
	&& $(COMPILE) $(LOCK_ARGS) --extra build --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml \
	&& $(COMPILE) $(LOCK_ARGS) --extra build --extra dev --extra mutants --constraint requirements-dev.lock --output-file requirements-mutants.lock pyproject.toml

migration: setup-dev ## Write the migration that leads from the last one to the tables as they are: make migration m="add stations"
	@test -n "$(m)" || { echo 'Say what it does: make migration m="add stations"' >&2; exit 2; }
	$(BIN)/python scripts/new_migration.py "$(m)"
	@$(BIN)/ruff format --quiet migrations

vendor: setup-dev ## Fetch again the scripts and styles of other people that pages use (scripts/vendored.json)
	$(BIN)/python scripts/vendor.py

screenshots: setup-dev ## Play the demo and take a picture of every page into build/screenshots: desk, phone and paper, light and dark, both languages
	$(BIN)/python -m tests.browser.screenshots

clean: ## Remove what these commands made, the virtual environment too
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist mutants

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo 'ecolink needs Python 3.11 or newer; name one: make PYTHON=python3.13 $(MAKECMDGOALS)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	|| { echo 'This Python cannot make virtual environments; on Debian: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The stamps make a second run instant and keep it off the network.
.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	$(INSTALL) requirements.lock
	$(EDITABLE)
	@touch $@

.venv/.dev: requirements-dev.lock requirements.lock pyproject.toml | .venv/bin/python
	$(INSTALL) requirements-dev.lock
	$(EDITABLE)
	@touch $@ .venv/.runtime

# Its own environment: what changes the code stays out of the one that runs it.
build/mutants/.ready: requirements-mutants.lock | .venv/bin/python
	$(PYTHON) -m venv build/mutants
	build/mutants/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes --only-binary :all: --requirement $<
	@touch $@
