"""The loop on UTKFace: rounds answered from its truth, through the real stages."""

import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.scratch import (
    DATA,
    EMBEDDER,
    embed_once,
    extract_once,
    lay_embedder,
    link_batch,
    project,
)
from faceloop.base.rounds import next_round
from faceloop.base.storage import METRICS_DIR
from faceloop.commands.labelling import vote
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.commands.rounds.next_round import freeze_queue, move_on
from faceloop.commands.rounds.state import read_state
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import read_batch
from faceloop.gate.gate_figures import GateFigures
from faceloop.model.head import Head, predict
from faceloop.model.head_files import MODELS_DIR, read_head
from faceloop.model.train_figures import TrainFigures
from faceloop.pool.features import read_embeddings
from faceloop.statistics.confusion import confusion_by_group, figures
from faceloop.statistics.figure_files import read_record
from stages import (
    eval_iteration,
    eval_overfit,
    gate,
    merge_labels,
    sample_diverse,
    sample_relabel,
    sample_uncertain,
    sample_validation,
    train,
)

UTKFACE = DATA / "utkface"
POOL, TEST = "pool", "test"
TEST_PICTURES = 2000
SPLIT_SEED = 0  # of the fixed test set; the loop's own seeds differ
TRUTH_FILE = Path("truth.csv")

# UTKFace's pictures are cut so tightly that a margin would hold black alone.
EMBEDDED = {
    "classes": ["asian", "black", "indian", "other", "white"],
    "batches": [TEST, POOL],
    "extract_faces.margin": 0.0,
    "embed.model": f"models/embedders/{EMBEDDER.name}",
}
ROUND = {  # 300 labels a round; clusters of about five faces, as in params.yaml
    "sample_validation.size": 60,
    "sample_diverse.size": 240,
    "sample_diverse.clusters": 48,
    "sample_relabel.share": 0.0,  # the truth would only repeat itself
}
ARMS: dict[str, dict[str, Any]] = {
    "entropy, 40/40/20": {"strategy": "article", "sample_uncertain.size": 960},
    "random": {"strategy": "random", "sample_uncertain.size": 240},
}


def read_truth() -> pd.DataFrame:
    """Return UTKFace's pictures: source, label, and the batch that each belongs to."""
    table = pd.read_csv(UTKFACE / "labels.csv")
    table = table[table["image"] == 1].sort_values("file", ignore_index=True)
    shuffled = np.random.default_rng(SPLIT_SEED).permutation(len(table))
    batch = np.where(shuffled < TEST_PICTURES, TEST, POOL)
    return pd.DataFrame({"source": table["file"], "label": table["race"], "batch": batch})


def prepare(work: Path) -> Path:
    """Extract and embed UTKFace once for all runs; return the project that holds its faces."""
    folder, truth = work / "utkface", read_truth()
    with project(folder, EMBEDDED):
        lay_embedder(Path("models/embedders"))
        for batch in (TEST, POOL):
            files = truth.loc[truth["batch"] == batch, "source"]
            link_batch(batch, [UTKFACE / "images" / file for file in files])
            extract_once(batch)
            embed_once(batch)
    return folder


def run_arm(prepared: Path, folder: Path, arm: str, seed: int, rounds: int) -> pd.DataFrame:
    """Go through the seed round and `rounds` more; return a row a round.

    Columns: labels, macro_f1 (on the fixed test set), trained_on, l2, verdict, arm, seed.
    """
    truth = read_truth()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    for made in ("faces", "embeddings", "duplicates"):
        (folder / "data" / made).symlink_to((prepared / "data" / made).resolve())
    with project(folder, {**EMBEDDED, **ROUND, **ARMS[arm], "seed": seed}):
        truth[["source", "label"]].to_csv(TRUTH_FILE, index=False)
        run_stages()
        rows = pd.DataFrame(_rounds(truth, rounds))
    return rows.assign(arm=arm, seed=seed)


def _rounds(truth: pd.DataFrame, rounds: int) -> Iterator[dict[str, Any]]:
    features, labels = read_test_set(truth)
    for _ in range(rounds + 1):
        answer_next_round()
        run_stages()
        gate = read_record(GateFigures, METRICS_DIR / "gate.json")
        trained = read_record(TrainFigures, METRICS_DIR / "train.json")
        head = read_head(MODELS_DIR / f"{gate.round}.safetensors")
        yield {
            "labels": gate.labels,
            "macro_f1": macro_f1(head, features, labels),
            "trained_on": trained.faces,
            "l2": trained.l2,
            "verdict": gate.verdict + (", rejected" if gate.rejected else ""),
        }


def answer_next_round() -> None:
    """Freeze the drawn queue as the next round's and answer it, whatever the gate says."""
    state = read_state()
    candidate = state.candidate
    name = next_round(candidate, new_batch=False) if len(state.queue) else candidate
    freeze_queue(state, name)
    if name != candidate:
        edit_params(move_on(state.settings.rounds, name))
    vote.run(Namespace(truth=TRUTH_FILE, annotator="truth"))


def run_stages() -> None:
    """Run what `dvc repro` would run after a vote, in this process."""
    for stage in (merge_labels, train, eval_overfit, eval_iteration, gate):
        stage.main()
    for stage in (sample_validation, sample_uncertain, sample_diverse, sample_relabel):
        stage.main()


def read_test_set(truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, d) and labels (n,) of the test pictures, the likeliest face of each."""
    faces = read_batch(TEST).sort_values("probability").drop_duplicates("source", keep="last")
    label_of = truth.set_index("source")["label"]
    classes = read_settings().classes
    labels = faces["source"].map(label_of).map(classes.index).to_numpy(dtype=np.int64)
    return read_embeddings(TEST)[faces.index].astype(np.float32), labels


def macro_f1(head: Head, features: np.ndarray, labels: np.ndarray) -> float:
    """Return macro-F1 of a head on features (n, d) with labels (n,)."""
    predicted = predict(head, features).argmax(axis=1)
    counts = confusion_by_group(labels, predicted, labels * 0, len(head.classes))
    return float(figures(counts[0])["macro_f1"])


def labels_to_reach(curve: pd.Series, target: float) -> float:
    """Return the labels at which a curve (macro-F1 by labels) first meets `target`, or NaN."""
    labels, scores = curve.index.to_numpy(dtype=float), curve.to_numpy()
    above = np.flatnonzero(scores >= target)
    if len(above) == 0:
        return float("nan")
    at = int(above[0])
    if at == 0:
        return float(labels[0])
    share = (target - scores[at - 1]) / (scores[at] - scores[at - 1])
    return float(labels[at - 1] + share * (labels[at] - labels[at - 1]))
