# Every command of this repository. `make` alone explains them.
# Nothing but make and a Python 3.11 or newer (with its venv module) has to be on the machine.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# The first Python on the PATH that is new enough; PYTHON=... chooses another.
ifndef PYTHON
PYTHON := $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
endif
# Test processes. Two suit a laptop and a small CI machine; the broker is shared between them.
WORKERS ?= 2
PYTEST := $(PY) -m pytest -p tests.repo.kafka_ran
ARGS ?=

.PHONY: help dev run test test-registry check bench faults faults-kafka docs lock clean \
	check-format check-lint check-types check-imports check-planted check-docs

help: ## Show this list
	@printf 'connectkit: Kafka Connect for Python\n\n'
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'
	@printf '\nVariables: PYTHON=python3.12 (which Python makes the venv), WORKERS=2 (test processes),\n'
	@printf '           ARGS="-k csv" (handed to the command of run, test, faults and bench).\n'

# The checkout is installed in place, so entry points are seen; they change with pyproject.toml. Where
# there is a C compiler, this also compiles the Avro codec in place.
$(STAMP): requirements-dev.lock pyproject.toml setup.py connectkit/_version.py $(wildcard converters/avro/_codec*.[ch])
	@if [ -z "$(PYTHON)" ]; then \
		echo "connectkit needs Python 3.11 or newer; install one or say make PYTHON=/path/to/python3.12"; exit 1; fi
	@test -x $(PY) || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what requirements-dev.lock pins, and this checkout (a minute or two)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

dev: $(STAMP) ## Make .venv: the pinned tools and this checkout, installed in place

run: $(STAMP) ## Watch real data flow: file, transforms, topic, file (no broker needed)
	@$(PY) -m examples.airports $(ARGS)

test: $(STAMP) ## Run every test; those that need Kafka start one, or say loudly why they could not
	@$(PYTEST) -n $(WORKERS) --dist loadgroup $(ARGS)

test-registry: $(STAMP) ## Run the registry tests against the server that CONNECTKIT_TEST_REGISTRY names (or ours)
	@echo "schema registry: $${CONNECTKIT_TEST_REGISTRY:-the embedded one, over HTTP}"
	@$(PYTEST) tests/integration/test_registry_any.py -v $(ARGS)

check: check-format check-lint check-imports check-types check-planted check-docs ## Format, lint, layers, types, planted errors, stale docs
	@echo "make check: all clean"

check-format: $(STAMP)
	@$(VENV)/bin/ruff format --check --quiet . || { echo "formatting differs; run: $(VENV)/bin/ruff format"; exit 1; }

check-lint: $(STAMP)
	@$(VENV)/bin/ruff check --quiet .

check-imports: $(STAMP)
	@$(VENV)/bin/lint-imports --no-cache

check-types: $(STAMP)
	@$(VENV)/bin/mypy
	@$(VENV)/bin/pyright

check-planted: $(STAMP)
	@$(PY) -m tools.planted_errors

check-docs: $(STAMP)
	@$(PY) -m tools.docs --check

bench: $(STAMP) ## Measure against a bare client loop and the Java worker, side by side in one run
	@$(PY) -m benchmarks $(ARGS)

faults: $(STAMP) ## Kill, starve and refuse workers on every log that needs no Java; a verdict a line (8 minutes)
	@$(PY) -m tests.faults.rig quick $(ARGS)

faults-kafka: $(STAMP) ## The same on real Kafka, with brokers that die (15 minutes; needs Java and Maven)
	@$(PY) -m tests.faults.rig kafka --strict $(ARGS)

docs: $(STAMP) ## Write docs/reference again from the code
	@$(PY) -m tools.docs

lock: $(STAMP) ## Pin the newest versions that pyproject.toml allows
	@$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" \
		--extra dev pyproject.toml --output-file requirements-dev.lock

clean: ## Remove what the tools and the examples left behind (.venv stays)
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage \
		connectkit-data run-data
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
