"""Croissant metadata, which data-set search and loaders read (https://mlcommons.org/croissant)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faceloop.base.code import sha256_of
from faceloop.commands.release.dataset import COLUMNS

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "jsonPath": "cr:jsonPath",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
    "transform": "cr:transform",
}
TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float"}


def write_croissant(name: str, description: str, rows: Mapping[str, int], folder: Path) -> None:
    """Write croissant.json: a record set of rows for each Parquet file of the folder.

    Args:
        name: of the data set.
        description: in a sentence.
        rows: how many each part has, by its name.
        folder: where the Parquet files lie.
    """
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description,
        "distribution": [_file(part, folder) for part in rows],
        "recordSet": [_record_set(part, n) for part, n in rows.items()],
    }
    text = json.dumps(metadata, indent=1, ensure_ascii=False)
    (folder / "croissant.json").write_text(text + "\n", encoding="utf-8")


def _file(part: str, folder: Path) -> dict[str, str]:
    name = f"{part}.parquet"
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/x-parquet",
        "sha256": sha256_of(folder / name),
    }


def _record_set(part: str, n: int) -> dict[str, Any]:
    kinds = {"image": "sc:ImageObject", "label": "sc:Integer"}
    kinds |= {column: TYPES[kind] for column, kind in COLUMNS.items()}
    return {
        "@type": "cr:RecordSet",
        "@id": part,
        "name": part,
        "description": f"{n} faces",
        "field": [_field(part, column, kind) for column, kind in kinds.items()],
    }


def _field(part: str, column: str, kind: str) -> dict[str, Any]:
    source: dict[str, Any] = {
        "fileObject": {"@id": f"{part}.parquet"},
        "extract": {"column": column},
    }
    if column == "image":
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"{part}/{column}",
        "name": column,
        "dataType": kind,
        "source": source,
    }
