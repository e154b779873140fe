# make run: the loop on the demo batch. make test, make lint: what CI runs.
# Each makes .venv and installs the locked versions where they are missing.

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
INSTALLED := $(VENV)/.installed

.PHONY: run test lint types lock benchmark

run: $(INSTALLED)
	dvc repro
	faceloop status

test: $(INSTALLED)
	python -m pytest

lint: $(INSTALLED)
	ruff check .
	ruff format --check .

types: $(INSTALLED)
	mypy

benchmark: $(INSTALLED)
	python -m benchmarks.real_faces
	python -m benchmarks.strategies --out .work/strategies

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
