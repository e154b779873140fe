"""Sets whose labels are known: UTKFace as two embedders see it, digits, and the demo batch."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits
from tqdm import tqdm

from benchmarks.scratch import DATA, ROOT
from faceloop.commands.labelling.vote import label_by_truth, read_truth
from faceloop.commands.settings import read_settings
from faceloop.commands.simulation.known_labels import read_outside_set
from faceloop.commands.simulation.simulated_loop import Labelled
from faceloop.crops.face_table import read_batch
from faceloop.embedding.embedder import embedder_of
from faceloop.pool.features import read_embeddings
from faceloop.weights.loading import load_network, pick_device

AGES = (16, 36, 61)  # years at which a band begins


def utkface(target: str, rare: float = 1.0) -> tuple[Labelled, list[str]]:
    """Read UTKFace's shared embeddings with one of its labels; keep a share of the rarest."""
    folder = DATA / "utkface"
    data, classes = read_outside_set(folder / "embeddings_0095.npz", folder / "labels.csv", target)
    return without_rare(data, rare), classes


def ages() -> tuple[Labelled, list[str]]:
    """Read UTKFace's shared embeddings with age in four bands."""
    data, ages = utkface("age")
    bands = np.digitize(np.array(ages, dtype=float), AGES)
    return data._replace(labels=bands[data.labels]), ["to 15", "to 35", "to 60", "over 60"]


def onet(target: str, cache: Path) -> tuple[Labelled, list[str]]:
    """Read UTKFace's pictures as O-Net features, computed once into `cache`."""
    if not cache.is_file():
        write_onet(cache)
    return read_outside_set(cache, DATA / "utkface/labels.csv", target)


def write_onet(path: Path) -> None:
    """Embed the shared pictures with the network that params.yaml ships with."""
    settings = read_settings()
    embed = settings.embed.model_copy(update={"model": "mtcnn-onet"})
    device = pick_device("cpu")
    embedder = embedder_of(load_network(embed.model, device), embed, None, 0.0, device)
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
    settings = read_settings()
    faces, features = read_batch("demo"), read_embeddings("demo").astype(np.float32)
    truth = read_truth(ROOT / "data/raw/demo.truth.csv", settings.classes)
    labels = label_by_truth(faces, truth)
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
