"""Figures from confusion counts, and how far chance could move them."""
