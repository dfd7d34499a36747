# Unship: `make demo` shows it, `make test` checks it. Both need only python3 (3.11 or newer, with venv) and git.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo run test ready-to-test lint format schema benchmarks lock audit sbom clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
READY := $(VENV)/.ready
CODE := server schema resolvers rollback pipelines db providers sandbox demo tests benchmarks
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The tests start many server processes, and compiled modules halve the time of each start.
unexport PYTHONDONTWRITEBYTECODE

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

# The lock file's checksum decides whether the environment is up to date, so a second call costs nothing.
$(READY): requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) was not found; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: this Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-input --require-hashes -r requirements-dev.txt
	@touch $(READY)

demo: $(READY)  ## deploy twice, roll back, watch it live, prove it (KEEP=1 keeps serving, PLATFORMS=all does it on all)
	@$(if $(PLATFORMS),$(BIN)/python -m tests.vendor_clients)
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(PLATFORMS),--platforms $(PLATFORMS))

run: $(READY)  ## serve for development: sandbox, example data, an explorer at /graphql
	@$(BIN)/python -m demo --serve

test: $(READY)  ## lint, types and the whole test suite
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint ready-to-test
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(PYTEST)

# Compiles each test once while the types are checked on another core; each worker would do it by itself.
ready-to-test: $(READY)
	@$(BIN)/python -m tests.vendor_clients
	@$(BIN)/python -m pytest --collect-only --quiet --quiet > /dev/null

lint: $(READY)  ## ruff and pyright
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/pyright --warnings

format: $(READY)  ## let ruff write the formatting and the safe fixes
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

schema: $(READY)  ## write schema/schema.graphql from the code
	@$(BIN)/python -m server export-schema > $(VENV)/schema.graphql
	@mv $(VENV)/schema.graphql schema/schema.graphql

benchmarks: $(READY)  ## measure, and compare with the platform's own tool
	@$(BIN)/python -m benchmarks

lock: $(READY)  ## renew the lock files from pyproject.toml
	@$(PYTHON) -m venv .tools/lock
	@.tools/lock/bin/python -m pip install --quiet uv
	@.tools/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header $(UPGRADE) pyproject.toml -o requirements.txt
	@.tools/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header $(UPGRADE) --group dev pyproject.toml -o requirements-dev.txt

# Apart from the environment, whose packages they judge. A package that cannot be asked about fails the audit.
$(TOOLS)/supply/.ready:
	@$(PYTHON) -m venv $(TOOLS)/supply
	@$(TOOLS)/supply/bin/python -m pip install --quiet 'pip-audit>=2.10' 'cyclonedx-bom>=7'
	@touch $@

audit: $(TOOLS)/supply/.ready  ## known vulnerabilities of the locked packages (asks pypi.org)
	@$(TOOLS)/supply/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.txt

sbom: $(TOOLS)/supply/.ready  ## write unship.cdx.json, the bill of materials of the locked packages
	@$(TOOLS)/supply/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o unship.cdx.json requirements.txt

clean:  ## remove everything that the commands above made
	@rm -rf $(VENV) .tools .pytest_cache .ruff_cache .hypothesis data
