"""Two models on the same faces: which is better, and by how much."""
