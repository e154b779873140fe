"""Every embedder: its width, its length 1, its weights, and what is said where they are missing."""

import pickle
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from facenet_pytorch.models.mtcnn import ONet

from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import EMBEDDINGS_DIR
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import PLACE, read_batch
from faceloop.embedding import shards
from faceloop.embedding.embedder import (
    CPU,
    CPU_BATCH,
    LARGEST_GPU_BATCH,
    Embedder,
    Forward,
    embedder_of,
    fold_batch_norms,
    onet_features,
    onnx_features,
    pick_batch_size,
    resnet_features,
)
from faceloop.embedding.params import OnnxInput
from faceloop.embedding.shards import CropShard, cut_shards, embed_shard
from faceloop.pool.features import read_embeddings
from faceloop.weights import loading as weights
from faceloop.weights.loading import (
    DOWNLOADED,
    fetch_weights,
    load_mtcnn,
    load_network,
    pick_device,
)
from stages import embed

CUDA = torch.device("cuda")
PIXELS = OnnxInput(channels="bgr", mean=0.0, scale=1.0)
SHARED_ONNX = Path(__file__).resolve().parents[2] / "shared/weights/face_reid_0095_256d.onnx"
PEOPLE = {"vggface2": 8631, "casia-webface": 10575}


def crops(n: int, seed: int = 0) -> np.ndarray:
    """Return n soft, coloured pictures of 160 px."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, size=(n, 10, 10, 3))
    return np.kron(coarse, np.ones((1, 16, 16, 1))).astype(np.uint8)


def settings_of(project: Any, model: str) -> Any:
    project.set({"embed.model": model})
    return read_settings().embed


def places_of_pool() -> np.ndarray:
    return read_batch("pool", list(PLACE)).to_numpy()


@pytest.mark.parametrize(("n", "starts"), [(0, []), (1, [0]), (2, [0]), (3, [0, 2])])
def test_shards_are_a_batch_in_its_order(
    n: int, starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_FACES", 2)
    places = np.arange(3 * n).reshape(n, 3)
    cut = cut_shards(places)
    assert [one.start for one in cut] == starts
    assert [row for one in cut for row in one.places.tolist()] == places.tolist()


def test_rows_have_length_1_and_follow_the_table(project: Any) -> None:
    ids = project.add_batch("pool", photos=5)
    embed.main("pool")
    found = read_embeddings("pool")
    assert found.shape == (len(ids), 256) and found.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=2e-3)


def test_results_do_not_depend_on_how_the_batch_is_cut(
    drawn: Any, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn.root / "data/faces", "data/faces")
    project.set({"batches": ["drawn"]})
    found = []
    for size in (7, 1000):
        monkeypatch.setattr(shards, "SHARD_FACES", size)
        embed.main("drawn")
        found.append((EMBEDDINGS_DIR / "drawn.npy").read_bytes())
    assert len(np.unique(read_embeddings("drawn"), axis=0)) > 10
    assert found[0] == found[1]


def test_rows_are_the_same_whatever_order_shards_come_in(
    drawn: Any, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn.root / "data/faces", "data/faces")
    project.set({"batches": ["drawn"]})
    monkeypatch.setattr(shards, "SHARD_FACES", 5)
    embed.main("drawn")
    in_order = (EMBEDDINGS_DIR / "drawn.npy").read_bytes()
    monkeypatch.setattr(embed, "cut_shards", lambda *some: cut_shards(*some)[::-1])
    embed.main("drawn")
    assert (EMBEDDINGS_DIR / "drawn.npy").read_bytes() == in_order


def random_resnet() -> torch.nn.Module:
    """Return InceptionResnetV1 with random weights, its statistics those of some crops."""
    torch.manual_seed(0)
    resnet = InceptionResnetV1()
    for layer in resnet.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.momentum = None  # the plain mean
            layer.reset_running_stats()
    pixels = torch.from_numpy(crops(16, seed=9)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        resnet.train()((pixels - 127.5) / 128)
    return resnet.eval()


def shared_onnx() -> Forward:
    onnxruntime = pytest.importorskip("onnxruntime")
    if not SHARED_ONNX.is_file():
        pytest.skip(f"{SHARED_ONNX} is not here")
    session = onnxruntime.InferenceSession(SHARED_ONNX, providers=["CPUExecutionProvider"])
    return onnx_features(session, PIXELS)


@pytest.mark.parametrize(
    ("forward_of", "precision"),
    [
        (lambda: onet_features(ONet().eval(), margin=0.2), "float32"),
        (lambda: resnet_features(random_resnet(), "float32"), "float32"),
        (lambda: resnet_features(random_resnet(), "bfloat16"), "bfloat16"),
        (shared_onnx, "float32"),
    ],
    ids=["O-Net", "InceptionResnetV1", "InceptionResnetV1 in bfloat16", "ONNX"],
)
def test_an_embedding_is_the_same_bit_for_bit_wherever_its_face_stands(
    forward_of: Any, precision: str
) -> None:
    embedder = Embedder(forward_of(), CPU, precision, CPU_BATCH)
    faces = crops(CPU_BATCH)
    whole = embedder(faces)
    np.testing.assert_array_equal(embedder(faces[-1:]), whole[-1:])
    np.testing.assert_array_equal(embedder(faces[::-1]), whole[::-1])


def test_embeddings_take_two_bytes_a_number_on_disk(project: Any) -> None:
    project.add_batch("pool", photos=2)
    embed.main("pool")
    assert read_embeddings("pool").dtype == "float16"


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
    torch.testing.assert_close(ours, seen[0], check_dtype=False)


def test_onet_looks_at_the_bare_box_within_the_margin() -> None:
    forward = onet_features(ONet().eval(), margin=0.25)
    outside = crops(2)
    outside[:, :26], outside[:, -26:], outside[:, :, :26], outside[:, :, -26:] = 0, 0, 0, 0
    whole, framed = (Embedder(forward, CPU, "float32", 2)(one) for one in (crops(2), outside))
    np.testing.assert_allclose(whole, framed, atol=1e-5)


def test_bfloat16_is_nearly_float32() -> None:
    found = []
    for kind in ("float32", "bfloat16"):
        forward = resnet_features(random_resnet(), kind)
        found.append(Embedder(forward, CPU, kind, 8)(crops(8)))
    full, half = found
    assert 0.999 <= (full * half).sum(axis=1).min() < 1 - 1e-6


def test_folding_batch_norms_keeps_what_the_network_gives() -> None:
    resnet = random_resnet()
    before = {name: one.clone() for name, one in resnet.state_dict().items()}
    pixels = torch.from_numpy(crops(2)).permute(0, 3, 1, 2).float() / 128 - 1
    folded = fold_batch_norms(resnet)
    with torch.inference_mode():
        torch.testing.assert_close(folded(pixels), resnet(pixels), rtol=0, atol=1e-5)
    assert not [one for one in folded.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert all(torch.equal(one, before[name]) for name, one in resnet.state_dict().items())


def test_a_cpu_takes_one_number_and_a_gpu_what_its_memory_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert pick_batch_size(CPU) == CPU_BATCH
    free = {"bytes": 80 * 2**30}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free["bytes"], 80 * 2**30))
    assert pick_batch_size(CUDA) == LARGEST_GPU_BATCH
    free["bytes"] = 3 * 2**30
    assert pick_batch_size(CUDA) == 128
    free["bytes"] = 0
    assert pick_batch_size(CUDA) == 1


def room_for(n: int, seen: list[int]) -> Forward:
    """Return a network that has memory for n crops and gives each crop's first pixel."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        if len(x) > n:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(len(x))
        return x[:, :, 0, 0]

    return forward


def test_a_batch_that_does_not_fit_is_halved_for_good_and_no_face_is_lost() -> None:
    seen: list[int] = []
    embedder = Embedder(room_for(5, seen), CPU, "float32", 16)
    found = embedder(crops(11))
    wanted = crops(11)[:, 0, 0].astype(float)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    embedder(crops(3))
    assert seen == [4, 4, 4, 4] and embedder.batch_size == 4


def test_a_network_without_room_for_one_crop_says_so() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        Embedder(room_for(0, []), CPU, "float32", 16)(crops(2))


def test_onnx_takes_its_pixels_from_memory_on_any_machine(project: Any) -> None:
    pytest.importorskip("onnxruntime")
    write_onnx(onnx_path(project, "flat"))
    settings = settings_of(project, "models/embedders/flat.onnx")
    embedder = embedder_of(load_network(settings.model, CUDA), settings, PIXELS, 0.2, CUDA)
    assert embedder.device == CPU and embedder(crops(2)).shape == (2, 48)


def test_an_embedding_that_is_not_finite_stops_the_stage() -> None:
    with pytest.raises(FaceloopError, match="not finite"):
        Embedder(lambda x: x.flatten(1)[:, :4] / 0, CPU, "float32", 1)(crops(1) * 0)


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
    project: Any, in_process: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))
    monkeypatch.setattr(weights, "download_url_to_file", None)
    path = stand_in(project.root / "torch", name)
    monkeypatch.setitem(weights.SHA256, path.name, sha256_of(path))
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
    resnet_features(Spy(), "float32")(pixels)
    torch.testing.assert_close(seen[0], (pixels - 127.5) / 128, rtol=0, atol=1e-4)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("error", [URLError("no route"), TimeoutError("slow"), ConnectionError()])
def test_a_missing_download_is_one_error_with_two_remedies(
    project: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))

    def offline(*_: object) -> None:
        raise error

    monkeypatch.setattr(weights, "download_url_to_file", offline)
    with pytest.raises(FaceloopError) as found:
        fetch_weights("vggface2")
    said = str(found.value)
    assert "20180402-114759-vggface2.pt" in said and "put the file there" in said
    assert "set embed.model to mtcnn-onet in params.yaml" in said and "\n" not in said


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a zip"])
def test_a_damaged_download_says_what_to_delete(
    project: Any, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))
    path = project.root / "torch/checkpoints" / DOWNLOADED["casia-webface"]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(FaceloopError, match=r"webface\.pt is damaged; delete it and run again"):
        load_network("casia-webface", CPU)


def test_a_download_goes_where_facenet_pytorch_looks_and_is_verified_before_it_is_read(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project.root / "torch"))
    asked = []

    def other_file(url: str, path: str) -> None:
        asked.append(url)
        Path(path).write_bytes(b"other")

    monkeypatch.setattr(weights, "download_url_to_file", other_file)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(FaceloopError) as found:
        load_network("vggface2", CPU)
    assert asked[0].endswith("/v2.2.9/20180402-114759-vggface2.pt")
    path = project.root / "torch/checkpoints" / DOWNLOADED["vggface2"]
    for part in (str(path), sha256_of(path), weights.SHA256[path.name], "delete it and run again"):
        assert part in str(found.value)


@pytest.mark.parametrize("name", ["pnet.pt", "rnet.pt", "onet.pt"])
def test_shipped_weights_that_are_others_are_not_read(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(weights.SHA256, name, "0" * 64)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(FaceloopError, match=f"{name} is damaged.*install --force-reinstall"):
        load_mtcnn(24, CPU)


def test_weights_that_differ_between_machines_are_refused(project: Any) -> None:
    project.add_batch("pool", photos=2)
    wanted = settings_of(project, "mtcnn-onet")
    (shard,) = cut_shards(places_of_pool())
    with pytest.raises(FaceloopError, match="its file is not the same on all machines.*abc"):
        embed_shard(shard, "pool", wanted, None, 0.2, "abc", "cpu")


def test_work_and_shards_can_be_sent_to_another_process(project: Any) -> None:
    project.add_batch("pool", photos=3)
    work = partial(
        embed_shard,
        batch="pool",
        settings=settings_of(project, "mtcnn-onet"),
        pixels=None,
        margin=0.2,
        weights=fetch_weights("mtcnn-onet"),
        device="cpu",
    )
    (shard,) = cut_shards(places_of_pool())
    there, sent = pickle.loads(pickle.dumps((work, shard)))
    assert isinstance(sent, CropShard)
    np.testing.assert_array_equal(there(sent), work(shard))


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
def test_an_onnx_model_gets_the_pixels_that_it_wants(
    project: Any, batch: int | str, channels: str
) -> None:
    pytest.importorskip("onnxruntime")
    write_onnx(onnx_path(project, "flat"), batch)
    session = load_network("models/embedders/flat.onnx", CPU)
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
    path = onnx_path(project, "flat")
    write_onnx(path)
    project.add_batch("pool", photos=3)
    project.set({"embed.model": "models/embedders/flat.onnx"})
    with pytest.raises(FaceloopError, match=r"embedders/flat\.yaml is not here: .*'mean: 127\.5'"):
        embed.main("pool")
    beside = path.with_suffix(".yaml")
    for said, wanted in (
        ("mean: .inf\nscale: 1.0", r"flat\.yaml:2: mean: .*finite"),
        ("mean: 0.0\nscale: 0.0", r"flat\.yaml:3: scale: .*greater than 0"),
        ("mean: 0.0", r"flat\.yaml:1: scale: this key is missing"),
    ):
        beside.write_text(f"channels: rgb\n{said}\n")
        with pytest.raises(FaceloopError, match=wanted):
            embed.main("pool")
    beside.write_text("channels: rgb\nmean: 100.0\nscale: 50.0\n")
    embed.main("pool")
    dark = read_embeddings("pool").astype(float)
    assert dark.shape == (3, 48)
    beside.write_text("channels: rgb\nmean: 0.0\nscale: 50.0\n")
    embed.main("pool")
    assert not np.allclose(dark, read_embeddings("pool").astype(float), atol=1e-3)


def test_a_missing_onnx_file_is_named(project: Any) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(FaceloopError, match=r"embedders/no\.onnx is not here; allowed: the pa"):
        load_network("models/embedders/no.onnx", CPU)


def test_a_damaged_onnx_file_is_named(project: Any) -> None:
    pytest.importorskip("onnxruntime")
    onnx_path(project, "bad").write_bytes(b"no model")
    with pytest.raises(FaceloopError, match=r"bad\.onnx"):
        load_network("models/embedders/bad.onnx", CPU)
