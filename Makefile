# `make` alone lists the targets. Everything runs in .venv, which the first target that needs it makes.

PYTHON ?= python3.11
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Parallel work is done by processes: more threads than cores only wait for each other.
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-materials test annotations tutorials verify check lint format types contract system clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(INSTALLED)  ## make .venv and install everything in the versions of constraints.txt

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev,airfoils,materials,bench]"
	touch $@

demo: setup  ## simulate, train, trust, design, verify, report; at most 10 minutes on 2 cores
	$(BIN)/python examples/demo.py

demo-materials: setup  ## train on quantum chemistry, screen and design alloy surfaces, let GPAW or labels kept out judge; at most 10 minutes
	$(BIN)/python examples/demo_materials.py

test: setup  ## the tests, without those marked slow or physics
	PYTHONSAFEPATH=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow and not physics"

annotations: setup  ## tests of what computes with arrays, each call checked against its annotations
	PYTHONSAFEPATH=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow and not physics and not unchecked" \
		--jaxtyping-packages=understudy,beartype.beartype tests/contracts/test_annotations.py tests/simulators tests/surrogate

tutorials: setup  ## every block of docs/tutorials, run as it stands
	PYTHONSAFEPATH=1 $(BIN)/pytest -n $(WORKERS) tests/test_tutorials.py

verify: setup  ## every proof of docs/verification.md, the slow tests, every figure of docs/benchmarks.md; goes on if killed
	$(BIN)/python benchmarks/support/verify.py

check: lint types contract test annotations tutorials  ## all that CI asks

lint: setup  ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup  ## mend what of the style can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup  ## annotations
	$(BIN)/mypy

contract: setup  ## which room may import which
	$(BIN)/lint-imports --no-logo

system:  ## Debian packages: XFOIL, OpenFOAM and GPAW, the independent judges, and Python's venv; needs root
	@if command -v xfoil >/dev/null && command -v simpleFoam >/dev/null && command -v gpaw >/dev/null && $(PYTHON) -c "import ensurepip" 2>/dev/null; then \
		echo "system packages: present"; \
	elif [ "$$(id -u)" -ne 0 ]; then \
		echo "system packages need root: run 'sudo make system', or install xfoil, openfoam, gpaw, gpaw-data and python3.11-venv by hand" >&2; exit 1; \
	else \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends xfoil openfoam gpaw gpaw-data $(VENV_PACKAGE); \
	fi

# Debian splits venv from Python; a Python built from source has it and no such package.
VENV_PACKAGE = $(shell $(PYTHON) -c "import ensurepip" 2>/dev/null || echo python3.11-venv)

clean:  ## remove what was built, the environment included
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
