#!/usr/bin/env bash
# Installs the version of faceloop that pyproject.toml pins.
set -euo pipefail
python -m pip install .
