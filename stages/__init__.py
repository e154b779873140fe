"""One script a stage of dvc.yaml: read, call, write."""
