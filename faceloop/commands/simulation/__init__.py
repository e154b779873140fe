"""Learning curves of strategies from labels that exist already."""
