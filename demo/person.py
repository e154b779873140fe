"""One drawn person, from the shoes to the glasses, with a box around the face."""

import numpy as np
from PIL import Image

from demo.body import draw_body
from demo.canvas import Canvas, Pose
from demo.eyewear import draw_eyewear
from demo.hair import draw_back_hair, draw_hair
from demo.head import draw_ears, draw_features, draw_skin, outline
from demo.light import Light
from demo.traits import EYEWEAR, Person, sample_person

__all__ = ["EYEWEAR", "Light", "Person", "Pose", "draw_person", "sample_person"]

Box = tuple[float, float, float, float]

FACE_TOP, FACE_BOTTOM, FACE_SIDE = -0.76, 1.0, 0.95  # a detector's box: mid forehead to chin
TURN_SHIFT = 0.1  # how far a turn of 1 moves the box, in box sizes
HALF_WIDTH, TOP, BOTTOM = 2.1, -1.75, 9.8  # what a whole person takes, in half head heights


def draw_person(
    person: Person,
    face_px: float,
    pose: Pose,
    light: Light,
    rng: np.random.Generator,
    body_px: float | None = None,
) -> tuple[Image.Image, Box]:
    """Draw a person on a transparent sheet whose face box is about `face_px` high.

    `body_px` cuts the sheet that far below the chin; None draws down to the shoes.
    Returns the RGBA sheet and the face box (x0, y0, x1, y1) in its px.
    """
    scale = 4 if face_px < 50 else 3 if face_px < 90 else 2  # small faces alias sooner
    unit_px = face_px / (FACE_BOTTOM - FACE_TOP)
    bottom = BOTTOM if body_px is None else min(BOTTOM, 1 + max(body_px / unit_px, 0.5))
    canvas = Canvas(unit_px * scale, pose, person.face_width, (HALF_WIDTH, TOP, bottom))
    draw_back_hair(person, canvas)
    draw_body(person, canvas)
    draw_ears(person, canvas)
    draw_skin(person, canvas, light)
    draw_features(person, canvas)
    draw_hair(person, canvas, rng)
    draw_eyewear(person, canvas)
    sheet = _lit(canvas.image.reduce(scale), light)
    x0, y0, x1, y1 = _face_box(person, canvas)
    return sheet, (x0 / scale, y0 / scale, x1 / scale, y1 / scale)


def _face_box(person: Person, canvas: Canvas) -> Box:
    """The box of the face below mid forehead, in the canvas' px."""
    edge = outline(person, canvas)
    corners = np.array(canvas.flat(edge[edge[:, 1] >= FACE_TOP]))
    (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
    inset = (1 - FACE_SIDE) * (x1 - x0) / 2
    # A detector centres its box on the features, and those move with the turn of the head.
    right, down = (
        TURN_SHIFT * (x1 - x0) * canvas.pose.yaw,
        TURN_SHIFT * (y1 - y0) * canvas.pose.pitch,
    )
    return (
        float(x0 + inset + right),
        float(y0 + 0.5 * down),
        float(x1 - inset + right),
        float(y1 + down),
    )


def _lit(sheet: Image.Image, light: Light) -> Image.Image:
    """Let the lamp fall on the whole person: brighter on its side, darker on the other."""
    lamp = light.direction()
    across = np.linspace(-1, 1, sheet.width, dtype=np.float32)
    gain = 1 + 0.35 * light.strength * float(lamp[0]) * across
    pixels = np.asarray(sheet).astype(np.float32)
    pixels[..., :3] *= gain[None, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
