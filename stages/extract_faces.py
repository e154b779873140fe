"""Find the faces in a batch's photos and videos, cut them out, and link near-duplicates."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field
from tqdm import tqdm

from faceloop.base.blocks import Device
from faceloop.base.code import sha256_of
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.storage import FACES_DIR, write_csv, write_parquet
from faceloop.crops.packs import crops_path, with_places, write_crops
from faceloop.crops.params import OfABatch
from faceloop.faces.batch_files import look_over
from faceloop.faces.extracted import clear_unfinished, is_finished
from faceloop.faces.given import read_given
from faceloop.faces.media import MEDIA_SUFFIXES
from faceloop.faces.params import ExtractFaces
from faceloop.faces.sources import (
    Source,
    check_for_sources,
    extract_source,
    folder_of,
    gather,
    with_refused,
)
from faceloop.workers.dispatch import map_shards, threads_each
from faceloop.workers.local import Lost
from faceloop.workers.params import Workers


class Params(OfABatch):
    workers: Annotated[Workers, Field(exclude=True)]
    device: Device
    extract_faces: ExtractFaces


def main(batch: str) -> None:
    """Write `data/faces/<batch>.parquet`, `.zip` and `.rejected.csv`."""
    settings = read_params(Params)
    settings.check(batch)
    for folder in (*settings.extract_faces.crops, *settings.extract_faces.boxes):
        settings.check(folder.split("/")[0])
    copies: dict[str, list[Path]] = {}
    found = look_over(batch)
    given, files = read_given(batch, found.sources, settings.extract_faces)
    for path in found.sources:
        if path not in files:
            copies.setdefault(sha256_of(path), []).append(path)
    for paths in copies.values():  # of copies, one that says most comes first
        paths.sort(key=lambda path: (path not in given, path.suffix.lower() not in MEDIA_SUFFIXES))
    sources = {
        Source(paths[0], digest, given.get(paths[0])): paths for digest, paths in copies.items()
    }
    lost = extract_all(batch, list(sources), settings)
    extracted = gather(batch, sources, lost, settings.extract_faces)
    table, crops = extracted.table, extracted.crops
    refused = found.refused | {path: reason for path, reason in files.items() if reason}
    rejected = with_refused(extracted.rejected, refused, batch)
    places = write_crops(crops, crops_path(batch))
    write_csv(rejected, FACES_DIR / f"{batch}.rejected.csv")
    write_parquet(with_places(table, places), FACES_DIR / f"{batch}.parquet")
    print(
        f"extract_faces {batch}: {len(table)} faces, {table['duplicate_of'].notna().sum()} of them "
        f"near-duplicates; {_counted(rejected)}"
    )


def extract_all(batch: str, sources: list[Source], settings: Params) -> dict[str, str]:
    """Extract what is not extracted yet; return the digests of sources that were lost, and why."""
    clear_unfinished()
    wanted, device = settings.extract_faces, settings.device
    todo = [source for source in sources if not is_finished(folder_of(source, wanted))]
    todo.sort(key=lambda source: -source.path.stat().st_size)  # the longest first, not at the end
    work = partial(
        extract_source, settings=wanted, device=device, threads=threads_each(settings.workers)
    )
    check = partial(check_for_sources, batch, wanted, device)
    done = map_shards(work, todo, settings.workers, check)
    lost: dict[str, str] = {}
    for source, result in tqdm(
        done, "extract_faces", len(sources), initial=len(sources) - len(todo), disable=None
    ):
        if isinstance(result, Lost):
            lost[source.digest] = (
                f"no further picture in stall_seconds ({wanted.stall_seconds:g})"
                if result.hung
                else f"its decoder crashed (exit code {result.exit_code})"
            )
    return lost


def _counted(rejected: pd.DataFrame) -> str:
    """Return the reasons with their counts in one line."""
    reasons: Counter[str] = Counter()
    for reason, n in zip(rejected["reason"], rejected["count"], strict=True):
        reasons[reason.partition(":")[0]] += n
    return ", ".join(f"{n} x {reason}" for reason, n in reasons.most_common()) or "none rejected"


if __name__ == "__main__":
    run_stage(main)
