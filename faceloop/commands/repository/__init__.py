"""What git and DVC hold: checking, finishing, going back, tidying."""
