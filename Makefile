# Two commands do everything on a fresh machine with Python 3.11, git and make: `make demo` and `make test`.
# The environment is .venv, so .venv/bin/hcgw is the command. Nothing outside this folder is touched.

.DEFAULT_GOAL := help
.PHONY: help bytecode demo test lint types gen gen-check bench bench-provinces bench-canaries bench-nation bench-changes bench-kills bench-replay bench-audit-kills fuzz serve lock clean

# The first Python >= 3.11 on the path, or the one you name: make PYTHON=/path/to/python3.11 test
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install -qq
# What `make demo` needs, and what development and the tests need on top.
RUN := .venv/.run-installed
DEV := .venv/.dev-installed

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(RUN) bytecode ## Start the gateway with sample provinces, verify sample codes, keep serving (Ctrl-C ends it)
	@.venv/bin/hcgw demo $(ARGS)

test: bytecode lint types gen-check ## Lint, types, generated-code drift, then all tests with branch coverage
	@$(PY) -m pytest -n auto -p tests.coverage_floor --cov --cov-report= --cov-report=json:build/coverage.json $(ARGS)

lint: $(DEV) ## Check style and formatting (ruff)
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

types: $(DEV) ## Check types (mypy --strict)
	@$(PY) -m mypy

gen: $(DEV) ## Generate Python from protos/ and lint the schemas
	@$(PY) scripts/gen.py

gen-check: $(DEV) ## Fail if generated code differs, a schema fails lint, or a change would break a client
	@$(PY) scripts/gen.py --check

bench: $(DEV) bytecode ## Measure the six rooms against raw signature checks and rivals; writes build/bench.json
	@$(PY) -m tests.bench $(ARGS)

bench-provinces: $(DEV) bytecode ## Let one of eight provinces hang, reset and lie at a steady load; writes build/bench-provinces.json
	@$(PY) -m tests.bench.provinces $(ARGS)

bench-canaries: $(DEV) bytecode ## Take 100,000 people's data through every format, dialect and RPC; search all that comes out
	@$(PY) -m tests.bench.canaries $(ARGS)

bench-nation: $(DEV) bytecode ## Hold the lists of 1.4 billion people in memory and look them up; writes build/bench-nation.json
	@$(PY) -m tests.bench.nation $(ARGS)

bench-changes: $(DEV) bytecode ## Let changes of a nation reach every worker of two gateways; writes build/bench-changes.json
	@$(PY) -m tests.bench.nation_changes $(ARGS)

bench-kills: $(DEV) bytecode ## Kill the processes of two gateways at 200 random instants; writes build/bench-kills.json
	@$(PY) -m tests.bench.kill_drill $(ARGS)

bench-replay: $(DEV) bytecode ## Show screenshots at two nodes while Redis is killed, paused and flaps; writes build/bench-replay.json
	@$(PY) -m tests.bench.replay $(ARGS)

bench-audit-kills: $(DEV) bytecode ## Kill a gateway's processes 200 times under load: every answer has its audit entry, once
	@$(PY) -m tests.bench.audit_gateway_kills $(ARGS)

fuzz: build/fuzz/.installed ## Fuzz each format reader (ARGS="--help" tells how long and which)
	@build/fuzz/bin/python -m tests.fuzz $(ARGS)

# What `make demo` wrote on its first run: sample provinces, their keys, a configuration for loopback.
DEV_CONFIG := var/demo/hcgw.toml

serve: $(RUN) bytecode ## Serve on loopback with the sample provinces that make demo made
	@test -f $(DEV_CONFIG) || { echo "there is no $(DEV_CONFIG) yet: make demo ARGS=--once writes it" >&2; exit 1; }
	@.venv/bin/hcgw serve --config $(DEV_CONFIG) $(ARGS)

lock: build/lock/.installed ## Renew the locked dependencies in requirements/*.txt
	@cd requirements && for set in run 'dev -c run.txt' 'build -c dev.txt' 'fuzz -c run.txt'; do \
		set -- $$set; echo "locking $$1"; \
		../build/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-strip-extras --custom-compile-command 'make lock' $$1.in -o $$1.txt $$2 $$3 || exit 1; done

clean: ## Remove the environment, build output and caches (dev keys in var/ stay)
	@rm -rf .venv build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find gateway keys protos scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last: an interrupted install starts again.

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11, which is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "this Python lacks its venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

$(RUN): .venv/pyvenv.cfg requirements/run.txt requirements/build.txt pyproject.toml
	@echo "Installing the gateway into .venv, once: about 20 seconds on a good line."
	@$(PIP) --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Installing the tools for development and tests into .venv, once: about 20 seconds on a good line."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# Our modules as Python has compiled them, which a wheel's installation makes and an editable one does not: without them
# each process that starts compiles all of them again, which is a quarter of its start.
bytecode: $(RUN)
	@$(PY) -m compileall -q gateway keys protos

build/fuzz/.installed: requirements/fuzz.txt
	@echo "Installing the fuzzer into build/fuzz, once: about 20 seconds on a good line."
	@$(PYTHON) -m venv build/fuzz
	@build/fuzz/bin/python -m pip --disable-pip-version-check install -qq --require-hashes -r requirements/fuzz.txt
	@touch $@

build/lock/.installed:
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check install -qq uv
	@touch $@
