"""Choosing which faces to label, learning from the labels, and telling whether more of them pay."""
