# `make demo` and `make test` set up everything by themselves: .venv is made with uv when it is there, else with
# venv + pip, and installed again only when pyproject.toml has changed. Works with GNU make 3.81 (macOS) and later.
# More arguments: make demo ARGS="--port 9000", make test ARGS="tests/mirror -x".

VENV ?= .venv
PY := $(VENV)/bin/python
ARGS ?=

.PHONY: help demo test coverage test-matrix lint lint-style lint-types lint-docs format bench docs clean

help:
	@echo "make demo    the example shop with recommendations, on http://127.0.0.1:8000/"
	@echo "make test    the whole suite, on SQLite and, when one answers, on PostgreSQL; coverage at the end"
	@echo "make test-matrix  a part of it on the lowest versions that pyproject.toml allows, and on the newest"
	@echo "make lint    ruff, mypy, import-linter, missing migrations, documentation without warnings (quicker with -j2)"
	@echo "make format  let ruff put the code in shape"
	@echo "make bench   our recommender beside its peers, on the same data in the same run"
	@echo "make docs    the documentation, into docs/_build/html"
	@echo "make clean   remove .venv and everything that was built"

demo: $(VENV)/.installed-demo
	$(PY) manage.py demo $(ARGS)

test: $(VENV)/.installed-test
	$(PY) -m tests.run $(ARGS)

coverage: $(VENV)/.installed-test
	ECOMAI_TEST_COVERAGE=1 $(PY) -m tests.run

test-matrix: $(VENV)/.installed-test
	$(PY) -m tests.matrix $(ARGS)

lint: lint-style lint-types lint-docs

lint-style: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@if command -v uv >/dev/null 2>&1; then uv pip check --python $(PY); else $(PY) -m pip check; fi
	$(VENV)/bin/lint-imports
	DJANGO_SETTINGS_MODULE=tests.projects.everything.settings $(PY) -m django makemigrations --check --dry-run

lint-types: $(VENV)/.installed-dev
	$(PY) -m mypy

lint-docs: $(VENV)/.installed-dev
	$(PY) docs/_ext/reference.py --check
	$(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html

format: $(VENV)/.installed-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(VENV)/.installed-bench
	$(PY) -m benchmarks.online_retail --data example_project/data $(ARGS)

docs: $(VENV)/.installed-docs
	$(PY) docs/_ext/reference.py
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:
	rm -rf $(VENV) .matrix build dist docs/_build .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# One stamp per extra: $(VENV)/.installed-test is newer than pyproject.toml when django-ecomai[test] is installed. The
# extra dev brings test and docs.
$(VENV)/.installed-%: pyproject.toml .ci/install
	@sh .ci/install "$(VENV)" "$*"
	@touch $@ $(if $(filter dev,$*),$(VENV)/.installed-test $(VENV)/.installed-docs)
