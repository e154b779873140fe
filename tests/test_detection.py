"""Our feeding of MTCNN finds what facenet-pytorch's own finds."""

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from PIL import Image
from torch.nn.functional import interpolate

from loop.drawing.person import sample_person
from loop.drawing.scene import draw_photo
from loop.drawing.traits import EYEWEAR
from stages.core.detection import crop, detect, resample, summed_areas
from stages.files.weights import load_mtcnn

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """Three drawn people."""
    rng = np.random.default_rng(5)
    people = [sample_person(rng, eyewear) for eyewear in EYEWEAR]
    return draw_photo(rng, people, (640, 480), "room")[0]


def noise(height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


def averaged(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resample as facenet-pytorch does."""
    floats = pixels.permute(2, 0, 1)[None].float()
    return (interpolate(floats, size=(height, width), mode="area") - 127.5) * 0.0078125


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (12, 30), (40, 50), (80, 100)])
def test_the_picture_is_resampled_by_areas(size: tuple[int, int]) -> None:
    pixels = noise(40, 50)
    found = resample(summed_areas(pixels), *size)
    torch.testing.assert_close(found, averaged(pixels, *size), rtol=0, atol=1e-6)


def test_crops_are_resampled_by_areas() -> None:
    pixels = noise(40, 50)
    boxes = torch.tensor([[0, 0, 50, 40], [3, 5, 20, 31], [49, 39, 50, 40], [10, 0, 13, 40]])
    found = crop(summed_areas(pixels), boxes, 24)
    for one, (left, top, right, bottom) in zip(found, boxes.tolist(), strict=True):
        expected = averaged(pixels[top:bottom, left:right], 24, 24)[0]
        torch.testing.assert_close(one, expected, rtol=0, atol=1e-6)


def test_sums_beyond_32_bits_do_no_harm() -> None:
    white = torch.full((3000, 4000, 3), 255, dtype=torch.uint8)
    areas = summed_areas(white)
    assert areas[-1, -1, 0] < 0  # they have wrapped round
    np.testing.assert_allclose(resample(areas, 20, 30), 127.5 * 0.0078125, rtol=1e-6)


@pytest.mark.parametrize("smallest_px", [20, 24, 60])
def test_faces_are_those_of_facenet_pytorch(photo: Image.Image, smallest_px: int) -> None:
    reference = MTCNN(keep_all=True, min_face_size=smallest_px).eval()
    boxes, p, marks = reference.detect(photo, landmarks=True)
    order = np.lexsort((boxes[:, 1], boxes[:, 0]))
    found = detect(load_mtcnn(smallest_px, CPU), photo)
    assert len(order) >= 2
    np.testing.assert_allclose(found.boxes, boxes[order].astype(float), atol=1e-2)
    np.testing.assert_allclose(found.probabilities, p[order].astype(float), atol=1e-4)
    np.testing.assert_allclose(found.landmarks, marks[order].astype(float), atol=1e-2)


@pytest.mark.parametrize("size", [(23, 100), (24, 24), (300, 30)])
def test_a_picture_without_a_face_has_none(size: tuple[int, int]) -> None:
    found = detect(load_mtcnn(24, CPU), Image.new("RGB", size, "grey"))
    assert [len(one) for one in found] == [0, 0, 0]
