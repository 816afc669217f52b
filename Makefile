.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help
help:  ## List the targets
	@awk -F':.*## ' '/^[a-zA-Z_%-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh carprice_assets/features/_walk.c
	@bash scripts/setup.sh
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP)  ## Make the environment (.venv) and see to a Chromium
	@bash scripts/chromium.sh

.PHONY: run
run: setup  ## Crawl and train the practice market, serve the Dagster UI (3000) and the API (8000)
	@exec $(BIN)/carprice run

.PHONY: lint
lint: setup  ## Ruff, pyright (strict) and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports

.PHONY: format
format: setup  ## Rewrite the files as ruff wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: test
test: lint  ## Lint, types, import contracts and the tests
	$(BIN)/pytest -n 2 --dist loadfile

.PHONY: test-long
test-long: setup  ## What takes long: kills, fuzzing, the whole pipeline on real listings
	$(BIN)/pytest -m long

# Of these, the benchmarks are made.
BENCHMARKS := $(filter-out %/quality_tasks.py %/real_listings.py %/rivals.py %/serving_load.py,$(wildcard benchmarks/*.py))
.PHONY: bench
bench: setup  ## All benchmarks, one after another
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

bench-%: setup
	$(BIN)/python benchmarks/$*.py
