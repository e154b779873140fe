"""The head as ONNX gives what the head gives."""

import json

import numpy as np
import pytest

from faceloop.commands.release.onnx_head import _varint, onnx_of
from faceloop.model.head import Head, Hidden, predict

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


def head_of(classes: tuple[str, ...], d: int, units: int = 0) -> Head:
    rng = np.random.default_rng(5)
    shapes = ((d, units), units, (units, len(classes)))
    layer = Hidden(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))
    return Head(
        classes,
        rng.normal(size=(d, len(classes))).astype(np.float32),
        rng.normal(size=len(classes)).astype(np.float32),
        rng.normal(size=d).astype(np.float32),
        rng.uniform(0.5, 2, size=d).astype(np.float32),
        0.7,
        0.1,
        "test",
        layer if units else None,
    )


@pytest.mark.parametrize(("d", "n", "units"), [(8, 1, 0), (300, 17, 0), (8, 17, 1), (300, 5, 40)])
def test_it_runs_and_agrees_with_the_head(d: int, n: int, units: int) -> None:
    head = head_of(("none", "glasses", "Sonnenbrille-ä"), d, units)
    session = onnxruntime.InferenceSession(onnx_of(head))
    features = np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)
    (p,) = session.run(["probabilities"], {"embedding": features})
    np.testing.assert_allclose(p, predict(head, features), atol=1e-5)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list(head.classes)
    assert session.get_inputs()[0].shape == ["n", d]


def test_varints_are_those_of_protobuf() -> None:
    assert [_varint(n) for n in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\x01", b"\xac\x02"]
