"""Pretrained networks: where their files lie, and that they are the published ones."""
