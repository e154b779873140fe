"""The data set of a release: Parquet with the pictures inside, or a folder of pictures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from faceloop.base.randomness import generator
from faceloop.base.storage import write_csv
from faceloop.commands.release.contents import Contents
from faceloop.crops.boxes import BOX
from faceloop.crops.packs import read_crops

WITHOUT_CLASS = "without_class"
ROW_GROUP = 1000  # faces in memory at a time: about 10 MB of crops
# What stands beside the picture and its class, with the types of Hugging Face's features.
COLUMNS = {
    "answer": "string",
    "confidence": "float64",
    "votes": "int64",
    "agreement": "float64",
    "round": "string",
    "purpose": "string",
    "reason": "string",
    "inclusion_probability": "float64",
    "face_id": "string",
    "batch": "string",
    "group": "string",
    "source": "string",
    "frame": "int64",
    "time_s": "float64",
    **dict.fromkeys(BOX, "int64"),
}


def released_parts(contents: Contents, anonymous: bool) -> dict[str, pd.DataFrame]:
    """Return the rows of each part: train, validation, overfit, unused and without_class.

    Rows have COLUMNS, label (index of the class; -1 without), crop (the id that the project's crop
    has) and crop_batch. A part that holds no face is left out.

    Args:
        contents: what is released.
        anonymous: leave out source paths, and number faces and groups anew.
    """
    classes = contents.settings.classes
    rows = contents.faces.rename(columns={"label": "answer"})
    place = {name: at for at, name in enumerate(classes)}
    rows["label"] = rows["answer"].map(place).fillna(-1).astype(int)
    rows["crop"] = rows["face_id"]
    if anonymous:
        rows = renumbered(rows, contents)
    part = rows["split"].where(rows["label"] >= 0, WITHOUT_CLASS)
    names = ("train", "validation", "overfit", "unused", WITHOUT_CLASS)
    return {name: rows[part == name] for name in names if (part == name).any()}


def renumbered(rows: pd.DataFrame, contents: Contents) -> pd.DataFrame:
    """Return rows without source paths, mixed, with faces and groups numbered in the new order.

    Ids and groups are hashes of the sources' bytes: who has a source could look it up.
    """
    rng = generator(contents.settings.seed, "release", contents.key)
    mixed = rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)
    places, _ = pd.factorize(mixed["group"])
    return mixed.assign(
        face_id=[f"f{at:06d}" for at in range(1, len(mixed) + 1)],
        group=[f"g{at:06d}" for at in places + 1],
        source=None,
    )


def write_parts(
    parts: Mapping[str, pd.DataFrame], classes: Sequence[str], folder: Path, form: str
) -> None:
    """Write each part as `<part>.parquet`; or, in the form folder, as `<part>/`."""
    total = sum(len(rows) for rows in parts.values())
    with tqdm(total=total, desc="release", unit="face", disable=None) as progress:
        for name, rows in parts.items():
            pictures = counted(crops_of(rows), progress)
            if form == "folder":
                write_folder(rows, pictures, folder / name)
            else:
                write_pictures(rows, pictures, classes, folder / f"{name}.parquet")


def crops_of(rows: pd.DataFrame) -> Iterator[bytes]:
    """Yield the JPEG bytes of each row's crop; each batch's pack is opened once."""
    packs = {
        str(batch): read_crops(str(batch), some["crop"].tolist())
        for batch, some in rows.groupby("batch")
    }
    return (next(packs[batch]) for batch in rows["batch"])


def counted(pictures: Iterator[bytes], progress: Any) -> Iterator[bytes]:
    """Pass pictures on, and show each on the progress bar."""
    for picture in pictures:
        yield picture
        progress.update()


def write_folder(rows: pd.DataFrame, pictures: Iterator[bytes], folder: Path) -> None:
    """Write `<answer>/<face_id>.jpg` and metadata.csv, as Hugging Face's imagefolder reads it."""
    names = rows["answer"] + "/" + rows["face_id"] + ".jpg"
    for name, picture in zip(names, pictures, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    write_csv(rows[list(COLUMNS)].assign(file_name=names), folder / "metadata.csv")


def write_pictures(
    rows: pd.DataFrame, pictures: Iterator[bytes], classes: Sequence[str], path: Path
) -> None:
    """Write a Parquet file with the pictures inside, a row group at a time."""
    schema = schema_of(classes)
    plain = [name for name in COLUMNS if COLUMNS[name] == "string"]
    # Neither a dictionary nor a least and greatest value makes sense for pictures.
    with pq.ParquetWriter(path, schema, use_dictionary=plain, write_statistics=plain) as file:
        for start in range(0, len(rows), ROW_GROUP):
            some = rows.iloc[start : start + ROW_GROUP]
            images = [{"bytes": next(pictures), "path": f"{one}.jpg"} for one in some["face_id"]]
            columns = {"image": images, "label": some["label"].where(some["label"] >= 0)}
            columns |= {name: some[name] for name in COLUMNS}
            arrays = [pa.array(columns[name], schema.field(name).type, from_pandas=True)
                      for name in schema.names]  # fmt: skip
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def schema_of(classes: Sequence[str]) -> pa.Schema:
    """Return the schema; its metadata tells Hugging Face `datasets` of pictures and classes."""
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
        **{name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()},
    }
    fields = {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(),
        **{name: pa.type_for_alias(kind) for name, kind in COLUMNS.items()},
    }
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})
