# Every command of the project. All that a machine needs is Python 3.11 or newer and make.

.DEFAULT_GOAL := help
.PHONY: help demo serve install test check browser interop fuzz faults bench diagrams guides migrations requirements clean

VENV := .venv
RUN := $(VENV)/bin/python -m
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

DEMO_ARGS ?=
SERVE_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
KILLS ?= 50
# Tests wait for sockets, disks and other processes: three workers on two cores are quicker than two, and than four.
WORKERS ?= 3

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where a machine tells Python to keep no bytecode, each of the many processes would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.run ## play five stories on the real service, shown on a page too, then keep serving (DEMO_ARGS=--exit ends it)
	@$(RUN) service demo $(DEMO_ARGS)

serve: $(VENV)/.run ## run the service on this machine (SERVE_ARGS="--port 8080")
	@$(RUN) service serve $(SERVE_ARGS)

install: $(VENV)/bin/peer-referral ## make .venv with the development tools and the command peer-referral

test: check install ## check, then run every test on SQLite and on PostgreSQL (TEST_ARGS="tests/store -k outbox")
	$(RUN) pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not browser and not interop" $(TEST_ARGS)

check: $(VENV)/.develop ## lint, formatting, types, import contracts and size limits
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy --num-workers 2
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) pytest -q tests/house/test_sizes.py tests/house/test_words.py

browser: install $(VENV)/.browser ## look at every page for people in headless Chromium, judged by axe
	$(RUN) pytest -m browser $(TEST_ARGS)

interop: install $(VENV)/.node ## speak with programs that others have written: node-hl7-client and -server, mllp_send, hl7, hl7apy, the calls of Gravity's client
	$(RUN) pytest tests/interop tests/hl7v2/test_receivers.py tests/journeys/test_gravity_client.py $(TEST_ARGS)

fuzz: install ## run the property tests in full, with a fresh seed
	$(RUN) pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=full $(TEST_ARGS)

faults: install ## kill -9 the service at random points and at every point of the stories, poll it while eight write, on both databases (KILLS=200 for more)
	PEER_REFERRAL_TEST_KILLS=$(KILLS) PEER_REFERRAL_TEST_SECONDS=20 $(RUN) pytest -s tests/faults tests/journeys/test_poller.py $(TEST_ARGS)

bench: install ## measure against a floor program in the same run; fails if a target is missed (BENCH_ARGS for a part)
	$(RUN) benchmarks $(BENCH_ARGS)

diagrams: $(VENV)/.develop ## write the state diagrams of docs/architecture.md and the scopes of docs/api.md anew
	$(RUN) tests.house.diagrams
	$(RUN) tests.house.scopes

guides: install ## play the guides of docs/ against the service, and write the answers into them anew
	$(RUN) tests.guides.play

migrations: install ## compare the migrations with the declared tables on both databases
	$(RUN) pytest tests/store/test_migrations.py

requirements: $(VENV)/.installer ## pin the dependencies of pyproject.toml anew (UPGRADE=--upgrade for newer versions)
	$(PIN) pyproject.toml --output-file requirements.txt
	$(PIN) pyproject.toml --extra develop --constraint requirements.txt --output-file requirements-develop.txt
	echo axe-playwright-python | $(PIN) - --constraint requirements-develop.txt --output-file requirements-browser.txt
	echo uv | $(PIN) - --output-file requirements-install.txt

clean: ## remove everything that these targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find service tests -name __pycache__ -type d -prune -exec rm -rf {} +

PIN = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make requirements" $(UPGRADE)

# uv fetches in parallel and compiles on every core, more than twice as quick as pip. Where it cannot be had, or only pip knows
# the way to the packages (a mirror in pip.conf), pip installs the same hash-checked list. The stamp is written last.
define install
	@rm -f $@
	@{ { $(VENV)/bin/uv pip install --python $(VENV)/bin/python --no-cache --compile-bytecode --require-hashes -r $< 2>&1 \
		|| $(RUN) pip install --require-hashes -r $<; } && touch $@; } | grep -v '^ [+~-] \|^ Downloaded\|^Resolved\|^Checked'; test -f $@
endef

$(VENV)/bin/python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed and none was found. Name one so: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "[1/3] Making $(VENV) with $$($(PYTHON) --version) (once; about half a minute in all)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installer: requirements-install.txt | $(VENV)/bin/python
	@echo "[2/3] Fetching the installer"
	@$(RUN) pip install --quiet --only-binary :all: --require-hashes -r $< || echo "      not to be had here; pip goes on alone"
	@touch $@

$(VENV)/.run: requirements.txt | $(VENV)/.installer
	@echo "[3/3] Installing the libraries, each checked against its hash"
	$(install)

$(VENV)/.develop: requirements-develop.txt | $(VENV)/.installer
	@echo "[3/3] Installing the libraries and the development tools, each checked against its hash"
	$(install)

$(VENV)/.browser: requirements-browser.txt | $(VENV)/.develop
	@echo "[3/3] Installing axe and the driver of a browser"
	$(install)

# Only what the lock file names, each checked against its hash, and nothing of it is run while it is installed.
$(VENV)/.node: tests/interop/node/package-lock.json | $(VENV)/bin/python
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo "make interop needs Node 20 or newer with npm (Debian: packages nodejs and npm)" >&2; exit 1; }
	@mkdir -p $(VENV)/node && cp tests/interop/node/package.json tests/interop/node/package-lock.json $(VENV)/node
	npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund
	@touch $@

$(VENV)/bin/peer-referral: pyproject.toml $(VENV)/.develop
	@$(RUN) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
