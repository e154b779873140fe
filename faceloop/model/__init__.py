"""The classifier's head: fitting it, predicting with it, keeping it."""
