"""Which faces lie near each other, without comparing each with all."""
