# Every target makes the environment by itself. VENV=DIR lets several checkouts share one.
VENV ?= .venv
PYTHON ?= python3
JOBS ?= 2
RUN := $(VENV)/bin/python
# Idle OpenMP threads sleep instead of spinning: on shared cores this is up to five times faster.
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo explore plan test test-slow lint bench clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# The copy of the lock inside the environment tells which lock it was made from.
ENVIRONMENT := $(VENV)/requirements.lock
$(ENVIRONMENT): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -r requirements.lock
	cp requirements.lock $@

demo: $(ENVIRONMENT) ## official PHYRE physics -> shards -> training -> probe -> runs/demo/report.html
	$(RUN) -m data_prep demo --out datasets/demo
	$(RUN) train.py --config configs/cjepa/demo.yaml --name demo --resume auto
	$(RUN) evaluate.py probe runs/demo --data datasets/demo
	$(RUN) evaluate.py report runs/demo --data datasets/demo

explore: $(ENVIRONMENT) ## look inside a video model in the browser, at http://127.0.0.1:7860
	$(RUN) explore.py

plan: $(ENVIRONMENT) ## push world -> encoder -> world model -> 200 planned tasks -> runs/push_dynamics/planning/report.html
	$(RUN) plan.py --config configs/plan/push_demo.yaml

test: $(ENVIRONMENT) ## the test suite
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist loadgroup

test-slow: $(ENVIRONMENT) ## the tests marked slow
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m slow --timeout 1200

lint: $(ENVIRONMENT) ## ruff, mypy, import layers
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

bench: $(ENVIRONMENT) ## every figure of the README, some minutes each
	$(RUN) -m bench

clean: ## forget caches; keeps runs, datasets and the environment
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
