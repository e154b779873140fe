"""The data set and the model for use elsewhere."""
