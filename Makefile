# make run: the loop on the demo batch. make test: what CI runs, but for the slow drills.
# Each makes .venv and installs there what it needs and does not find, in the locked versions.

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
INSTALL := python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
EDITABLE := $(INSTALL) --no-build-isolation --editable

.PHONY: bootstrap run test test-all lint types benchmark lock

run: bootstrap
	dvc repro
	faceloop status

# A worker a core, each with one thread.
PYTEST := OMP_NUM_THREADS=1 python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

test: $(VENV)/.test bootstrap
	$(PYTEST) -m "not slow"

# One after the other: Ray starts servers that two workers would share.
test-all: $(VENV)/.all test
	OMP_NUM_THREADS=1 python -m pytest -m slow

# What each clone must be told by itself: how git merges two branches, where plots' scripts are.
bootstrap: $(VENV)/.run
	python -m faceloop.commands.repository.bootstrap

lint: $(VENV)/.test
	ruff check .
	ruff format --check .

types: $(VENV)/.test
	mypy

benchmark: $(VENV)/.all
	python -m benchmarks.real_faces
	python -m benchmarks.label_errors --seeds 8
	python -m benchmarks.consensus --seeds 5
	python -m benchmarks.strategies --out .work/strategies
	python -m benchmarks.gate
	python -m benchmarks.coverage
	python -m benchmarks.jury
	python -m benchmarks.balance
	python -m benchmarks.shadow
	python -m benchmarks.predict
	python -m benchmarks.extraction
	python -m benchmarks.detection_levers
	python -m benchmarks.embedding
	python -m benchmarks.duplicates
	python -m benchmarks.round
	python -m benchmarks.kills
	python -m benchmarks.fuzz
	python -m benchmarks.pool

$(VENV)/.run: requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) setuptools
	$(EDITABLE) .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(EDITABLE) '.[test]'
	touch $@

$(VENV)/.all: $(VENV)/.test
	$(EDITABLE) '.[benchmark,dawid-skene,drills,onnx,ray,s3,test]'
	touch $@

# Exact versions for all extras, Python 3.11 and later, any platform, and no host names. pip takes
# them as constraints: it installs what is asked for alone, and a torch built for CPUs is welcome.
lock: $(VENV)/.run
	python -m pip install --quiet --disable-pip-version-check uv
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--no-emit-index-url --no-annotate --constraint constraints.txt \
		--custom-compile-command 'make lock' --output-file requirements.lock
