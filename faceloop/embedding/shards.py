"""A shard of packed crops, and what becomes of it: embeddings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from faceloop.base.errors import FaceloopError
from faceloop.crops.packs import crops_path, decode_crop, read_packed
from faceloop.embedding.embedder import Embedder, embedder_of
from faceloop.embedding.params import Embed, OnnxInput
from faceloop.embedding.rows import STORED_AS
from faceloop.weights.loading import check_precision, fetch_weights, load_network, pick_device

SHARD_FACES = 512  # crops of 160 px take 40 MB as pixels: what a worker holds at most
DECODERS = {"cpu": 1, "cuda": 8}  # threads beside the network, which a GPU would outrun


class CropShard(NamedTuple):
    """Some faces of a batch, in the order of its table.

    start: the row of the first. places: int64 of shape (n, 3), of their crops in the pack.
    """

    start: int
    places: np.ndarray


def cut_shards(places: np.ndarray) -> list[CropShard]:
    """Return the shards that make up a batch, from the places (n, 3) of its crops."""
    starts = range(0, len(places), SHARD_FACES)
    return [CropShard(start, places[start : start + SHARD_FACES]) for start in starts]


def check_for_crops(batch: str, settings: Embed, device: str) -> None:
    """Check that this machine can do what `embed_shard` does.

    Raises:
        FaceloopError: it does not see the batch's crops, or does not compute in the precision.
    """
    if not crops_path(batch).is_file():
        raise FaceloopError(f"it does not see {crops_path(batch)}: share that folder too")
    check_precision(settings.precision, device)


def embed_shard(
    shard: CropShard,
    batch: str,
    settings: Embed,
    pixels: OnnxInput | None,
    margin: float,
    weights: str,
    device: str,
) -> np.ndarray:
    """Return the embeddings of a shard, STORED_AS of shape (n, d).

    Crops are decoded on other threads while the network runs.

    Args:
        shard: from `cut_shards`.
        batch: whose pack holds the crops.
        settings: names the network; it is loaded once a process.
        pixels: what an ONNX model wants, from `read_onnx_input`.
        margin: what the crops hold around the box, as a share of its longer side.
        weights: SHA-256 of the network's file, from `fetch_weights`.
        device: auto, cpu or cuda.

    Raises:
        FaceloopError: the pack or the weights are not here, damaged or others, or an embedding is
            not finite.
    """
    embedder = _load_embedder(settings, pixels, margin, weights, device)
    with ThreadPoolExecutor(DECODERS[embedder.device.type]) as pool:
        crops = pool.map(decode_crop, read_packed(batch, shard.places))
        parts = [embedder(np.stack(some)) for some in _batches(crops, embedder.batch_size)]
    return np.concatenate(parts).astype(STORED_AS)


def _batches(crops: Iterator[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    while some := list(islice(crops, size)):
        yield some


@lru_cache(maxsize=1)
def _load_embedder(
    settings: Embed, pixels: OnnxInput | None, margin: float, weights: str, wanted: str
) -> Embedder:
    if fetch_weights(settings.model) != weights:
        raise FaceloopError(
            f"embed.model: {settings.model}: its file is not the same on all machines "
            f"(SHA-256 {weights} where the stage was started); copy that one to the others"
        )
    torch.set_num_threads(1)  # of a process: they are as many as there are cores
    device = pick_device(wanted)
    network = load_network(settings.model, device)
    return embedder_of(network, settings, pixels, margin, device)
