"""What is done to candidates is what facenet-pytorch does to them, bit for bit."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from facenet_pytorch.models.utils import detect_face as facenet

from faceloop.faces.candidates import cuts, moved, nms, nms_by_smaller, squared


@pytest.fixture
def boxes() -> torch.Tensor:
    """Boxes (200, 5) in and around a picture of 90 x 70 px, many of them overlapping."""
    random = torch.Generator().manual_seed(5)
    corner = torch.rand(200, 2, generator=random) * 100 - 10
    sides = torch.rand(200, 2, generator=random) * 40
    p = torch.rand(200, 1, generator=random)
    return torch.cat([corner, corner + sides, p], dim=1)


def test_boxes_are_moved_as_facenet_pytorch_moves_them(boxes: torch.Tensor) -> None:
    shifts = torch.randn(200, 4, generator=torch.Generator().manual_seed(6))
    assert torch.equal(moved(boxes, shifts), facenet.bbreg(boxes.clone(), shifts))


def test_boxes_are_squared_as_facenet_pytorch_squares_them(boxes: torch.Tensor) -> None:
    assert torch.equal(squared(boxes), facenet.rerec(boxes.clone()))


def test_boxes_are_cut_as_facenet_pytorch_cuts_them(boxes: torch.Tensor) -> None:
    top, bottom, left, right = facenet.pad(boxes.clone(), 90, 70)
    expected = np.stack([left - 1, top - 1, right, bottom], axis=1)
    np.testing.assert_array_equal(cuts(boxes, 90, 70), expected)


@pytest.mark.parametrize("threshold", [0.1, 0.7])
def test_double_boxes_are_dropped_as_facenet_pytorch_drops_them(
    boxes: torch.Tensor, threshold: float
) -> None:
    picture = torch.zeros(200)
    found = nms_by_smaller(boxes[:, :4], boxes[:, 4], threshold)
    expected = facenet.batched_nms_numpy(boxes[:, :4], boxes[:, 4], picture, threshold, "Min")
    assert torch.equal(found, expected)
    assert torch.equal(
        nms(boxes[:, :4], boxes[:, 4], threshold),
        facenet.batched_nms(boxes[:, :4], boxes[:, 4], picture.long(), threshold),
    )


def test_of_no_box_none_stays() -> None:
    none = torch.zeros(0, 5)
    assert len(nms_by_smaller(none[:, :4], none[:, 4], 0.7)) == 0
    assert len(squared(none)) == len(moved(none, none[:, :4])) == len(cuts(none, 9, 9)) == 0


def test_faces_are_found_without_importing_torchvision() -> None:
    find = (
        "import sys, torch\n"
        "from PIL import Image\n"
        "from faceloop.faces.detection import detect\n"
        "from faceloop.weights.loading import load_mtcnn\n"
        "detect(load_mtcnn(24, torch.device('cpu')), Image.new('RGB', (90, 70)))\n"
        "print(*[name for name in ('torchvision', 'torch._dynamo') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", find], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
