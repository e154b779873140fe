"""Near-duplicates across files: `python -m benchmarks.duplicates [--work DIR]`.

Pictures of UTKFace, photos and videos, some of them also scaled, compressed anew or shifted by a
pixel, as one batch through the real stages. Prints how many planted copies are linked, how many
faces of different files that are no planted copies, and how often rounds of the shipped strategy
ask about one picture again, without and with the links.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.active_learning import answer_next_round, run_stages
from benchmarks.real_faces import print_table
from benchmarks.scratch import DATA, EMBEDDER, extract_once, lay_embedder, project
from demo.mp4 import Picture, write_mp4
from faceloop.base.storage import DUPLICATES_DIR, read_parquet, write_parquet
from faceloop.base.tables import as_table
from faceloop.commands.settings import read_settings
from faceloop.crops.boxes import boxes_of, iou, match_boxes
from faceloop.crops.face_table import read_batch
from faceloop.faces.batch_files import RAW_DIR
from faceloop.labels.vote_files import known_rounds, read_queue
from faceloop.pool.labelled import DUPLICATES
from faceloop.pool.reading import read_distinct
from stages import embed, link_duplicates

BATCH = "planted"
KINDS = {"scaled": 0.7, "recompressed": 1.0, "shifted": 1.0}  # and the size of each
UTKFACE, UTKFACE_COPIED, PHOTOS_COPIED = 1500, 400, 60  # pictures, and how many have copies
VIDEOS = ("timesler_video.mp4", "short_hamilton_clip.mp4")
EMBEDDERS = {"O-Net": "mtcnn-onet", "0095": f"models/embedders/{EMBEDDER.name}"}
ROUNDS = 5


def main() -> None:
    """Print both tables, for a weak embedder and for one made for faces."""
    parser = argparse.ArgumentParser(prog="benchmarks.duplicates", description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "faceloop-duplicates"
    )
    work = parser.parse_args().work
    if not (work / RAW_DIR / BATCH).is_dir():
        plant(work / RAW_DIR / BATCH)
    lay_embedder(work / "models/embedders")
    linked, asked = [], []
    for name, model in EMBEDDERS.items():
        changes = {"classes": classes(), "batches": [BATCH], "embed.model": model}
        with project(work, changes):
            extract_once(BATCH)
            embed.main(BATCH)
            link_duplicates.main(BATCH)
            planted = with_originals(read_batch(BATCH))
            linked += [{"embedder": name, **row} for row in count_links(planted)]
            links = read_parquet(DUPLICATES_DIR / f"{BATCH}.parquet")
            for which, table in (("without", as_table([], DUPLICATES)), ("with", links)):
                write_parquet(table, DUPLICATES_DIR / f"{BATCH}.parquet")
                row = ask_rounds(planted, changes)
                asked.append({"embedder": name, "links": which, **row})
    print_table(pd.DataFrame(linked))
    print_table(pd.DataFrame(asked))


def classes() -> list[str]:
    """Return UTKFace's race labels."""
    return sorted(pd.read_csv(DATA / "utkface/labels.csv")["race"].unique())


def plant(folder: Path) -> None:
    """Fill a batch with pictures and videos, and with copies beside them as `KIND-NAME`."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    chips = sorted((DATA / "utkface/images").iterdir())
    chips = [chips[at] for at in rng.choice(len(chips), UTKFACE, replace=False)]
    photos = sorted((DATA / "photos").glob("*/images/*"))
    photos = [photos[at] for at in rng.permutation(len(photos))]
    for path in [*chips, *photos]:
        shutil.copyfile(path, folder / path.name)
    for path in [*chips[:UTKFACE_COPIED], *photos[:PHOTOS_COPIED]]:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        for kind, (copy, quality) in copies_of(picture).items():
            copy.save(folder / f"{kind}-{path.stem}.jpg", quality=quality)
    for name in VIDEOS:
        shutil.copyfile(DATA / "videos" / name, folder / name)
        scale_video(DATA / "videos" / name, folder / f"scaled-{name}")


def copies_of(picture: Image.Image) -> dict[str, tuple[Image.Image, int]]:
    """Return a picture's copies and the JPEG quality of each, by kind."""
    width, height = picture.size
    smaller = round(KINDS["scaled"] * width), round(KINDS["scaled"] * height)
    return {
        "scaled": (picture.resize(smaller, Image.Resampling.LANCZOS), 85),
        "recompressed": (picture, 40),
        "shifted": (picture.crop((1, 1, width, height)), 90),
    }


def scale_video(path: Path, copy: Path) -> None:
    """Encode a video anew, smaller, frame by frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        sides = (stream.width, stream.height)
        width, height = (2 * round(KINDS["scaled"] * side / 2) for side in sides)
        frames: Iterator[Picture] = (
            (frame.to_image().resize((width, height), Image.Resampling.LANCZOS), [])
            for frame in container.decode(stream)
        )
        write_mp4(copy, frames, round(float(stream.average_rate or 25)), (width, height))


def with_originals(faces: pd.DataFrame) -> pd.DataFrame:
    """Return faces with `kind` ("" for originals), `picture` (its name) and `original`.

    A planted face's original is the face at its place in the picture that it was made from; the
    original of any other face is itself.
    """
    names = faces["source"].str.extract(rf"^(?:({'|'.join(KINDS)})-)?(.+)\.\w+$")
    kind, picture = names[0].fillna(""), names[1]
    boxes = boxes_of(faces) / kind.map(KINDS).fillna(1.0).to_numpy()[:, None]
    boxes += (kind == "shifted").to_numpy()[:, None]
    original = faces["face_id"].to_numpy(dtype=object)
    place = faces.assign(kind=kind, picture=picture, frame=faces["frame"].fillna(-1))
    for _, some in place.groupby(["picture", "frame"]):
        first = some.index[some["kind"] == ""]
        for each in KINDS:
            copies = some.index[some["kind"] == each]
            for at, copy in match_boxes(iou(boxes[first], boxes[copies]), 0.5):
                original[copies[copy]] = original[first[at]]
    return place.assign(original=original)


def count_links(planted: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield, by kind of picture, how many planted copies are linked, and how many other faces."""
    first = read_distinct(BATCH).set_index("face_id")["duplicate_of"]
    first = first.fillna(pd.Series(first.index, first.index))
    chips = planted["picture"].str.contains("chip")
    copies = planted["face_id"] != planted["original"]
    linked = planted["face_id"].map(first).eq(planted["original"].map(first))
    picture_of = planted.set_index("face_id")["picture"]
    stray = planted["picture"] != planted["face_id"].map(first).map(picture_of)
    for name, rows in (("UTKFace", chips), ("photos and videos", ~chips)):
        row: dict[str, Any] = {"pictures": name, "faces": int(rows.sum())}
        for kind in KINDS:
            some = rows & copies & (planted["kind"] == kind)
            row[f"{kind}: linked"] = f"{int(linked[some].sum())} of {int(some.sum())}"
        yield row | {"linked to another picture": int((rows & stray).sum())}


def ask_rounds(planted: pd.DataFrame, changes: dict[str, Any]) -> dict[str, Any]:
    """Go through rounds of the shipped strategy; return how many asked faces were asked before.

    A face counts as asked before where its picture's copy is in the same queue or in an earlier.
    """
    for made in ("labels", "models", "metrics", "data/queue", "data/labelled"):
        if made != "models":
            shutil.rmtree(made, ignore_errors=True)
    Path("labels").mkdir()
    race = pd.read_csv(DATA / "utkface/labels.csv").set_index("file")["race"]
    label = (planted["picture"] + ".jpg").map(race).fillna("unsure")
    truth = pd.DataFrame({"source": planted["source"], "label": label}).drop_duplicates("source")
    truth.to_csv("truth.csv", index=False)
    with project(Path.cwd(), changes):
        run_stages()
        for _ in range(ROUNDS):
            answer_next_round()
            run_stages()
        queues = [read_queue(name) for name in known_rounds(read_settings().rounds)]
    asked = pd.concat([one[one["purpose"] != "relabel"] for one in queues])
    pictures = asked["asked_id"].map(planted.set_index("face_id")["original"])
    return {"rounds": len(queues), "asked": len(asked), "again": int(pictures.duplicated().sum())}


if __name__ == "__main__":
    main()
