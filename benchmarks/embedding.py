"""What makes embedding fast, beside facenet-pytorch as its README shows it; what memory it takes.

    python -m benchmarks.embedding

Prints what benchmarks/results/embedding.md shows. facenet-pytorch's weights are not needed:
InceptionResnetV1 gets random ones, its batch normalisations the statistics of some faces. Neither
time nor rounding depends on what the weights were trained for, but cosines of the true network may
differ a little.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from facenet_pytorch import InceptionResnetV1
from PIL import Image

from benchmarks.extraction import watch
from benchmarks.processors import processor
from benchmarks.real_faces import print_table
from benchmarks.scratch import DATA, project
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, write_parquet
from faceloop.base.tables import as_table
from faceloop.crops.face_table import FOUND
from faceloop.crops.packs import crops_path, encode_crop, with_places, write_crops
from faceloop.embedding.embedder import CPU, CPU_BATCH, Embedder, resnet_features
from faceloop.weights.loading import check_precision

FACES_OF_STAGE = (2_000, 20_000)
PX = 160
CALIBRATED_ON = 64  # crops
README = "facenet-pytorch, as its README shows: one at a time"
TOGETHER = f"facenet-pytorch, {CPU_BATCH} at a time"
SHIPPED = "+ batch norms folded, ReLU in place: as shipped"
HALF = "+ bfloat16 (`embed.precision`)"  # where the processor has it
WORKERS = "as shipped, 2 processes x 1 thread"
Run = Callable[[], np.ndarray]


@cache
def faces() -> list[Image.Image]:
    """Return pictures of faces, PX wide: the first to calibrate on, the others to embed."""
    files = sorted((DATA / "utkface/images").glob("*.jpg"))
    pictures = islice(files, CALIBRATED_ON + CPU_BATCH)
    return [Image.open(file).convert("RGB").resize((PX, PX)) for file in pictures]


def crops() -> np.ndarray:
    """Return what is embedded: uint8 (CPU_BATCH, PX, PX, 3)."""
    return np.stack([np.asarray(one) for one in faces()[CALIBRATED_ON:]])


def standardised(pictures: np.ndarray) -> torch.Tensor:
    """Return float32 (n, 3, h, w), as facenet-pytorch's MTCNN gives its crops."""
    x = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 128
    return x.contiguous()


@cache
def resnet() -> torch.nn.Module:
    """Return InceptionResnetV1 with random weights, the same ones in each process."""
    torch.manual_seed(0)
    network = InceptionResnetV1()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.momentum = None  # the plain mean over what it is shown
            layer.reset_running_stats()
    with torch.inference_mode():
        shown = np.stack([np.asarray(one) for one in faces()[:CALIBRATED_ON]])
        network.train()(standardised(shown))
    return network.eval()


@cache
def shipped(precision: str) -> Embedder:
    """Return our embedder on that network."""
    return Embedder(resnet_features(resnet(), precision), CPU, precision, CPU_BATCH)


def levers() -> dict[str, Run]:
    """Return ways to embed the same crops; each has what the one before it has."""
    x, plain = standardised(crops()), resnet()
    last = InceptionResnetV1().eval().to(memory_format=torch.channels_last)
    last.load_state_dict(plain.state_dict())
    x_last = x.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def inferred(network: torch.nn.Module, pixels: torch.Tensor) -> np.ndarray:
        return network(pixels).numpy()

    ways = {
        README: lambda: np.concatenate([plain(one.unsqueeze(0)).detach().numpy() for one in x[:8]]),
        TOGETHER: lambda: plain(x).detach().numpy(),
        "+ inference_mode": lambda: inferred(plain, x),
        "+ channels_last": lambda: inferred(last, x_last),
        SHIPPED: lambda: shipped("float32")(crops()),
        HALF: lambda: shipped("bfloat16")(crops()),
    }
    return {name: way for name, way in ways.items() if name != HALF or has_bfloat16()}


def has_bfloat16() -> bool:
    """Return whether this processor computes in bfloat16."""
    try:
        check_precision("bfloat16", "cpu")
    except FaceloopError:
        return False
    return True


def one_thread() -> None:
    """Make a worker process ready: one thread, its network loaded."""
    torch.set_num_threads(1)
    shipped("float32")


def embed_once(_: int) -> np.ndarray:
    """Embed the crops as shipped, in a worker process."""
    return shipped("float32")(crops())


def compare_levers(rounds: int) -> pd.DataFrame:
    """Return a row a lever: ms an image, and how many times as fast as facenet-pytorch.

    All levers take turns in each round; the least of all rounds counts, for other work on the
    machine only ever adds.
    """
    runs = levers()
    wall: dict[str, list[float]] = {name: [] for name in [*runs, WORKERS]}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    with ProcessPoolExecutor(2, get_context("spawn"), one_thread) as pool:
        _embed_twice(pool)  # once before the clock runs
        for _ in range(rounds):
            for name, run in runs.items():
                torch.set_num_threads(1)
                cpu[name].append(_seconds_an_image(run, time.process_time))
                torch.set_num_threads(2)
                wall[name].append(_seconds_an_image(run, time.perf_counter))
            wall[WORKERS].append(_seconds_an_image(lambda: _embed_twice(pool), time.perf_counter))
    reference = runs[TOGETHER]()
    rows = []
    for name in wall:
        row: dict[str, Any] = {"InceptionResnetV1, 160 px": name}
        row["2 cores: ms"] = f"{min(wall[name]) * 1000:.1f}"
        for short, other in (("README", README), ("batch", TOGETHER)):
            row[f"x {short}"] = f"{min(wall[other]) / min(wall[name]):.1f}"
        if name in runs:
            row["1 core: CPU ms"] = f"{min(cpu[name]) * 1000:.1f}"
            row["x README, 1 core"] = f"{min(cpu[README]) / min(cpu[name]):.1f}"
            found = runs[name]()
            row["least cosine"] = f"{(found * reference[: len(found)]).sum(axis=1).min():.5f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _seconds_an_image(run: Run, clock: Callable[[], float]) -> float:
    start = clock()
    embedded = len(run())
    return (clock() - start) / embedded


def _embed_twice(pool: ProcessPoolExecutor) -> np.ndarray:
    """Embed the crops twice in each of two worker processes."""
    return np.concatenate(list(pool.map(embed_once, range(4))))


def write_batch(batch: str, n: int) -> None:
    """Write a face table and packed crops of n faces: the same few, again and again."""
    jpegs = [encode_crop(one) for one in faces()]
    rows = [
        {"face_id": f"{at * 0x9E3779B97F4A7C15 % 2**64:016x}", "batch": batch} for at in range(n)
    ]
    blank = {name: 0 for name, kind in FOUND.items() if kind != "str"}
    packed = {row["face_id"]: jpegs[at % len(jpegs)] for at, row in enumerate(rows)}
    places = write_crops(packed, crops_path(batch))
    table = with_places(as_table([blank | row for row in rows], FOUND), places)
    write_parquet(table, FACES_DIR / f"{batch}.parquet")


def run_stage(folder: Path, n: int) -> dict[str, Any]:
    """Embed a batch of n faces as the stage does; return what it took, its workers counted in."""
    with project(folder, {"batches": [f"b{n}"], "device": "cpu"}):
        seconds, peak = watch("-m", "stages.embed", f"b{n}")
    return {"faces": n, "seconds": seconds, "faces a second": n / seconds, "peak MB": peak / 1e6}


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.embedding", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="in which all levers take turns")
    rounds = parser.parse_args().rounds
    print(f"{processor()}\n")
    print_table(compare_levers(rounds))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with project(folder, {"batches": []}):
            for n in FACES_OF_STAGE:
                write_batch(f"b{n}", n)
        print_table(pd.DataFrame([run_stage(folder, n) for n in FACES_OF_STAGE]), 0)


if __name__ == "__main__":
    main()
