#!/usr/bin/env bash
# Installs faceloop as this repository has it, with the locked versions.
set -euo pipefail
python -m pip install --constraint requirements.lock setuptools
python -m pip install --constraint requirements.lock --no-build-isolation --editable '.[s3]'
