"""model.json of a release: all that `faceloop predict` needs beside the head."""

from faceloop.base.records import Record
from faceloop.embedding.params import Embed, OnnxInput
from faceloop.faces.params import ExtractFaces


class EmbedderFacts(Record):
    """The embedder's name or path, its digest where its weights were here, and an ONNX's pixels."""

    model: str
    sha256: str | None
    pixels: OnnxInput | None


class Certain(Record):
    """From which confidence on predictions are right often enough.

    faces, share: the held-out faces at or above the threshold, and the share of all that they are.
    precision: how often these are right.
    """

    threshold: float
    faces: int
    share: float
    precision: float


class CalibrationFacts(Record):
    """The held-out faces drawn at random: how many, of how many photos and tracks, by class."""

    faces: int
    groups: int
    of_class: dict[str, int]


class ModelFacts(Record):
    """A released model.

    faceloop: the version that wrote it.
    commit: that it is of; None where it is in none.
    head: the name of its file.
    """

    faceloop: str
    round: str
    commit: str | None
    classes: list[str]
    head: str
    embedder: EmbedderFacts
    extract_faces: ExtractFaces
    embed: Embed
    certain: Certain | None
    calibration: CalibrationFacts
