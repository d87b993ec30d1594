# All that it needs is make and Python 3.11 or later; everything else goes into .venv, from the lock.
SHELL := /bin/sh
BIN := .venv/bin
ENVIRONMENT := .venv/lock-$(shell { pwd; cat requirements.lock; } | cksum | tr ' ' -)
PROJECT := $(ENVIRONMENT)-project-$(shell cksum < pyproject.toml | tr ' ' -)
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
UV ?= uv

.DEFAULT_GOAL := help
.PHONY: help install paper test lint check coverage bench docs wheel lock

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do \
		printf '  make %-9s %s\n' "$$name" "$$text"; done

install: $(PROJECT) ## make .venv from the lock, once for each lock

# A Python may be named and still not run (a version manager's stand-in), so each is asked for its version.
# What changed in the lock is installed afresh, so that nothing stays behind from the lock before.
$(ENVIRONMENT): | requirements.lock
	@found=; for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	test -n "$$found" || { echo "gamma needs Python 3.11 or later; none found. Install one, or: make PYTHON=/path/to/python" >&2; exit 1; }; \
	echo "Installing into .venv with $$("$$found" --version), about a minute ..."; \
	"$$found" -m venv --clear .venv
	@$(PIP) install --no-deps --only-binary=:all: --require-hashes -r requirements.lock
	@touch $@

$(PROJECT): $(ENVIRONMENT)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

paper: install ## trade on paper with simulated prices; writes config.toml where there is none
	@test -e config.toml || $(BIN)/gamma init --defaults
	@exec $(BIN)/gamma run --mode paper

test: install ## run every test
	@$(BIN)/pytest -n 2

lint: install ## run ruff, mypy and the import rules
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check > .venv/lint.txt || { cat .venv/lint.txt; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo > .venv/lint.txt || { cat .venv/lint.txt; exit 1; }

check: lint ## lint, and run the fast tests
	@$(BIN)/pytest -q -n 2 -m "not slow"

coverage: install ## run every test; fail where a branch of the core is untested
	@$(BIN)/pytest -q -n 2 --cov --cov-report=
	@$(BIN)/coverage report --fail-under=100 \
		--include='sizers/*,gamma/guards/*,gamma/sizing.py,gamma/decision.py,gamma/engine.py'

bench: install ## make every figure that the README quotes
	@for script in benchmarks/[!_]*.py; do \
		test -e "$$script" || continue; echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

docs: install ## build the documentation as a site, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

wheel: install ## build dist/*.whl, which installs and runs without the repository
	@$(BIN)/python -m hatchling build -t wheel -d dist

# One version of each package for every Python, so that all users run the same arithmetic.
lock: ## make requirements.lock again from pyproject.toml, with the newest versions
	@command -v $(UV) > /dev/null || { echo "the lock is made with uv; install it, or: make lock UV=/path/to/uv" >&2; exit 1; }
	@$(UV) pip compile pyproject.toml --quiet --extra sandboxes --extra ibkr --group dev --upgrade --universal --fork-strategy fewest \
		--python-version 3.11 --generate-hashes --only-binary :all: --no-annotate --no-header --output-file requirements.lock
