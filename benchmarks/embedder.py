"""What the crops of extract_faces cost an embedder, against embeddings of whole pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.active_learning import EMBEDDED, POOL, TEST, UTKFACE, macro_f1, read_truth
from benchmarks.scratch import project
from faceloop.commands.settings import Settings, read_settings
from faceloop.crops.face_table import read_faces
from faceloop.crops.packs import decode_crop, encode_crop
from faceloop.embedding.embedder import embedder_of
from faceloop.faces.face import crop_face
from faceloop.model.fit_head import fit_head
from faceloop.pool.features import read_embeddings
from faceloop.weights.loading import load_network, pick_device

TRAINING_LABELS = 1000
SHIPPED_MARGIN = 0.2
CropOf = Callable[[Image.Image, tuple[int, int, int, int], Settings], Image.Image]


def compare_crops(prepared: Path, seeds: int) -> pd.DataFrame:
    """Return, for each way to cut the same faces, likeness to the reference and macro-F1.

    The reference is the shared embeddings, of whole pictures. Macro-F1 is of a head trained on
    1,000 random pictures of the pool, on the fixed test set.
    """
    with project(prepared, EMBEDDED):
        settings = read_settings()
        faces = read_faces([TEST, POOL])
        extracted = np.concatenate([read_embeddings(batch) for batch in (TEST, POOL)])
        kept = faces.sort_values("probability").drop_duplicates("source", keep="last").sort_index()
        views = {
            "shared embeddings of the whole picture": _shared_embeddings(kept["source"]),
            "the whole picture through embed": _embed(kept, _whole, settings),
            "crops at margin 0": extracted[kept.index].astype(np.float32),
            f"crops at the shipped margin {SHIPPED_MARGIN}": _embed(kept, _with_margin, settings),
        }
        reference = views["shared embeddings of the whole picture"]
        return pd.DataFrame(
            [
                {
                    "embedded": name,
                    "cosine to shared": f"{(one * reference).sum(axis=1).mean():.3f}",
                    f"macro-F1 of {TRAINING_LABELS} labels": _judge(one, kept, settings, seeds),
                }
                for name, one in views.items()
            ]
        )


def _shared_embeddings(files: pd.Series) -> np.ndarray:
    with np.load(UTKFACE / "embeddings_0095.npz", allow_pickle=False) as shared:
        place = pd.Index(shared["files"]).get_indexer(files)
        return shared["embeddings"][place].astype(np.float32)


def _whole(image: Image.Image, box: tuple[int, int, int, int], settings: Settings) -> Image.Image:
    return image


def _with_margin(
    image: Image.Image, box: tuple[int, int, int, int], settings: Settings
) -> Image.Image:
    return crop_face(image, box, SHIPPED_MARGIN, settings.extract_faces.crop_px)


def _embed(faces: pd.DataFrame, crop_of: CropOf, settings: Settings) -> np.ndarray:
    """Return embeddings (n, d) of faces cut by `crop_of`, packed as extract_faces packs them."""
    device = pick_device(settings.device)
    network = load_network(settings.embed.model, device)
    embedder = embedder_of(network, settings.embed, None, SHIPPED_MARGIN, device)
    crops = []
    for source, *box in faces[["source", "x0", "y0", "x1", "y1"]].itertuples(index=False):
        with Image.open(UTKFACE / "images" / source) as image:
            crops.append(encode_crop(crop_of(image.convert("RGB"), tuple(box), settings)))
    size = embedder.batch_size
    parts = [
        embedder(np.stack([decode_crop(one) for one in some]))
        for some in (crops[start : start + size] for start in range(0, len(crops), size))
    ]
    return np.concatenate(parts)


def _judge(embeddings: np.ndarray, faces: pd.DataFrame, settings: Settings, seeds: int) -> str:
    """Return mean and standard deviation of macro-F1 over random draws of training pictures."""
    classes = settings.classes
    label_of = read_truth().set_index("source")["label"]
    labels = faces["source"].map(label_of).map(classes.index).to_numpy(dtype=np.int64)
    pool = np.flatnonzero(faces["batch"] == POOL)
    test = np.flatnonzero(faces["batch"] == TEST)
    scores = []
    for seed in range(seeds):
        drawn = np.random.default_rng(seed).choice(pool, TRAINING_LABELS, replace=False)
        fit = fit_head(
            embeddings[drawn],
            labels[drawn],
            drawn,
            classes,
            settings.embed.model,
            settings.train,
            seed,
        )
        scores.append(macro_f1(fit.head, embeddings[test], labels[test]))
    return f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1) if seeds > 1 else 0:.3f}"
