"""What an engine runs: one function a shard, and what its results become together."""
