"""The faces of a batch on disk: their table, and the pack of their crops."""
