# Needs python3 (3.11 or 3.12, with venv), make, a shell and coreutils; everything else is brought along.
PYTHON ?= python3
VENV := .local/venv
PY := $(VENV)/bin/python
LOCK := requirements/development.txt
HOLDERS ?= 250
ONCE ?=
SIGN ?=
SOROBAN ?=
TESTS ?= tests
# One more than cores: the crash tests mostly wait for real processes.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2) + 1)

# Every process of the stack would compile all of its modules at each start.
unexport PYTHONDONTWRITEBYTECODE

.DELETE_ON_ERROR:
.PHONY: help venv demo up down doctor test test-long test-fresh check format bench contracts contracts-soroban soroban-host test-soroban settings clean

help:
	@echo "make demo        bring up everything, pay $(HOLDERS) holders on a local chain, leave it running (ONCE=1: stop)"
	@echo "make up | down   start or stop the local stack (SOROBAN=host: with the real Soroban host, after make soroban-host)"
	@echo "make doctor      what is wrong with it, each thing with its fix (SIGN=1: has custody sign, sends nothing)"
	@echo "make test        the tests; TESTS=tests/payouts for some; test-long, test-fresh for the slow ones"
	@echo "make check       format, lint, types, layers, migrations, deployment settings"
	@echo "make bench       pays 10,000 and 100,000 holders and says how fast (SMALL=1: a quick look; ONLY=latency,budget)"
	@echo "make contracts | contracts-soroban | test-soroban | settings | clean"

# By content, not by time: a fresh checkout gives every file a new time.
venv:
	@stamp="$$($(PYTHON) -V) $$(sha256sum $(LOCK) 2>/dev/null || shasum -a 256 $(LOCK))"; \
	if [ ! -x $(PY) ] || [ "$$(cat $(VENV)/stamp 2>/dev/null)" != "$$stamp" ]; then \
		$(PYTHON) -c 'import sys; sys.exit((3, 11) > sys.version_info[:2] or sys.version_info[:2] > (3, 12))' \
			|| { echo "Paydate needs Python 3.11 or 3.12: make PYTHON=python3.12 …"; exit 1; }; \
		[ -x $(PY) ] || $(PYTHON) -m venv $(VENV) \
			|| { echo "python3 has no venv: install it (Debian: python3-venv)"; exit 1; }; \
		echo "installing into $(VENV)"; \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $(LOCK) || exit 1; \
		echo "$$stamp" > $(VENV)/stamp; \
	fi

demo: venv
	@$(PY) -m devnet.services demo --holders=$(HOLDERS) $(if $(ONCE),--once) --soroban=$(SOROBAN)

up: venv
	@$(PY) -m devnet.services up --soroban=$(SOROBAN)

down: venv
	@$(PY) -m devnet.services down

# As the signer, because only the signer has the custody secrets.
doctor: venv
	@PAYDATE_PROCESS=signer $(PY) manage.py doctor $(if $(SIGN),--sign-test)

test: venv
ifeq ($(TESTS),tests)
	@$(PY) -m tests.lanes
else
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not long" $(TESTS)
endif

test-long: venv
	@$(PY) -m pytest -m long $(TESTS)

test-fresh:
	@sh .ci/fresh

check: venv
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@DJANGO_SETTINGS_MODULE=config.testing $(PY) -W ignore manage.py makemigrations --check --dry-run
	@sh .ci/check-deploy $(PY)

format: venv
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: venv
	@$(PY) -m bench.payouts $(if $(SMALL),--small) $(if $(ONLY),--only=$(ONLY))

contracts:
	@command -v npm >/dev/null || { echo "make contracts needs Node.js with npm; the compiled contracts are committed"; exit 1; }
	cd contracts/sources/solidity && npm ci && node build.mjs

contracts-soroban: venv
	@$(PY) contracts/sources/soroban/build.py $(if $(CHECK),--check)

# Cargo itself sees that nothing has changed.
soroban-host:
	@case "$$(cargo --version 2>/dev/null)" in \
		"cargo 1."[0-8][0-9].*|"cargo 1.90."*|"") \
			echo "make soroban-host needs cargo 1.91 or newer, and a C compiler"; exit 1;; \
	esac
	python3 contracts/sources/soroban/crates.py devnet/soroban-host
	cd devnet/soroban-host && cargo build --release --locked --target-dir $(CURDIR)/.local/cargo/soroban-host
	@mkdir -p .local/soroban-host
	@cp .local/cargo/soroban-host/release/paydate-soroban-host .local/soroban-host/paydate-soroban-host.new
	@mv .local/soroban-host/paydate-soroban-host.new .local/soroban-host/paydate-soroban-host

test-soroban:
	python3 contracts/sources/soroban/crates.py contracts/sources/soroban
	cd contracts/sources/soroban && cargo test --locked --target-dir $(CURDIR)/.local/cargo/contracts
	python3 contracts/sources/soroban/crates.py devnet/soroban-host
	cd devnet/soroban-host && cargo test --release --locked --target-dir $(CURDIR)/.local/cargo/soroban-host

settings: venv
	@DJANGO_SETTINGS_MODULE=config.testing $(PY) manage.py settings_table

# A stack's data are not a by-product: they go only when nothing runs and only with DATA=1.
clean:
	@if [ -x $(PY) ] && ! $(PY) -m devnet.services status | grep -q "not running"; then \
		echo "the stack is running: make down first"; exit 1; fi
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles .local/test
	@if [ -n "$(DATA)" ]; then cd .local && rm -rf postgres redis devnet run log ports env env.signer *.password *.lock; \
	elif [ -e .local/env ]; then echo "kept the stack's data in .local (make clean DATA=1 removes them)"; fi
