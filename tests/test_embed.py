"""Every embedder: its width, its length 1, its weights, and what is said where they are missing."""

import shutil
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from facenet_pytorch.models import inception_resnet_v1
from facenet_pytorch.models.mtcnn import ONet

from stages import embed
from stages.core.embedding import embed_batch, onet_features, onnx_features, resnet_features
from stages.core.errors import FaceloopError
from stages.core.settings import OnnxInput
from stages.files.params import read_params
from stages.files.tables import read_embeddings
from stages.files.weights import DOWNLOADED, load_network, pick_device

CPU = torch.device("cpu")
PEOPLE = {"vggface2": 8631, "casia-webface": 10575}


def crops(n: int, seed: int = 0) -> np.ndarray:
    """Return n soft, coloured pictures of 160 px."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, size=(n, 10, 10, 3))
    return np.kron(coarse, np.ones((1, 16, 16, 1))).astype(np.uint8)


def settings_of(project: Any, model: str) -> Any:
    project.set({"embed.model": model})
    return read_params().embed


def test_rows_have_length_1_and_follow_the_table(project: Any) -> None:
    ids = project.add_batch("pool", photos=5)
    embed.main("pool")
    found = read_embeddings("pool")
    assert found.shape == (len(ids), 256) and found.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=2e-3)


def test_results_and_their_order_do_not_depend_on_the_batch_size(drawn: Any, project: Any) -> None:
    shutil.copytree(drawn.root / "data/faces", "data/faces")
    project.set({"batches": ["drawn"]})
    found = []
    for size in (7, 1000):
        project.set({"embed.batch_size": size})
        embed.main("drawn")
        found.append(np.array(read_embeddings("drawn"), dtype=float))
    assert len(np.unique(found[0], axis=0)) > 10
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


@pytest.mark.parametrize("stored_as", ["float16", "float32"])
def test_precision_on_disk_is_the_one_asked_for(project: Any, stored_as: str) -> None:
    project.add_batch("pool", photos=2)
    project.set({"embed.stored_as": stored_as})
    embed.main("pool")
    assert read_embeddings("pool").dtype == stored_as


def test_a_batch_without_faces_has_an_empty_array(project: Any) -> None:
    project.add_batch("pool", photos=0)
    embed.main("pool")
    assert len(read_embeddings("pool")) == 0


def test_onet_gives_what_facenet_pytorch_computes_before_its_last_layer() -> None:
    onet, seen = ONet().eval(), []
    onet.prelu5.register_forward_hook(lambda _, __, out: seen.append(out))
    small = torch.from_numpy(crops(3)[:, :48, :48]).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        onet((small - 127.5) / 128)
        ours = onet_features(onet, margin=0.0)(small)
    torch.testing.assert_close(ours, seen[0])


def test_onet_looks_at_the_bare_box_within_the_margin() -> None:
    forward = onet_features(ONet().eval(), margin=0.25)
    outside = crops(2)
    outside[:, :26], outside[:, -26:], outside[:, :, :26], outside[:, :, -26:] = 0, 0, 0, 0
    whole, framed = (embed_batch(forward, one, CPU, "float32") for one in (crops(2), outside))
    np.testing.assert_allclose(whole, framed, atol=1e-5)


def test_bfloat16_is_nearly_float32() -> None:
    forward = onet_features(ONet().eval(), margin=0.2)
    full, half = (embed_batch(forward, crops(8), CPU, kind) for kind in ("float32", "bfloat16"))
    assert full.dtype == half.dtype == np.float32
    assert (full * half).sum(axis=1).min() >= 0.999


def test_an_embedding_that_is_not_finite_stops_the_stage() -> None:
    with pytest.raises(ValueError, match="not finite"):
        embed_batch(lambda x: x.flatten(1)[:, :4] / 0, crops(1) * 0, CPU, "float32")


def stand_in(folder: Path, name: str) -> Path:
    """Put small weights where facenet-pytorch looks: every tensor one number, seen many times."""
    with torch.device("meta"):
        network = InceptionResnetV1(classify=True, num_classes=PEOPLE[name])
    tensors = {
        key: torch.full((), 1.0 if "running_var" in key else 0.01 + 0.01 * (at % 3))
        .to(one.dtype)
        .expand(one.shape)
        for at, (key, one) in enumerate(network.state_dict().items())
    }
    path = folder / "checkpoints" / DOWNLOADED[name]
    path.parent.mkdir(parents=True)
    torch.save(tensors, path)
    assert path.stat().st_size < 1_000_000
    return path


@pytest.mark.parametrize("name", DOWNLOADED)
def test_downloaded_weights_are_loaded_from_where_facenet_pytorch_keeps_them(
    project: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))
    monkeypatch.setattr(inception_resnet_v1, "download_url_to_file", None)
    stand_in(project.root / "torch", name)
    project.add_batch("pool", photos=2)
    project.set({"embed.model": name})
    embed.main("pool")
    found = read_embeddings("pool").astype(float)
    assert found.shape == (2, 512)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=2e-3)


def test_resnet_pixels_are_standardised_as_it_was_trained() -> None:
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return x.flatten(1)

    pixels = torch.from_numpy(crops(2)).permute(0, 3, 1, 2).float()
    resnet_features(Spy())(pixels)
    torch.testing.assert_close(seen[0], (pixels - 127.5) / 128, rtol=0, atol=1e-4)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("error", [URLError("no route"), TimeoutError("slow"), ConnectionError()])
def test_a_missing_download_is_one_error_with_two_remedies(
    project: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))

    def offline(*_: object) -> None:
        raise error

    monkeypatch.setattr(inception_resnet_v1, "download_url_to_file", offline)
    with pytest.raises(FaceloopError) as found:
        load_network(settings_of(project, "vggface2"), CPU)
    said = str(found.value)
    assert "20180402-114759-vggface2.pt" in said and "put the file there" in said
    assert "set embed.model to mtcnn-onet in params.yaml" in said and "\n" not in said


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a zip"])
def test_a_damaged_download_says_what_to_delete(
    project: Any, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))
    path = project.root / "torch/checkpoints" / DOWNLOADED["vggface2"]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(FaceloopError, match=r"vggface2\.pt is damaged; delete it and run again"):
        load_network(settings_of(project, "vggface2"), CPU)


def test_cuda_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == CPU
    with pytest.raises(FaceloopError, match="cuda is not available here; allowed: auto, cpu"):
        pick_device("cuda")


def field(number: int, value: bytes | int | str) -> bytes:
    """Return one field of a protocol buffer."""

    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n % 128 + 128]) + varint(n // 128)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def image_type(name: str, shape: list[int | str]) -> bytes:
    sides = b"".join(
        field(1, field(1, one) if isinstance(one, int) else field(2, one)) for one in shape
    )
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, sides)))


def write_onnx(path: Path, batch: int | str = "n", side: int = 4) -> None:
    """Write a model that gives its pixels back, flattened: one Flatten, by hand."""
    node = field(1, "x") + field(2, "y") + field(4, "Flatten")
    graph = field(1, node) + field(2, "g") + field(11, image_type("x", [batch, 3, side, side]))
    graph += field(12, image_type("y", [batch, 3 * side * side]))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)))


def onnx_path(project: Any, name: str) -> Path:
    """Return where a model lies that `embed.model` may name; its folder is made."""
    path = project.root / f"models/embedders/{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize("batch", ["n", 1])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_an_onnx_model_gets_the_pixels_that_params_describe(
    project: Any, batch: int | str, channels: str
) -> None:
    pytest.importorskip("onnxruntime")
    write_onnx(onnx_path(project, "flat"), batch)
    session = load_network(settings_of(project, "models/embedders/flat.onnx"), CPU)
    asked = OnnxInput(channels=channels, mean=100.0, scale=50.0)
    flat = np.repeat(np.array([[[[10, 60, 110]]], [[[210, 160, 0]]]]), 16, axis=1)
    flat = np.broadcast_to(flat, (2, 16, 16, 3)).astype(np.uint8)
    pixels = torch.from_numpy(flat.copy()).permute(0, 3, 1, 2).float()
    found = onnx_features(session, asked)(pixels).reshape(2, 3, 4, 4)
    colours = np.array([[10, 60, 110], [210, 160, 0]], float)
    wanted = (colours[:, ::-1] if channels == "bgr" else colours) / 50 - 2
    np.testing.assert_allclose(found.mean(dim=(2, 3)), wanted, atol=1e-5)


def test_an_onnx_model_embeds_a_batch(project: Any) -> None:
    pytest.importorskip("onnxruntime")
    write_onnx(onnx_path(project, "flat"))
    project.add_batch("pool", photos=3)
    project.set({"embed.model": "models/embedders/flat.onnx"})
    embed.main("pool")
    assert read_embeddings("pool").shape == (3, 48)


def test_a_missing_onnx_file_is_named(project: Any) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(FaceloopError, match=r"embedders/no\.onnx is not here; allowed: the pa"):
        load_network(settings_of(project, "models/embedders/no.onnx"), CPU)


def test_a_damaged_onnx_file_is_named(project: Any) -> None:
    pytest.importorskip("onnxruntime")
    onnx_path(project, "bad").write_bytes(b"no model")
    with pytest.raises(FaceloopError, match=r"bad\.onnx"):
        load_network(settings_of(project, "models/embedders/bad.onnx"), CPU)
