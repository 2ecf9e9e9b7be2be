# The environment is built once, from constraints.txt, and brought up to date when that or pyproject.toml changes.
PYTHON ?= python3
VENV ?= .venv
PYTEST_WORKERS ?= logical
PYTEST_ARGUMENTS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread to each worker: more would only wait for each other.
PYTEST = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long lint notebooks

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## build the environment, in .venv

demo: $(STAMP)  ## find the task-recognition layers of the embedded model; prints the path of the report
	@$(BIN)/workbench run task-recognition --config workbench/demo.yaml

test: $(STAMP)  ## the whole test suite but for what takes long
	$(PYTEST) -m "not long" $(PYTEST_ARGUMENTS)

test-long: $(STAMP)  ## what takes long
	$(PYTEST) -m long $(PYTEST_ARGUMENTS)

notebooks: $(STAMP)  ## make the notebooks of their scripts again and run them (minutes)
	$(BIN)/python -m workbench.notebooks

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[notebooks,development]'
	@touch $@
