"""How far successive models differ on UTKFace: what the gate has to tell apart, round by round.

    python -m benchmarks.settling

Random rounds of 300 labels on the shared embeddings, the pipeline's own head, a fixed test set.
"""

import numpy as np
import pandas as pd

from benchmarks.gate import markdown
from benchmarks.scratch import DATA, ROOT
from stages.core.fit_head import fit_head
from stages.core.head import predict
from stages.core.randomness import generator
from stages.core.records import WholeBatch
from stages.core.whole_batch import prediction_agreement
from stages.files.params import read_params

ROUND, ROUNDS, TEST = 300, 12, 3000


def main() -> None:
    """Print a row a round."""
    labels = pd.read_csv(DATA / "utkface/labels.csv")
    stored = np.load(DATA / "utkface/embeddings_0095.npz")
    features = stored["embeddings"].astype(np.float32)
    race = labels.set_index("file")["race"].loc[stored["files"]].to_numpy()
    classes = sorted(set(race))
    truth = np.array([classes.index(one) for one in race])
    order = generator(0, "benchmarks.settling").permutation(len(truth))
    test, pool = order[:TEST], order[TEST:]
    settings = read_params(ROOT / "params.yaml").train
    before, rows = None, []
    for at in range(1, ROUNDS + 1):
        known = pool[: at * ROUND]
        fit = fit_head(features[known], truth[known], known, classes, "-", settings, 0)
        if before is not None:
            rows.append(_row(before, fit.head, features, truth, test, pool[at * ROUND :], at))
        before = fit.head
    print(markdown(iter(rows)))


def _row(before, after, features, truth, test, rest, at):  # type: ignore[no-untyped-def]
    hits = [predict(head, features[test]).argmax(axis=1) == truth[test] for head in (before, after)]
    nothing = np.zeros(0)
    batch = WholeBatch(
        nothing, nothing, nothing, nothing, 0.0, features[rest], np.ones(len(rest), bool)
    )
    found = prediction_agreement(batch, before, after)
    return {
        "labels": at * ROUND,
        "accuracy": hits[1].mean(),
        "gain": hits[1].mean() - hits[0].mean(),
        "one right, one wrong": (hits[0] != hits[1]).mean(),
        "agree on the pool": found["agreement"],
        "kappa": f"{found['kappa']:.3f}",
    }


if __name__ == "__main__":
    main()
