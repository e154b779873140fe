"""The `faceloop` command: what people run between two runs of `dvc repro`."""
