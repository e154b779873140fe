"""The page that `faceloop label` and `faceloop adjudicate` serve."""
