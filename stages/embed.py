"""Turn each crop of a batch into an embedding."""

from functools import partial
from typing import Annotated

from pydantic import Field
from tqdm import tqdm

from faceloop.base.blocks import Device
from faceloop.base.console import run_stage
from faceloop.base.errors import FaceloopError
from faceloop.base.params import read_params
from faceloop.base.storage import EMBEDDINGS_DIR
from faceloop.crops.face_table import PLACE, read_batch
from faceloop.crops.params import Margin, OfABatch
from faceloop.embedding.onnx_input import read_onnx_input
from faceloop.embedding.params import Embed
from faceloop.embedding.rows import STORED_AS, writing_rows
from faceloop.embedding.shards import check_for_crops, cut_shards, embed_shard
from faceloop.weights.loading import fetch_weights
from faceloop.workers.dispatch import map_shards
from faceloop.workers.local import Lost
from faceloop.workers.params import Workers


class Params(OfABatch):
    workers: Annotated[Workers, Field(exclude=True)]
    device: Device
    extract_faces: Margin
    embed: Embed


def main(batch: str) -> None:
    """Write `data/embeddings/<batch>.npy`, a row a face in the order of the face table."""
    settings = read_params(Params)
    settings.check(batch)
    wanted, margin = settings.embed, settings.extract_faces.margin
    places = read_batch(batch, list(PLACE)).to_numpy()
    check = partial(check_for_crops, batch, wanted, settings.device)
    work = partial(
        embed_shard,
        batch=batch,
        settings=wanted,
        pixels=read_onnx_input(wanted.model),
        margin=margin,
        weights=fetch_weights(wanted.model),
        device=settings.device,
    )
    with (
        writing_rows(EMBEDDINGS_DIR / f"{batch}.npy", len(places), STORED_AS) as rows,
        tqdm(total=len(places), desc=f"embed {batch}", unit="face", disable=None) as progress,
    ):
        shards = cut_shards(places)
        for shard, embeddings in map_shards(work, shards, settings.workers, check):
            if isinstance(embeddings, Lost):
                raise FaceloopError(f"embed: a process died ({embeddings.exit_code}); run it again")
            rows.write(shard.start, embeddings)
            progress.update(len(embeddings))
    print(f"embed {batch}: {len(places)} faces x {rows.width} ({wanted.model})")


if __name__ == "__main__":
    run_stage(main)
