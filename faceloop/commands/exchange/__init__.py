"""Labels from other software, and crops for it."""
