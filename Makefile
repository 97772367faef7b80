# computenet: set-up, demo and checks. `make demo` and `make test` need nothing but Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: setup demo test lint bench docs clean

# What development needs; the product alone, for `make demo`, is a good deal less.
setup: $(VENV)/.development

$(VENV)/.product: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(VENV)/.development: $(VENV)/.product
	$(INSTALL) -e '.[dev]'
	touch $@

demo: $(VENV)/.product
	$(BIN)/computenet simulate china-2025 --days 7 --out runs/demo --overwrite

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -q -n auto

docs: setup
	NO_MKDOCS_2_WARNING=1 EXECUTE_NOTEBOOKS=true $(BIN)/mkdocs build --strict

bench: setup
	$(BIN)/python -m benchmarks.run

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .pytest_cache .ruff_cache site
