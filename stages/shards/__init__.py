"""What is done to one shard of a batch, as functions that may run in any process."""
