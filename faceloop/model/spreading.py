"""Label spreading: labels flow along the neighbour graph to the faces that have none.

Zhou, Bousquet, Lal, Weston and Schölkopf 2004, Learning with Local and Global Consistency.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

ALPHAS = (0.8, 0.95)  # share of its neighbours' in what a face holds
STEPS = 20  # by then labels have gone further than they mean anything
POWER = 3  # of a cosine: the near count more than the far
LEAST = 1e-3  # probability that spreading never falls below: it is no proof that nothing arrived


def affinity(
    faces: np.ndarray, neighbours: np.ndarray, cosines: np.ndarray, n: int
) -> sparse.csr_matrix:
    """Return the graph of n faces as (n, n): symmetric, divided by the roots of both degrees.

    Args:
        faces, neighbours: both ends of each edge, of shape (m,); one way is enough.
        cosines: of shape (m,).
        n: how many faces.
    """
    weights = np.maximum(cosines.astype(np.float64), 0) ** POWER
    graph = sparse.csr_matrix((weights, (faces, neighbours)), (n, n))
    graph = graph.maximum(graph.T)
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-9)))
    return (scale @ graph @ scale).tocsr()


def near_in_memory(graph: sparse.csr_matrix) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return the graph with neighbours near each other, and each row's place there, of shape (n,).

    At 100,000 faces that saves most of the time that spreading takes.
    """
    order = reverse_cuthill_mckee(graph, symmetric_mode=True)
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=order.dtype)
    return graph[order][:, order], place


def spread(
    graph: sparse.csr_matrix,
    sources: Sequence[tuple[np.ndarray, np.ndarray]],
    n_classes: int,
    alpha: float,
) -> np.ndarray:
    """Return what has arrived of each class at each face, of shape (s, n, C) for s sources.

    Args:
        graph: of `affinity`.
        sources: the labelled faces' rows in the graph (m,), and their labels, int of shape (m,).
        n_classes: C.
        alpha: in (0, 1); the nearer to 1, the further labels flow.
    """
    n = graph.shape[0]
    source = np.zeros((n, len(sources), n_classes))
    for at, (rows, labels) in enumerate(sources):
        share = 1 / np.sqrt(np.maximum(np.bincount(labels, minlength=n_classes), 1))
        source[rows, at, labels] = share[labels]
    held = source = source.reshape(n, -1)
    for _ in range(STEPS):
        held = alpha * (graph @ held) + (1 - alpha) * source
    return held.reshape(n, len(sources), n_classes).swapaxes(0, 1)


def arrived(held: np.ndarray) -> np.ndarray:
    """Return ln p of shape (..., C) of what has arrived; evenly where nothing has."""
    held = np.maximum(held, 1e-9)
    return np.log(held / held.sum(axis=-1, keepdims=True) + LEAST)
