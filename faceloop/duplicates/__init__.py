"""Which faces of a batch are one picture twice."""
