# Two commands matter: `make run` starts the site, `make test` tests everything. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help run test check fix lock demo-school screenshots clean environment

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, start the whole site, print its address and the demo logins
	@$(PYTHON) -m scripts.bootstrap run
	@$(BIN) manage.py run

test: environment ## Run every test: the fast ones in parallel, then those with real servers, faces and a browser
	@$(BIN) -m scripts.run_tests

check: environment ## Run style, types, layers, deployment checks, migrations, API schema, licences, advisories
	@$(BIN) -m scripts.run_checks

fix: environment ## Sort imports, format, and write the table of settings anew
	@$(BIN) -m scripts.settings_table
	@$(BIN) -m ruff check --fix --quiet . || true
	@$(BIN) -m ruff format .

lock: environment ## Lock again what requirements/*.in ask for (UPGRADE=--upgrade takes newer versions)
	@$(BIN) -m scripts.lock $(UPGRADE)

demo-school: environment ## Build the demo school's pictures again from the packages that carry them
	@$(BIN) -m scripts.compose_demo_school

screenshots: environment ## Take pictures of every page into screenshots/, and the README's anew
	@$(BIN) -m scripts.screenshots

clean: ## Remove everything made here but your data (var/) and the weights
	rm -rf .venv build screenshots .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@$(PYTHON) -m scripts.bootstrap dev
