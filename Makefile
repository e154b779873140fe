# make run: the loop on the demo batch. make test, make lint, make types: what CI runs.
# Each makes .venv and installs the locked versions where they are missing.

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
INSTALLED := $(VENV)/.installed

.PHONY: bootstrap run test test-all lint types lock benchmark

run: $(INSTALLED) bootstrap
	dvc repro
	faceloop status

# A worker a core, each with one thread.
PYTEST := OMP_NUM_THREADS=1 python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

test: $(INSTALLED) bootstrap
	$(PYTEST) -m "not slow"

test-all: test
	$(PYTEST) -m slow

# What each clone must be told by itself: how git merges two branches, where plots' scripts are.
bootstrap:
	python -m loop.bootstrap

lint: $(INSTALLED)
	ruff check .
	ruff format --check .

types: $(INSTALLED)
	mypy

benchmark: $(INSTALLED)
	python -m benchmarks.real_faces
	python -m benchmarks.label_errors --seeds 8
	python -m benchmarks.consensus --seeds 5
	python -m benchmarks.strategies --out .work/strategies
	python -m benchmarks.gate
	python -m benchmarks.coverage
	python -m benchmarks.balance
	python -m benchmarks.shadow
	python -m benchmarks.predict
	python -m benchmarks.extraction
	python -m benchmarks.detection_levers
	python -m benchmarks.embedding
	python -m benchmarks.duplicates
	python -m benchmarks.round
	python -m benchmarks.pool

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Needs uv. Exact versions for Python 3.11 and later, any platform, and no host names.
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--no-emit-index-url --no-annotate --constraint constraints.txt \
		--custom-compile-command 'make lock' --output-file requirements.lock
