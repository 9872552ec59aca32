# make demo and make test do all their own set-up: Python >= 3.11 and make are all they need.
# The first that starts, is new enough and can make environments: a name on the PATH may be a shim of a missing version.
ABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
  $$p -c '$(ABLE)' >/dev/null 2>&1 && { command -v $$p; break; }; done)
BIN := .venv/bin
OVERRIDES := $(if $(SEED),seed=$(SEED))

.PHONY: demo test test-slow test-gpu check format clean

demo: .venv/ready  ## a world of three languages, from text to a model that answers about it
	$(BIN)/calame run petit-monde $(OVERRIDES)

test: .venv/ready-dev check  ## everything that is quick
	$(BIN)/pytest -n 2 -m "not slow and not gpu" --junitxml=.reports/test.xml

test-slow: .venv/ready-dev  ## the rest that needs no GPU
	$(BIN)/pytest -n 2 -m "slow and not gpu" --junitxml=.reports/test-slow.xml

test-gpu:  ## on a machine with a GPU, in the Python that is there (its packages are the machine's own)
	PYTHONPATH=src $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) benchmarks/gpu_tests.py

check: .venv/ready-dev
	@mkdir -p .reports
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache >.reports/imports.txt || (cat .reports/imports.txt; exit 1)

format: .venv/ready-dev
	$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

# uv where it is present (seconds), else pip (a minute). constraints.txt keeps torch from growing by gigabytes.
define install
	@$(or $(PYTHON),false) -c '$(ABLE)' || { echo "error: $(or $(PYTHON),no python on the PATH) is not Python 3.11 or newer" \
	  "with venv; remedy: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@mkdir -p .reports
	@if command -v uv >/dev/null; then \
	  test -x $(BIN)/python || uv venv -q --python $(PYTHON) .venv; \
	  UV_FIND_LINKS="$$PIP_FIND_LINKS" uv pip install -q --python $(BIN)/python -c constraints.txt -e '$(1)'; \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv .venv; \
	  $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '$(1)'; \
	fi
endef

.venv/ready: pyproject.toml constraints.txt
	@echo "setting up .venv (once, about a minute)"
	$(call install,.)
	@touch $@

.venv/ready-dev: .venv/ready
	@echo "adding the tools for tests"
	$(call install,.[dev])
	@touch $@

clean:
	rm -rf .venv .reports runs build dist
