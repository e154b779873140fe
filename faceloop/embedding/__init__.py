"""Crops -> embeddings."""
