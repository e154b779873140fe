"""Accuracy for the votes spent: three votes a face, against one and a second where it is doubted.

`python -m benchmarks.consensus [--seeds 5]` prints a Markdown table. Simulated annotators label
UTKFace; what stands in its table is the truth.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.label_errors import with_interval
from benchmarks.real_faces import FIRST_SEED, print_table
from benchmarks.utkface import UTKFACE, Faces, draw, fit, read_faces
from faceloop.commands.settings import read_settings
from faceloop.labels.columns import UNRESOLVED
from faceloop.labels.votes import AGGREGATIONS
from faceloop.model.params import Train
from faceloop.sampling.label_errors import label_quality, most_suspicious

TRAINING_FACES = 2000
ACCURACIES = np.linspace(0.70, 0.95, 6)  # one an annotator; errors fall on the other classes alike
STEP, STEPS = 0.1, 5  # share of the faces that is asked again each round, and rounds
OVERLAP = 0.2  # share that two people label from the start, for Dawid and Skene to weigh them
COLUMNS = ["batch", "face_id", "annotator", "label", "purpose"]


class Crowd:
    """Annotators who answer when asked, nobody twice about one face."""

    def __init__(self, truth: np.ndarray, n_classes: int, seed: int) -> None:
        self.truth, self.n_classes = truth, n_classes
        self.rng = np.random.default_rng(seed)
        people = np.tile(np.arange(len(ACCURACIES)), (len(truth), 1))
        self.order = self.rng.permuted(people, axis=1)  # (n, people): whom each face goes to
        self.asked = np.zeros(len(truth), dtype=int)
        self.votes = pd.DataFrame(columns=COLUMNS)

    def ask(self, faces: np.ndarray, purpose: str = "train") -> None:
        """Have one person more label each of these faces."""
        who, truth = self.order[faces, self.asked[faces]], self.truth[faces]
        wrong = (truth + self.rng.integers(1, self.n_classes, len(faces))) % self.n_classes
        right = self.rng.random(len(faces)) < ACCURACIES[who]
        said = np.where(right, truth, wrong).astype(str)
        rows = zip(["one"] * len(faces), faces, who.astype(str), said, strict=True)
        new = pd.DataFrame([(*row, purpose) for row in rows], columns=COLUMNS)
        self.votes = pd.concat([self.votes, new]) if len(self.votes) else new
        self.asked[faces] += 1

    def labels(self, aggregation: str) -> np.ndarray:
        """Return each face's label; -1 where it is unresolved."""
        merged = AGGREGATIONS[aggregation](self.votes).set_index("face_id")["label"]
        labels = merged.reindex(range(len(self.truth)))
        return labels.replace(UNRESOLVED, "-1").to_numpy(dtype=int)

    def spent(self, labels: np.ndarray) -> dict[str, float]:
        """Return votes a face, and the share of right labels; an unresolved one is not right."""
        return {"votes": self.asked.mean(), "accuracy": (labels == self.truth).mean()}


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; return 0 when done, 2 where UTKFace is not here."""
    parser = argparse.ArgumentParser(prog="benchmarks.consensus", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="draws of faces and of answers")
    arguments = parser.parse_args(words)
    if not UTKFACE.is_dir():
        print(f"error: the real faces are not here: {UTKFACE} is missing", file=sys.stderr)
        return 2
    settings = read_settings().train
    runs = pd.DataFrame(
        [
            {"labels": column, "seed": FIRST_SEED + at, **row}
            for column in ("gender", "race")
            for faces in [read_faces(column)]
            for at in range(arguments.seeds)
            for row in run(faces, settings, FIRST_SEED + at)
        ]
    )
    print_table(pd.DataFrame(_rows(runs)))
    return 0


def run(faces: Faces, settings: Train, seed: int) -> Iterator[dict[str, Any]]:
    """Yield votes a face and accuracy of each way to spend votes."""
    train, _ = draw(faces, TRAINING_FACES, np.random.default_rng(seed))
    everyone = Crowd(train.labels, len(faces.classes), seed)
    for times in range(1, 6):
        everyone.ask(np.arange(TRAINING_FACES))
        for aggregation in AGGREGATIONS if times in (2, 3, 5) else ["majority"]:
            labels = everyone.labels(aggregation)
            yield {"policy": f"{times} each, {aggregation}", **everyone.spent(labels)}
    for aggregation, overlap in (("majority", 0.0), ("dawid-skene", OVERLAP)):
        crowd = Crowd(train.labels, len(faces.classes), seed)
        crowd.ask(np.arange(TRAINING_FACES))
        crowd.ask(np.flatnonzero(crowd.rng.random(TRAINING_FACES) < overlap))
        for step in range(STEPS + 1):
            if step:
                doubt(crowd, train, aggregation, settings, seed)
            name = f"1 each, {overlap:.0%} twice, {step} x {STEP:.0%} doubted, {aggregation}"
            spent = crowd.spent(crowd.labels(aggregation))
            print(faces.classes[0], seed, name, spent, file=sys.stderr)
            yield {"policy": name, **spent}


def doubt(crowd: Crowd, train: Faces, aggregation: str, settings: Train, seed: int) -> None:
    """Have the most suspicious labels of one vote asked again, and ties settled by one more."""
    labels = crowd.labels(aggregation)
    known = np.flatnonzero(labels >= 0)
    fitted = fit(train.take(known), labels[known], settings, seed)
    quality = label_quality(labels[known], fitted.out_of_fold)
    once = crowd.asked[known] == 1
    picked = most_suspicious(quality[once], known[once], round(STEP * len(labels)))
    crowd.ask(known[once][picked], "relabel")
    crowd.ask(np.flatnonzero((crowd.labels("majority") < 0) & (crowd.asked == 2)), "relabel")


def _rows(runs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield a row a policy: accuracy, and at the same seeds its lead over three votes each."""
    rng = np.random.default_rng(FIRST_SEED)
    for (column, policy), some in runs.groupby(["labels", "policy"], sort=False):
        plain = runs[(runs["labels"] == column) & (runs["policy"] == "3 each, majority")]
        lead = some["accuracy"].to_numpy() - plain["accuracy"].to_numpy()
        yield {
            "labels": str(column),
            "policy": str(policy),
            "votes a face": f"{some['votes'].mean():.2f}",
            "accuracy": f"{some['accuracy'].mean():.3f}",
            "lead over 3 each": with_interval(lead, rng),
        }


if __name__ == "__main__":
    sys.exit(main())
