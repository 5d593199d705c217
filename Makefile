# Every target does all of its own set-up. Needs only Python 3.11 (PYTHON=... if it has another name) and make.
PYTHON ?= python3.11
PYTHON := $(shell command -v $(PYTHON) || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-all check weights serve serve-s3 chaos fuzz clean

demo: $(STAMP)            ## the whole pipeline on real clips; prints where the report is
	@$(BIN)/reenactory demo --out out/demo

test: $(STAMP) weights    ## lint, types, tests
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: $(STAMP) weights  ## the slow tests too
	@$(BIN)/python -m pytest

check: $(STAMP)           ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@mkdir -p .typecheck/reenactory && for room in flows tasks models infra; do ln -sfn ../../$$room .typecheck/reenactory/$$room; done
	@cd .typecheck && ../$(BIN)/mypy --config-file ../pyproject.toml -p reenactory

weights: $(STAMP)
	@$(BIN)/reenactory models fetch

serve: $(STAMP)           ## local Prefect server, worker and deployments
	@$(BIN)/python -m reenactory.flows.serve

serve-s3: $(STAMP)        ## local S3 server with its data in out/s3; prints what to export
	@$(BIN)/python -m reenactory.flows.serve_s3

chaos: $(STAMP) weights   ## the tests in which processes, disks and servers die, at length
	@REENACTORY_CHAOS_CLIPS=1200 $(BIN)/python -m pytest -p no:cacheprovider --timeout 3600 tests/integration/test_chaos.py tests/integration/test_kill.py tests/integration/test_s3_outage.py

fuzz: $(STAMP) weights    ## 1,000 spoiled videos, manifests, records and so on; SEED=n for others
	@PYTHONPATH=tests $(BIN)/python tests/integration/fuzz_run.py --seed $(or $(SEED),0)

clean:                    ## removes the environment and the demo's output; fetched weights stay in ~/.cache/reenactory
	rm -rf $(VENV) out build .typecheck

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Reenactory needs Python 3.11; found " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing dependencies into $(VENV) (about 3 GB, 3 to 5 minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,s3]"
	@touch $(STAMP)
