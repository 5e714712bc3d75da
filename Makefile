# Everything a person does here. `make` alone lists it. Python 3.11 is all that must be there.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STAGE ?= dev
PACK ?=

ENDPOINT_TESTS := $(addprefix tests/api/test_,permissions.py bad_input.py fuzz.py)

.DEFAULT_GOAL := help
.PHONY: help run test check lint types architecture unit record test-deployed openapi clients bench package deploy clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

$(READY): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed; PYTHON=… names it")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

run: $(READY)  ## the whole system on this machine, http://127.0.0.1:8000 (PORT changes it)
	@exec $(BIN)/python -m local

ifeq ($(PACK),)
test: check unit  ## everything that must pass before a commit; of one pack: make test PACK=wholesale
else
test: $(READY)
	$(BIN)/pytest tests/packs/$(PACK) $(ENDPOINT_TESTS) --pack $(PACK) -n logical
endif

check: lint types architecture  ## lint, format, types, import rules, what the architecture tests count

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

architecture: $(READY)
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q tests/architecture

unit: $(READY)
	$(BIN)/pytest tests --ignore tests/deployed --ignore tests/clients -n logical

test-deployed: $(READY)  ## package, deploy to an AWS emulator on this machine, test over HTTP
	$(BIN)/pytest tests/deployed

record: $(READY)  ## write down what a new endpoint or permission adds: names, roles, the table of access patterns
	$(BIN)/python -m tests.recorded
	$(BIN)/python -m ops access-patterns

openapi: $(READY)  ## build openapi.json and check it
	$(BIN)/python -m ops openapi --out build/openapi.json
	$(BIN)/openapi-spec-validator build/openapi.json

clients: $(READY)  ## generate a Python and a TypeScript client, and run them against the system
	$(BIN)/pytest tests/clients

bench: $(READY)  ## measure: a table, and bench/results.json
	$(BIN)/python -m bench

package: $(READY)  ## the deployable artifact and its template, in build/$(STAGE)
	$(BIN)/python -m ops package --stage $(STAGE) --out build/$(STAGE)

deploy: $(READY)  ## deploy a stage to AWS: make deploy STAGE=prod
	$(BIN)/python -m ops deploy --stage $(STAGE)

clean:  ## remove what was built (not .local, where the local run keeps its data)
	rm -rf build .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
