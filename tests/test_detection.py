"""Our way of running MTCNN finds what facenet-pytorch's own finds."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from PIL import Image
from torch.nn.functional import interpolate

from demo.person import sample_person
from demo.scene import draw_photo
from demo.traits import EYEWEAR
from faceloop.crops.boxes import iou
from faceloop.faces import detection, networks
from faceloop.faces.areas import WINDOW_PX, crop, resample, summed_areas
from faceloop.faces.detection import detect, pick, refine
from faceloop.faces.media import read_photo
from faceloop.faces.networks import networks_of
from faceloop.weights.loading import load_mtcnn

CPU = torch.device("cpu")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """Three drawn people."""
    rng = np.random.default_rng(5)
    people = [sample_person(rng, eyewear) for eyewear in EYEWEAR]
    return draw_photo(rng, people, (640, 480), "room")[0]


def noise(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def averaged(image: Image.Image, height: int, width: int) -> np.ndarray:
    """Resample as facenet-pytorch does."""
    floats = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    return ((interpolate(floats, size=(height, width), mode="area") - 127.5) * 0.0078125).numpy()


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (12, 30), (40, 50), (80, 100)])
def test_the_picture_is_resampled_by_areas(size: tuple[int, int]) -> None:
    image = noise(40, 50)
    found = resample(summed_areas(image), *size, slice(None))
    np.testing.assert_allclose(found, averaged(image, *size), rtol=0, atol=1e-6)


def test_some_rows_of_the_picture_are_resampled_alone() -> None:
    areas = summed_areas(noise(40, 50))
    some = resample(areas, 13, 17, slice(4, 9))
    np.testing.assert_array_equal(some, resample(areas, 13, 17, slice(None))[:, :, 4:9])


def test_crops_are_resampled_by_areas() -> None:
    image = noise(40, 50)
    boxes = np.array([[0, 0, 50, 40], [3, 5, 20, 31], [49, 39, 50, 40], [10, 0, 13, 40]])
    found = crop(summed_areas(image), boxes, 24)
    for one, box in zip(found, boxes, strict=True):
        expected = averaged(image.crop(tuple(box.tolist())), 24, 24)[0]
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-6)


def test_windows_too_large_for_a_packed_sum_are_added_up_in_bands() -> None:
    image = noise(200, 150)
    assert 100 * 75 <= WINDOW_PX < 200 * 75
    areas, box = summed_areas(image), np.array([[0, 0, 150, 200]])
    np.testing.assert_allclose(
        resample(areas, 1, 2, slice(None)), averaged(image, 1, 2), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(crop(areas, box, 1), averaged(image, 1, 1), rtol=0, atol=1e-6)


def test_sums_beyond_64_bits_do_no_harm() -> None:
    areas = summed_areas(Image.new("RGB", (4000, 3000), "white"))
    assert (areas[:, -1] < 0).any()  # they have wrapped round
    np.testing.assert_allclose(resample(areas, 20, 30, slice(None)), 127.5 * 0.0078125, rtol=1e-6)


@pytest.mark.parametrize("size", [(40, 61), (41, 60), (12, 12), (257, 258), (258, 257)])
def test_the_proposal_network_is_facenets(size: tuple[int, int]) -> None:
    reference = MTCNN().eval()
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        shift, p = reference.pnet(x)
        found = networks_of(load_mtcnn(24, CPU), torch.float32).proposal(x)
    torch.testing.assert_close(found[:, 0].sigmoid(), p[:, 1], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[:, 1:], shift, rtol=0, atol=1e-5)


def test_the_refinement_network_is_facenets() -> None:
    reference = MTCNN().eval()
    x = torch.randn(5, 3, 24, 24, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        shift, p = reference.rnet(x)
        found = networks_of(load_mtcnn(24, CPU), torch.float32).refinement(x)
    torch.testing.assert_close(found[:, 0].sigmoid(), p[:, 1], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[:, 1:], shift, rtol=0, atol=1e-5)


def test_the_output_network_is_facenets() -> None:
    reference = MTCNN().eval()
    x = torch.randn(5, 3, 48, 48, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        shift, marks, p = reference.onet(x)
        found = networks_of(load_mtcnn(24, CPU), torch.float32).output(x)
    torch.testing.assert_close(found[:, 0].sigmoid(), p[:, 1], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[:, 1:], torch.cat([shift, marks], 1), rtol=0, atol=1e-5)


def test_layers_run_unblocked_where_there_is_no_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = networks_of(load_mtcnn(24, CPU), torch.float32).proposal
    x = torch.randn(1, 3, 260, 270, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        assert networks.LARGE_PX <= 260 * 270
        blocked = proposal(x)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        apart = (proposal(x) - blocked).abs().amax((0, 2, 3))
    # A sum of n products, added up in another order, is off by about sqrt(n) roundings of its size.
    weights = [layer.weight for layer in proposal.small if isinstance(layer, torch.nn.Conv2d)]
    n = sum(weight[0].numel() for weight in weights)
    rounding = torch.finfo(torch.float32).eps * blocked.abs().amax((0, 2, 3))
    assert (apart <= n**0.5 * rounding).all()


def assert_same_faces(image: Image.Image, smallest_px: int) -> int:
    """Compare with facenet-pytorch's own, and return how many faces there are."""
    reference = MTCNN(keep_all=True, min_face_size=smallest_px).eval()
    boxes, p, marks = reference.detect(image, landmarks=True)
    found = detect(load_mtcnn(smallest_px, CPU), image)
    if boxes is None:
        assert len(found.boxes) == 0
        return 0
    order = np.lexsort((boxes[:, 1], boxes[:, 0]))
    assert np.diag(iou(found.boxes, boxes[order].astype(float))).min() >= 0.999
    np.testing.assert_allclose(found.boxes, boxes[order].astype(float), atol=1e-2)
    np.testing.assert_allclose(found.probabilities, p[order].astype(float), atol=1e-4)
    np.testing.assert_allclose(found.landmarks, marks[order].astype(float), atol=1e-2)
    return len(boxes)


@pytest.mark.parametrize("smallest_px", [20, 24, 60])
def test_faces_are_those_of_facenet_pytorch(photo: Image.Image, smallest_px: int) -> None:
    assert assert_same_faces(photo, smallest_px) >= 2


def test_faces_seen_in_strips_are_the_same(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "STRIP_PX", 5000)
    monkeypatch.setattr(detection, "BATCH_PX", 7 * 24**2)
    monkeypatch.setattr(networks, "LARGE_PX", 3000)
    assert assert_same_faces(photo, 24) >= 2


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data, real faces, is not here")
def test_real_faces_are_those_of_facenet_pytorch() -> None:
    photos = sorted((DATA / "photos" / "dlib" / "images").iterdir())[:3]
    assert sum(assert_same_faces(read_photo(path, 100), 24) for path in photos) >= 3


def test_threads_may_share_a_detector(photo: Image.Image) -> None:
    mtcnn = load_mtcnn(24, CPU)
    alone = detect(mtcnn, photo)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda image: detect(mtcnn, image), [photo] * 4):
            np.testing.assert_array_equal(found.boxes, alone.boxes)


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="oneDNN convolves in bfloat16 with avx_ne_convert or avx512bw, avx512vl and avx512dq",
)
def test_in_bfloat16_faces_are_nearly_the_same(photo: Image.Image) -> None:
    mtcnn = load_mtcnn(24, CPU)
    exact, near = detect(mtcnn, photo), detect(mtcnn, photo, torch.bfloat16)
    assert len(near.boxes) == len(exact.boxes) >= 2
    assert np.diag(iou(near.boxes, exact.boxes)).min() >= 0.9


@pytest.mark.parametrize("network", ["refinement", "output"])
def test_no_candidate_in_the_picture_leaves_no_face(network: str) -> None:
    areas = summed_areas(Image.new("RGB", (60, 60)))
    beyond = torch.tensor([[100.0, 100.0, 140.0, 140.0, 0.9, 0, 4, 4]])
    net = getattr(networks_of(load_mtcnn(24, CPU), torch.float32), network)
    run = {"refinement": refine, "output": pick}[network]
    assert len(run(net, areas, beyond, 0.7)) == 0


@pytest.mark.parametrize("side", [46, 47])
def test_a_picture_hardly_larger_than_the_smallest_face_has_none(side: int) -> None:
    assert 12 / 47 * 47 < 12  # in floating point: then no scale is left
    found = detect(load_mtcnn(47, CPU), Image.new("RGB", (100, side)))
    assert len(found.boxes) == 0


@pytest.mark.parametrize("size", [(23, 100), (24, 24), (300, 30)])
def test_a_picture_without_a_face_has_none(size: tuple[int, int]) -> None:
    found = detect(load_mtcnn(24, CPU), Image.new("RGB", size, "grey"))
    assert [len(one) for one in found] == [0, 0, 0]
