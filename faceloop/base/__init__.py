"""What every package stands on: errors, rounds, chance, params, tables and whole-file writes."""
