"""A head as an ONNX model, so that it runs behind an ONNX embedder without this project.

The few messages that Gemm, Relu and Softmax need are written in protobuf's wire format here: the
`onnx` package would be a dependency for these alone.
"""

import json

import numpy as np

from faceloop.model.head import Head, folded

IR_VERSION, OPSET, FLOAT = 8, 17, 1


def onnx_of(head: Head) -> bytes:
    """Return an ONNX model: `embedding` float (n, d) -> `probabilities` float (n, C).

    Standardisation and temperature are folded into the weights, as in `head.predict`; the classes
    stand in the model's metadata as JSON. Field numbers are those of onnx.proto3.
    """
    weight, bias = folded(head, head.weight, head.bias)
    d, n_classes = weight.shape
    tensors = {"weight": weight / head.temperature, "bias": bias / head.temperature}
    nodes = [_node("Gemm", ["embedding", "weight", "bias"], "linear")]
    if head.hidden:
        inner, inner_bias = folded(head, head.hidden.weight, head.hidden.bias)
        out = head.hidden.out / head.temperature
        tensors |= {"hidden_weight": inner, "hidden_bias": inner_bias, "hidden_out": out}
        nodes += [
            _node("Gemm", ["embedding", "hidden_weight", "hidden_bias"], "hidden"),
            _node("Relu", ["hidden"], "rectified"),
            _node("Gemm", ["rectified", "hidden_out", "linear"], "logits"),
        ]
    nodes.append(_node("Softmax", ["logits" if head.hidden else "linear"], "probabilities"))
    graph = [
        *((1, node) for node in nodes),
        (2, "head"),
        *((5, _tensor(name, array)) for name, array in tensors.items()),
        (11, _value("embedding", d)),
        (12, _value("probabilities", n_classes)),
    ]
    classes = [(1, "classes"), (2, json.dumps(list(head.classes)))]
    opset = [(2, OPSET)]
    return _message(
        [(1, IR_VERSION), (2, "faceloop"), (7, graph), (8, opset), (14, classes)],
    )


def _node(op: str, inputs: list[str], output: str) -> list[tuple]:
    return [*((1, name) for name in inputs), (2, output), (4, op)]


def _tensor(name: str, array: np.ndarray) -> list[tuple]:
    dims = [(1, side) for side in array.shape]
    return [*dims, (2, FLOAT), (8, name), (9, array.astype("<f4").tobytes())]


def _value(name: str, width: int) -> list[tuple]:
    shape = [(1, [(2, "n")]), (1, [(1, width)])]
    return [(1, name), (2, [(1, [(1, FLOAT), (2, shape)])])]


def _message(fields: list[tuple]) -> bytes:
    """Return a message of (number, value): an int, text, bytes, or a message of its own."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
            continue
        content = value.encode() if isinstance(value, str) else value
        content = _message(content) if isinstance(content, list) else content
        out += _varint(number << 3 | 2) + _varint(len(content)) + content
    return out


def _varint(value: int) -> bytes:
    """Return a whole number in groups of seven bits, the lowest first."""
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
