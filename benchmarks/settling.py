"""How far successive models differ on UTKFace, and when patience would end such a project.

    python -m benchmarks.settling

Random rounds of 300 labels on the shared embeddings, the pipeline's own head, a fixed test set.
Then projects of 200 validation faces a round are simulated with these gains and differences.
"""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.gate import compared, flips, markdown
from benchmarks.scratch import DATA, ROOT
from faceloop.base.randomness import generator
from faceloop.commands.settings import Settings, read_settings
from faceloop.evaluation.evaluation_figures import IterationFigures, PredictionAgreement
from faceloop.evaluation.held_out import WholeBatch
from faceloop.evaluation.whole_batch import prediction_agreement
from faceloop.gate import verdict
from faceloop.gate.params import Gate
from faceloop.gate.verdict import Evidence, judge
from faceloop.model.fit_head import fit_head
from faceloop.model.head import Head, predict

ROUND, ROUNDS, TEST, PROJECTS = 300, 12, 3000, 400
UTKFACE = DATA / "utkface"


class Step(NamedTuple):
    """From one model to the next; accuracy on the test set, agreement and kappa on the pool."""

    labels: int
    accuracy: float
    gain: float
    disagreement: float
    agreement: float
    kappa: float


def measure(settings: Settings) -> Iterator[Step]:
    """Train after each round, and compare with the model before."""
    stored = np.load(UTKFACE / "embeddings_0095.npz")
    features = stored["embeddings"].astype(np.float32)
    race = pd.read_csv(UTKFACE / "labels.csv").set_index("file")["race"]
    classes = sorted(race.unique())
    truth = race.loc[stored["files"]].map(classes.index).to_numpy()
    order = generator(0, "benchmarks.settling").permutation(len(truth))
    test, pool = order[:TEST], order[TEST:]
    before: Head | None = None
    for labels in range(ROUND, (ROUNDS + 1) * ROUND, ROUND):
        known, rest = pool[:labels], pool[labels:]
        after = fit_head(features[known], truth[known], known, classes, "-", settings.train, 0).head
        if before is not None:
            hits = [
                predict(one, features[test]).argmax(1) == truth[test] for one in (before, after)
            ]
            none, here = np.zeros(0), np.ones(len(rest), bool)
            batch = WholeBatch(none, none, none, None, none, none, none, 0.0, features[rest], here)
            found = prediction_agreement(batch, before, after)
            yield Step(
                labels,
                accuracy=float(hits[1].mean()),
                gain=float(hits[1].mean() - hits[0].mean()),
                disagreement=float((hits[0] != hits[1]).mean()),
                agreement=1.0 if found.agreement is None else found.agreement,
                kappa=1.0 if found.kappa is None else found.kappa,
            )
        before = after


def patience(steps: list[Step], gate: Gate, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Return when projects on these steps end, by patience and by what counts as settled."""
    for settled in (0.0, 0.95, 0.97, 0.99):
        for rounds in (1, 2, 3):
            verdict.SETTLED_KAPPA = settled
            asked = gate.model_copy(update={"patience": rounds})
            ends = [steps[project_end(steps, asked, rng)] for _ in range(PROJECTS)]
            yield {
                "settled kappa": f"{settled:g}",
                "patience": rounds,
                "ended before its last round": np.mean([one != steps[-1] for one in ends]),
                "labels, mean": f"{np.mean([one.labels for one in ends]):.0f}",
                "accuracy reached": np.mean([one.accuracy for one in ends]),
            }


def project_end(steps: list[Step], gate: Gate, rng: np.random.Generator) -> int:
    """Return the step that a project ends with; the last where the gate ends it at none."""
    without_gain = 0
    for at, step in enumerate(steps):
        turned = [flips(gain, step.disagreement, 200, (1,), rng) for gain in (0.0, step.gain)]
        kept, found = (compared(int(won[0]), int(lost[0]), 200) for won, lost in turned)
        pool = PredictionAgreement(faces=1, agreement=step.agreement, kappa=step.kappa)
        fresh = IterationFigures(**dict(found), whole_batch=None, pool_agreement=pool)
        judgement = judge(Evidence(kept, fresh, 1, 1, 0, at, without_gain, 1, 1), gate)
        if judgement.verdict == "stop":
            return at
        without_gain = judgement.without_gain
    return len(steps) - 1


def main() -> int:
    """Print the two tables of benchmarks/results/settling.md."""
    if not UTKFACE.is_dir():
        print(f"{UTKFACE} is not here: see benchmarks/results/README.md", file=sys.stderr)
        return 2
    settings = read_settings(ROOT / "params.yaml")
    steps = list(measure(settings))
    shown = ({**step._asdict(), "kappa": f"{step.kappa:.3f}"} for step in steps)
    print(f"\nSuccessive models on UTKFace, per cent\n\n{markdown(shown)}")
    gate = settings.gate.model_copy(update={"metric": "accuracy"})
    table = markdown(patience(steps, gate, generator(0, "patience")))
    print(f"\nPatience on these rounds, per cent\n\n{table}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
