# Every target first installs what it misses: on a fresh clone, `make demo` is all it takes.

PYTHON ?= python3

VENV := .venv
VENV_READY := $(VENV)/.installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# The oldest CDK that runs the manifest has its own environment, for the tests that prove it.
FLOOR := $(shell sed -n 's/^version: *//p' manifest.yaml | tr -d "\"'")
FLOOR_VENV := .venv-floor
FLOOR_READY := $(FLOOR_VENV)/.installed-$(FLOOR)

# Connector Builder's editor parses YAML with this one.
JS_YAML := 4.3.2
JS_YAML_READY := node_modules/.installed-js-yaml-$(JS_YAML)

# The oldest CDK that Airbyte's platform was seen with.
OLDEST := 7.23.8
OLDEST_VENV := .venv-oldest
OLDEST_READY := $(OLDEST_VENV)/.installed-$(OLDEST)

# PyAirbyte pins much that is pinned otherwise here; its CDK is held to ours.
PYAIRBYTE := 0.71.3
PYAIRBYTE_VENV := .venv-pyairbyte
PYAIRBYTE_READY := $(PYAIRBYTE_VENV)/.installed-$(PYAIRBYTE)

.DEFAULT_GOAL := help
.PHONY: help install demo catalog test lint format bench erd probe standard qa image-test pyairbyte-test cloud-proof lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | column -t -s '|'

install: $(VENV_READY) ## Install source-front and its tools into .venv

demo: $(VENV_READY) ## Read a whole sandbox company into DuckDB and ask it questions
	$(VENV)/bin/python -m integration_tests.demo

catalog: $(VENV_READY) ## Make a configured catalog of what `source-front discover` prints
	@$(VENV)/bin/python -m integration_tests.demo --catalog

test: $(VENV_READY) $(FLOOR_READY) $(JS_YAML_READY) ## Run every test
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --ignore integration_tests/test_standard.py \
	  unit_tests integration_tests

lint: $(VENV_READY) ## Check style, types and YAML
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/yamllint --strict .

format: $(VENV_READY) ## Rewrite the Python files in the house style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(VENV_READY) ## Count requests, records a second and memory
	$(VENV)/bin/python -m integration_tests.bench

standard: $(VENV_READY) ## Run Airbyte's standard tests, at their strictest
	$(VENV)/bin/python -m pytest integration_tests/test_standard.py

cloud-proof: $(VENV_READY) $(FLOOR_READY) $(JS_YAML_READY) $(OLDEST_READY) ## Upload the manifest as to Connector Builder, on three CDKs
	$(VENV)/bin/python -m pytest integration_tests/test_upload.py
	$(OLDEST_VENV)/bin/python integration_tests/oldest.py manifest.yaml

qa: ## Run Airbyte's QA checks and its metadata schema on a staged copy
	PYTHON=$(PYTHON) .ci/qa-checks

image-test: $(VENV_READY) ## Build the image and run it against the sandbox, with docker or podman
	PYTHON=$(VENV)/bin/python .ci/image-test

pyairbyte-test: $(VENV_READY) $(PYAIRBYTE_READY) ## Read into DuckDB with PyAirbyte, as a notebook does
	$(PYAIRBYTE_VENV)/bin/python -m pytest -W ignore --durations 5 pyairbyte_tests

erd: $(VENV_READY) ## Draw docs/erd.svg and docs/erd/source.dbml anew from the manifest
	$(VENV)/bin/python -m docs.erd.generate

probe: $(VENV_READY) ## Ask a real Front (FRONT_API_TOKEN) what its documentation leaves open; reads only
	$(VENV)/bin/python -m integration_tests.probe

lock: $(VENV_READY) ## Resolve requirements-dev.lock anew, for every Python that pyproject.toml allows
	$(VENV)/bin/python $(PIP_INSTALL) uv==0.13.9
	$(VENV)/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.10 --quiet \
	  --no-annotate --no-emit-index-url --custom-compile-command "make lock" --output-file requirements-dev.lock

clean: ## Remove everything that make, the tools and the tests made
	rm -rf $(VENV) $(FLOOR_VENV) $(PYAIRBYTE_VENV) $(OLDEST_VENV) .venv-qa node_modules build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_READY): pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP_INSTALL) --requirement requirements-dev.lock
	$(VENV)/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

# The same versions as in the lock, but for the CDK itself.
$(FLOOR_READY): requirements-dev.lock
	rm -rf $(FLOOR_VENV)
	$(PYTHON) -m venv $(FLOOR_VENV)
	grep -v '^airbyte-cdk==' requirements-dev.lock > $(FLOOR_VENV)/constraints.txt
	$(FLOOR_VENV)/bin/python $(PIP_INSTALL) --constraint $(FLOOR_VENV)/constraints.txt 'airbyte-cdk[manifest-server]==$(FLOOR)'
	touch $@

$(OLDEST_READY):
	rm -rf $(OLDEST_VENV)
	$(PYTHON) -m venv $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python $(PIP_INSTALL) airbyte-cdk==$(OLDEST)
	touch $@

$(PYAIRBYTE_READY): requirements-dev.lock
	rm -rf $(PYAIRBYTE_VENV)
	$(PYTHON) -m venv $(PYAIRBYTE_VENV)
	grep -E '^(airbyte-cdk|pytest)==' requirements-dev.lock > $(PYAIRBYTE_VENV)/constraints.txt
	$(PYAIRBYTE_VENV)/bin/python $(PIP_INSTALL) --constraint $(PYAIRBYTE_VENV)/constraints.txt airbyte==$(PYAIRBYTE) pytest
	touch $@

$(JS_YAML_READY):
	npm install --prefix . --no-save --no-package-lock --no-audit --no-fund --silent js-yaml@$(JS_YAML)
	touch $@
