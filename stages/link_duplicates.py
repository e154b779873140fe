"""Link faces of a batch that are one picture twice: scaled, cut or compressed anew."""

import numpy as np
from PIL import Image

from faceloop.base.blocks import Seed
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import DUPLICATES_DIR, write_parquet
from faceloop.base.tables import as_table
from faceloop.crops.face_table import read_batch
from faceloop.crops.packs import decode_crop, read_crops
from faceloop.crops.params import OfABatch
from faceloop.duplicates.linking import Links, link_copies, small_crop
from faceloop.duplicates.pairs import MIN_COSINE, Pairs, near_pairs
from faceloop.duplicates.params import LinkDuplicates
from faceloop.pool.features import StoredEmbeddings
from faceloop.pool.labelled import DUPLICATES


class Params(OfABatch):
    seed: Seed
    link_duplicates: LinkDuplicates


def main(batch: str) -> None:
    """Write `data/duplicates/<batch>.parquet`, a row a face that nearly repeats an earlier one."""
    settings = read_params(Params)
    settings.check(batch)
    wanted = settings.link_duplicates
    faces = read_batch(batch, ["face_id", "duplicate_of"])
    distinct = np.flatnonzero(faces["duplicate_of"].isna())
    rng = generator(settings.seed, "link_duplicates", batch)
    pairs = near_pairs(StoredEmbeddings(batch), distinct, MIN_COSINE, rng)
    links = confirm(pairs, batch, faces["face_id"].to_numpy(), wanted.min_similarity)
    face_ids = faces["face_id"].array
    rows = {
        "face_id": face_ids[links.copies],
        "duplicate_of": face_ids[links.originals],
        "similarity": links.similarity,
    }
    write_parquet(as_table(rows, DUPLICATES), DUPLICATES_DIR / f"{batch}.parquet")
    print(f"link_duplicates {batch}: {len(links.copies)} of {len(distinct)} faces repeat another")


def confirm(pairs: Pairs, batch: str, face_ids: np.ndarray, min_similarity: float) -> Links:
    """Return the links among `pairs` that the faces' crops confirm; no other crop is read."""
    seen, place = np.unique(np.concatenate(pairs), return_inverse=True)
    earlier, later = place.reshape(2, -1)
    crops = read_crops(batch, face_ids[seen])
    small = np.array([small_crop(Image.fromarray(decode_crop(crop))) for crop in crops])
    links = link_copies(Pairs(earlier, later), small, min_similarity)
    return Links(seen[links.copies], seen[links.originals], links.similarity)


if __name__ == "__main__":
    run_stage(main)
