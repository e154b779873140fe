"""Agreement beyond chance between two who give the same faces labels."""

import numpy as np


def cohen_kappa(counts: np.ndarray) -> float | None:
    """Return Cohen's kappa (1960, A Coefficient of Agreement for Nominal Scales), in [-1, 1].

    scikit-learn has it too, and takes a second to import in stages that need nothing else of it.

    Args:
        counts: (C, C), faces by the label of the one (rows) and of the other (columns); one face
            at least.

    Returns:
        None where both gave all faces the same one label: nothing is left beyond chance.
    """
    shares = counts / counts.sum()
    by_chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    return (float(np.trace(shares)) - by_chance) / (1 - by_chance) if by_chance < 1 else None
