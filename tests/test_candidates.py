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
    """Candidates (200, 8) in and around a picture of 90 x 70 px, many of them overlapping."""
    random = torch.Generator().manual_seed(5)
    corner = torch.rand(200, 2, generator=random) * 100 - 10
    sides = torch.rand(200, 2, generator=random) * 40
    logit = torch.randperm(200, generator=random)[:, None] / 10
    window = torch.arange(200)[:, None].repeat(1, 3)
    return torch.cat([corner, corner + sides, logit, window], dim=1)


def test_boxes_are_moved_as_facenet_pytorch_moves_them(boxes: torch.Tensor) -> None:
    shifts = torch.randn(200, 4, generator=torch.Generator().manual_seed(6))
    expected = facenet.bbreg(boxes[:, :5].clone(), shifts)
    assert torch.equal(moved(boxes, shifts)[:, :5], expected)


def test_boxes_are_squared_as_facenet_pytorch_squares_them(boxes: torch.Tensor) -> None:
    assert torch.equal(squared(boxes)[:, :5], facenet.rerec(boxes[:, :5].clone()))


def test_boxes_are_cut_as_facenet_pytorch_cuts_them(boxes: torch.Tensor) -> None:
    top, bottom, left, right = facenet.pad(boxes.clone(), 90, 70)
    expected = np.stack([left - 1, top - 1, right, bottom], axis=1)
    np.testing.assert_array_equal(cuts(boxes, np.empty((71, 91))), expected)


@pytest.mark.parametrize("threshold", [0.1, 0.7])
def test_double_boxes_are_dropped_as_facenet_pytorch_drops_them(
    boxes: torch.Tensor, threshold: float
) -> None:
    picture = torch.zeros(200)
    found = nms_by_smaller(boxes, threshold)
    expected = facenet.batched_nms_numpy(boxes[:, :4], boxes[:, 4], picture, threshold, "Min")
    assert torch.equal(found, expected)
    assert torch.equal(
        nms(boxes, threshold),
        facenet.batched_nms(boxes[:, :4], boxes[:, 4], picture.long(), threshold),
    )


def test_rounding_does_not_decide_which_of_two_boxes_is_the_better() -> None:
    box = torch.tensor([0.0, 0.0, 20.0, 20.0])
    for above, below in ((2e-5, 0.0), (0.0, 2e-5)):
        first = torch.cat([box, torch.tensor([30.1 + above, 2, 8, 4])])
        second = torch.cat([box + 0.1, torch.tensor([30.1 + below, 3, 2, 6])])
        for boxes in (torch.stack([first, second]), torch.stack([second, first])):
            for kept in (nms(boxes, 0.5), nms_by_smaller(boxes, 0.5)):
                assert boxes[kept, 5:].tolist() == [[3, 2, 6]]


def test_of_no_box_none_stays() -> None:
    none = torch.zeros(0, 8)
    assert len(nms(none, 0.7)) == len(nms_by_smaller(none, 0.7)) == len(squared(none)) == 0
    assert len(moved(none, none[:, :4])) == len(cuts(none, np.empty((10, 10)))) == 0


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
