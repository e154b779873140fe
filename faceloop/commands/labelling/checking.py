"""Laying out labelled faces so that a wrong label stands out among its like."""

import numpy as np

from faceloop.sampling.diverse_strategies import COMPONENTS
from faceloop.sampling.params import SampleDiverse
from faceloop.statistics.clustering import cluster_points, principal_components


def order_alike(
    labels: np.ndarray, features: np.ndarray, settings: SampleDiverse, seed: int
) -> np.ndarray:
    """Return the positions of faces by label, then cluster, then distance to its centroid.

    Args:
        labels: int of shape (n,).
        features: float32 of shape (n, d).
        settings: how many clusters a label's faces are laid out by.
        seed: of PCA and k-means.
    """
    ordered = [np.array([], dtype=int)]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        points = principal_components(features[rows], COMPONENTS)
        clusters, distances = cluster_points(points, settings.clusters, seed)
        ordered.append(rows[np.lexsort((distances, clusters))])
    return np.concatenate(ordered)
