"""A made batch of any size: a face table, embeddings around a few directions, rounds of votes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from faceloop.base.storage import DUPLICATES_DIR, EMBEDDINGS_DIR, FACES_DIR, write_parquet
from faceloop.base.tables import as_table
from faceloop.crops.face_table import FACES, LANDMARKS, PLACE, read_batch_rows
from faceloop.labels.columns import ASKED_AS, VOTES
from faceloop.labels.vote_files import write_queue, write_votes
from faceloop.neighbours.nearest import EDGES, nearest
from faceloop.pool.features import NEIGHBOURS_DIR, StoredEmbeddings, read_embeddings
from faceloop.pool.labelled import DUPLICATES
from faceloop.pool.queue import queue_rows

CLASSES = [f"class{at}" for at in range(5)]
DIRECTIONS = 500  # that embeddings lie around, a hundred to a class
AT_A_TIME = 200_000  # faces made


def make_batch(batch: str, faces: int, width: int) -> None:
    """Write what the stages up to link_duplicates would, in bounded memory; no crops."""
    for folder in (FACES_DIR, EMBEDDINGS_DIR, Path("data/sources"), Path("data/raw") / batch):
        folder.mkdir(parents=True, exist_ok=True)
    write_faces(batch, faces)
    write_embeddings(batch, faces, width)
    edges = nearest(StoredEmbeddings(batch), np.random.default_rng(0))
    edges_table = as_table(dict(zip(EDGES, edges, strict=True)), EDGES)
    write_parquet(edges_table, NEIGHBOURS_DIR / f"{batch}.parquet")
    write_parquet(as_table([], DUPLICATES), DUPLICATES_DIR / f"{batch}.parquet")


def write_faces(batch: str, faces: int) -> None:
    """Write a face table of as many photos, one face in each."""
    schema = pa.Table.from_pandas(_face_rows(batch, range(1)), preserve_index=False).schema
    with pq.ParquetWriter(FACES_DIR / f"{batch}.parquet", schema) as writer:
        for start in range(0, faces, AT_A_TIME):
            rows = _face_rows(batch, range(start, min(start + AT_A_TIME, faces)))
            writer.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False))


def _face_rows(batch: str, places: range) -> pd.DataFrame:
    ids = [f"{at * 0x9E3779B97F4A7C15 % 2**64:016x}" for at in places]
    return as_table(
        {
            "face_id": ids,
            "batch": batch,
            "source": [f"{at // 1000:05d}/{at % 1000:03d}.jpg" for at in places],
            "source_sha256": [4 * one for one in ids],
            **{name: [None] * len(ids) for name in ("frame", "time_s")},
            **dict.fromkeys(("x0", "y0"), 10),
            **dict.fromkeys(("x1", "y1"), 90),
            "probability": 0.99,
            **dict.fromkeys(LANDMARKS, 30.0),
            "sharpness": 0.1,
            "group": ids,
            "duplicate_of": [None] * len(ids),
            **dict.fromkeys(PLACE, 0),
        },
        FACES,
    )


def write_embeddings(batch: str, faces: int, width: int) -> None:
    """Write float16 embeddings of length 1: a direction and as much noise, drawn for a part."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((DIRECTIONS, width), dtype=np.float32)
    path = EMBEDDINGS_DIR / f"{batch}.npy"
    stored = np.lib.format.open_memmap(path, "w+", np.float16, (faces, width))
    noise = rng.standard_normal((min(AT_A_TIME, faces), width), dtype=np.float32)
    for start in range(0, faces, AT_A_TIME):
        n = min(AT_A_TIME, faces - start)
        points = directions[directions_of(start, n)] + np.roll(noise, start // 7, axis=0)[:n]
        stored[start : start + n] = points / np.linalg.norm(points, axis=1, keepdims=True)


def directions_of(start: int, n: int) -> np.ndarray:
    """Return the direction that each of n faces lies around, by its place in the batch."""
    return (np.arange(start, start + n) * 7919) % 104_729 % DIRECTIONS


def answer(round_name: str, batch: str, rows: np.ndarray, validation: int) -> None:
    """Freeze a queue of these rows of the batch, the first few to validate, with its votes."""
    faces = read_batch_rows(batch, rows)
    judged = np.arange(len(faces)) < validation
    queue = queue_rows(faces, "train", reason="made", cluster=0).assign(
        purpose=np.where(judged, "validation", "train"),
        inclusion_probability=np.where(judged, validation / len(read_embeddings(batch)), np.nan),
    )
    queue = queue.rename(columns=ASKED_AS)
    write_queue(queue, round_name)
    labels = [CLASSES[directions_of(row, 1)[0] % len(CLASSES)] for row in rows]
    votes = as_table({"asked_id": queue["asked_id"], "label": labels}, dict.fromkeys(VOTES, "str"))
    votes = votes.assign(labelled_at="", mode="truth", seconds=np.nan)
    write_votes(round_name, "truth", as_table(votes, VOTES))
