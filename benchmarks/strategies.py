"""Strategies against random labels, the article's preset and their peers: `faceloop simulate`.

    python -m benchmarks.strategies --out /tmp/strategies [--only digits ...] [--seeds 20]

Each set has a folder under --out, as `faceloop simulate` writes it; a run that was stopped goes on
where it was. What is missing at ../shared/data is left out, and said.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits
from tqdm import tqdm

from benchmarks.peers import PEERS, SLOW, picker_of
from benchmarks.real_faces import print_table
from benchmarks.scratch import DATA, ROOT
from loop.known_labels import read_outside_set
from loop.simulate import report
from loop.simulation import Simulation, simulate
from loop.vote import read_truth
from stages.core.anchors import label_by_truth
from stages.core.embedding import embedder_of
from stages.core.learning_curves import paired_differences
from stages.core.randomness import generator
from stages.core.simulation import WHOLE_POOL, Labelled, Plan, learning_curve, our_picker
from stages.files.params import read_params
from stages.files.tables import read_batch, read_embeddings
from stages.files.weights import load_network, pick_device

FINALISTS = ("random", "article", "margin/top", "margin/weighted_kmeans")
OTHERS = (
    *("least_confidence/top", "entropy/top", "ratio/top", "power_margin/top"),
    *("entropy/spherical_kmeans", "margin/kmeans", "margin/cluster_margin", "margin/badge"),
    *("margin/k_center", "random/k_center", "random/typical"),
)
FAST_PEERS = tuple(name for name in PEERS if name not in SLOW)
RARE = 0.02  # of the smallest class, that the imbalanced sets keep


class Run(NamedTuple):
    """What to simulate: how the data is read, how the rounds go, and how often.

    The others and the peers go as far as `seeds` too, but for a set where they take too long.
    """

    read: Callable[[], tuple[Labelled, list[str]]]
    plan: Plan
    others: tuple[str, ...]
    others_seeds: int


def utkface(target: str, rare: float = 1.0) -> tuple[Labelled, list[str]]:
    """Read UTKFace's shared embeddings with one of its labels; keep a share of the rarest."""
    folder = DATA / "utkface"
    data, classes = read_outside_set(folder / "embeddings_0095.npz", folder / "labels.csv", target)
    return without_rare(data, rare), classes


def onet(target: str, cache: Path) -> tuple[Labelled, list[str]]:
    """Read UTKFace's pictures as O-Net features, computed once into `cache`."""
    if not cache.is_file():
        write_onet(cache)
    return read_outside_set(cache, DATA / "utkface/labels.csv", target)


def write_onet(path: Path) -> None:
    """Embed the shared pictures with the network that params.yaml ships with."""
    settings = read_params()
    embed = settings.embed.model_copy(update={"model": "mtcnn-onet", "device": "cpu"})
    device = pick_device(embed.device)
    embedder = embedder_of(load_network(embed, device), embed, 0.0, device)
    table = pd.read_csv(DATA / "utkface/labels.csv")
    files = table.loc[table["image"] == 1, "file"].to_numpy(dtype=str)
    parts = []
    for start in tqdm(range(0, len(files), embedder.batch_size), "O-Net", disable=None):
        pictures = [_picture(file) for file in files[start : start + embedder.batch_size]]
        parts.append(embedder(np.stack(pictures)))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, files=files, embeddings=np.concatenate(parts))


def _picture(file: str) -> np.ndarray:
    with Image.open(DATA / "utkface/images" / file) as image:
        return np.asarray(image.convert("RGB"))


def digits() -> tuple[Labelled, list[str]]:
    """Read scikit-learn's 1,797 handwritten digits, pixel by pixel."""
    images, labels = load_digits(return_X_y=True)
    ids = np.array([hashlib.sha256(str(at).encode()).hexdigest()[:16] for at in range(len(images))])
    return Labelled(ids, ids, images.astype(np.float32), labels.astype(np.int64)), list(
        "0123456789"
    )


def demo() -> tuple[Labelled, list[str]]:
    """Read the demo batch, answered from its truth; run `dvc repro` before."""
    settings = read_params()
    faces, features = read_batch("demo"), read_embeddings("demo").astype(np.float32)
    truth = read_truth(ROOT / "data/raw/demo.truth.csv", settings.classes)
    labels = label_by_truth(faces, truth, settings.merge_labels.min_iou)
    known = np.flatnonzero(labels.isin(settings.classes) & faces["duplicate_of"].isna())
    codes = labels.iloc[known].map(settings.classes.index).to_numpy(dtype=np.int64)
    ids, groups = (faces[name].to_numpy(dtype=str)[known] for name in ("face_id", "group"))
    return Labelled(ids, groups, features[known], codes), settings.classes


def without_rare(data: Labelled, share: float) -> Labelled:
    """Cut the smallest class to a share of itself, the first by face_id."""
    rare = np.flatnonzero(data.labels == np.bincount(data.labels).argmin())
    by_id = rare[np.argsort(data.face_ids[rare])]
    kept = np.setdiff1d(np.arange(len(data.labels)), by_id[round(share * len(rare)) :])
    return Labelled(*(values[kept] for values in data))


def runs(out: Path) -> dict[str, Run]:
    """Return all sets by name; the plans are round_size, rounds, validation, test_share."""
    cache = out / "onet.npz"
    return {
        "race": Run(lambda: utkface("race"), Plan(300, 14, 0, 0.25), FAST_PEERS, 3),
        "race-loop": Run(lambda: utkface("race"), Plan(300, 14, 60, 0.25), (), 0),
        "gender": Run(lambda: utkface("gender"), Plan(100, 8, 0, 0.25), (), 0),
        "rare": Run(lambda: utkface("race", RARE), Plan(200, 8, 0, 0.25), (), 0),
        "onet-race": Run(lambda: onet("race", cache), Plan(200, 8, 0, 0.25), (), 0),
        "onet-gender": Run(lambda: onet("gender", cache), Plan(100, 8, 0, 0.25), (), 0),
        "digits": Run(digits, Plan(30, 15, 0, 0.25), (*OTHERS, *PEERS), 5),
        "demo": Run(demo, Plan(30, 12, 0, 0.25), (*OTHERS, *PEERS), 5),
    }


def overview(results: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return what `report` wrote as the one table that docs/strategies.md shows."""
    summary = pd.read_csv(folder / "summary.csv").set_index("strategy")
    pool = results.loc[results["strategy"] == WHOLE_POOL, "labels"].mean()
    spent = results.loc[results["strategy"] == "random", "labels"].max()
    table = pd.DataFrame({"seeds": summary["seeds"], "area": summary["area"].map("{:.4f}".format)})
    reached, near = summary["to_random_last"], summary["to_99_percent"]
    table["labels to random's last (saved)"] = [_reached(one, 1 - one / spent) for one in reached]
    table["labels to 99 % of the whole pool's (of it)"] = [
        _reached(one, one / pool) for one in near
    ]
    for baseline in ("random", "article"):
        found = pd.read_csv(folder / f"against_{baseline}.csv").set_index("strategy")
        table[f"against {baseline}"] = pd.Series(
            [
                f"{row.difference:+.4f} [{row.difference_low:+.4f}, {row.difference_high:+.4f}], "
                f"{row.wins} of {row.seeds}, p {row.p_holm:.2g}"
                for row in found.itertuples()
            ],
            found.index,
        )
    return table.sort_values("area", ascending=False).reset_index()


def _reached(labels: float, share: float) -> str:
    return f"{labels:.0f} ({share:.0%})" if np.isfinite(labels) else "–"


COLD_STARTS = ("top", "kmeans", "weighted_kmeans", "k_center", "typical")


def cold_starts(run: Run, seeds: int) -> pd.DataFrame:
    """Return macro-F1 after each of five rounds of 60 labels, by what picked the first of them.

    The later rounds go by the shipped strategy, whatever the first was picked by.
    """
    data, classes = run.read()
    settings = read_params()
    pick = our_picker(settings.strategy, settings)
    rows = []
    for seed in tqdm(range(seeds), "cold start", disable=None):
        for name in COLD_STARTS:
            plan = Plan(60, 5, 0, run.plan.test_share, name)
            for row in learning_curve(data, classes, pick, plan, settings, seed):
                rows.append({**row, "strategy": name, "seed": seed})
    return pd.DataFrame(rows)


def _table(
    simulation: Simulation,
    names: Sequence[str],
    seeds: int,
    folder: Path,
    jobs: int,
    out: Path | None = None,
) -> None:
    results = simulate(simulation, names, seeds, folder, jobs)
    report(results, out or folder)
    print_table(overview(results, out or folder))


def main(words: Sequence[str] | None = None) -> int:
    """Run the chosen sets, the finalists first; return 0 when done, 2 where a set is not here."""
    parser = argparse.ArgumentParser("benchmarks.strategies", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=runs(Path()), default=list(runs(Path())))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--class-weight", choices=["none", "balanced"], help="else params.yaml's")
    parser.add_argument("--cold-starts", action="store_true", help="these, and nothing else")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args(words)
    if not DATA.is_dir():
        print(f"error: the real faces are not here: {DATA} is missing", file=sys.stderr)
        return 2
    out, settings = arguments.out.resolve(), read_params()
    if arguments.class_weight:
        train = settings.train.model_copy(update={"class_weight": arguments.class_weight})
        settings = settings.model_copy(update={"train": train})
    for name in arguments.only:
        print(f"\n## {name}\n", flush=True)
        run = runs(out)[name]
        if arguments.cold_starts:
            rows = cold_starts(run, arguments.seeds)
            print(rows.pivot_table(index="labels", columns="strategy", values="macro_f1").round(4))
            table = paired_differences(rows, "macro_f1", "top", generator(0, "cold start"))
            print(table.round(4).to_string(index=False), flush=True)
            continue
        data, classes = run.read()
        simulation = Simulation(data, classes, run.plan, settings, picker_of)
        folder, jobs = out / name, arguments.jobs
        _table(simulation, FINALISTS, arguments.seeds, folder, jobs)
        if run.others:
            # Also-rans and peers, beside the finalists on the same, fewer seeds.
            names, seeds = (*FINALISTS, *run.others), min(arguments.seeds, run.others_seeds)
            _table(simulation, names, seeds, folder, jobs, folder / "others")
    return 0


if __name__ == "__main__":
    sys.exit(main())
