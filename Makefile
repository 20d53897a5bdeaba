# Two commands: `make demo` shows it, `make test` proves it. Each sets up what it needs in .venv, and only when a lock changed.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-long check bench bench-egress bench-token lock image counterparts clean setup-runtime setup-test setup-bench setup-clients python

PYTHON ?= python3
# The default Python's environment is .venv; another one's carries its version.
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null))
BIN := $(VENV)/bin
INSTALL = $(PYTHON) requirements/install.py $(VENV)

ARGS ?=
WORKERS ?= auto
# A file is run by one worker, which starts what its tests share once.
PYTEST = $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadscope --no-loadscope-reorder
COVERAGE = --cov --cov-report=term

help:
	@echo 'make demo          the whole story on this machine: issuer, agent, sidecar   (ONCE=1: tell it and exit)'
	@echo 'make test          every check and every test                                (ARGS="-k words": pick tests)'
	@echo 'make test-long     the same with the long forms of the tests'
	@echo 'make check         the checks that run nothing: style, types, floors'
	@echo 'make bench         beside nginx, HAProxy and Envoy                           (ARGS=…: see bench/)'
	@echo 'make bench-egress  the way out beside mitmproxy and Envoy                    (ARGS=…: see bench/)'
	@echo 'make bench-token   a token that is at hand beside OpenBao                   (ARGS=…: see bench/)'
	@echo 'make image         the container image, with docker                          (DOCKER=podman)'
	@echo 'make lock          the lock files anew                                       (PYTHONS="python3.11 python3.13")'
	@echo 'make clean         away with everything that was set up'
	@echo
	@echo 'PYTHON=python3.13 picks another interpreter, 3.11 or later.'

demo: setup-runtime
	@$(BIN)/sidecar demo $(if $(ONCE),--once) $(ARGS)

test: check setup-clients counterparts
	@echo 'pytest'
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) $(if $(ARGS),,$(COVERAGE)) $(ARGS)

test-long: export LONG = 1
test-long: test

check: setup-test
	@echo 'ruff check'
	@$(BIN)/ruff check --quiet .
	@echo 'ruff format --check'
	@$(BIN)/ruff format --quiet --check .
	@echo 'mypy'
	@$(BIN)/mypy
	@echo 'lint-imports'
	@$(BIN)/lint-imports --no-logo

bench: setup-bench
	@$(BIN)/python bench/run.py $(ARGS)

bench-egress: setup-bench
	@$(BIN)/python bench/egress.py $(ARGS)

bench-token: setup-bench
	@$(BIN)/python bench/vending.py $(ARGS)

setup-runtime: python
	@$(INSTALL) runtime

setup-test: python
	@$(INSTALL) runtime test

setup-bench: python
	@$(INSTALL) runtime test bench
	@$(INSTALL)-mitmproxy mitmproxy

# What agents are made of, which the sidecar must not need: in an environment of its own.
setup-clients: python
	@$(INSTALL)-clients clients

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo '$(PYTHON) is not on this machine.' >&2; \
	  echo '    Install Python 3.11 or later (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: PYTHON=…' >&2; \
	  exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -c 'import sys; print(sys.version.split()[0])'): Python 3.11 or later is needed." >&2; \
	  for found in python3.14 python3.13 python3.12 python3.11; do \
	    command -v $$found >/dev/null && echo "    This machine has one: make PYTHON=$$found $(MAKECMDGOALS)" >&2; \
	  done; \
	  echo '    Elsewhere: install one (Debian, Ubuntu: apt-get install python3 python3-venv) and name it: PYTHON=…' >&2; \
	  exit 2; }

# Servers and linters that tests run against, from npm. Without npm those tests are skipped, and say so; in CI they fail.
counterparts:
	@if command -v npm >/dev/null; then $(MAKE) tests/node/node_modules/.package-lock.json; \
	else echo 'npm is not on this machine: tests against Node counterparts will be skipped'; fi

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json
	@echo 'fetching the Node counterparts'
	@cd tests/node && npm ci --no-progress --loglevel=error && touch node_modules/.package-lock.json

lock:
	@sh requirements/lock.sh $(or $(PYTHONS),$(PYTHON))

DOCKER ?= docker
image:
	$(DOCKER) build --build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) --tag agent-identity-sidecar:local .
	$(DOCKER) build --tag agent-identity-sidecar-egress:local deploy/egress

clean:
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* htmlcov dist tests/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
