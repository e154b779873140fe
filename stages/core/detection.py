"""Finding faces in a picture with MTCNN (Zhang et al. 2016), as facenet-pytorch gives it."""

import numpy as np
from facenet_pytorch import MTCNN
from PIL import Image

from stages.core.faces import Detections


def detect(mtcnn: MTCNN, image: Image.Image) -> Detections:
    """Return the faces of an upright RGB picture, left to right.

    Args:
        mtcnn: made with keep_all=True.
        image: RGB; one whose shorter side is below the smallest face holds none.
    """
    none = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
    if min(image.size) < mtcnn.min_face_size:
        return none
    boxes, probabilities, landmarks = mtcnn.detect(image, landmarks=True)
    if boxes is None:
        return none
    order = np.lexsort((boxes[:, 1], boxes[:, 0]))
    return Detections(
        np.asarray(boxes, dtype=float)[order],
        np.asarray(probabilities, dtype=float)[order],
        np.asarray(landmarks, dtype=float)[order],
    )
