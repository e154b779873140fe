"""Glasses and sunglasses of a drawn person."""

import numpy as np

from demo.canvas import DEPTH, Canvas, Points, ellipse, mirror, shade, smooth
from demo.head import EYE_X, EYE_Y
from demo.traits import Person

PLANE = DEPTH + 0.04  # the lenses' z: a flat plane just before the eyes


def draw_eyewear(person: Person, canvas: Canvas) -> None:
    """Draw the person's glasses or sunglasses; nothing where they wear none."""
    if person.eyewear == "none":
        return
    lens = _lens(person)
    _draw_temples(person, canvas)
    for points in (lens, mirror(lens)):
        pixels = canvas.head(points, plane=PLANE)
        if person.eyewear == "sunglasses":
            canvas.tint(pixels, person.lens, person.lens_opacity)
        else:
            canvas.tint(pixels, (235, 242, 248), 0.1)
        _draw_glare(person, canvas, points)
        canvas.stroke(canvas.head(points, plane=PLANE), person.frame, person.frame_width)
    _draw_bridge(person, canvas, lens)


def _lens(person: Person) -> Points:
    """The right lens' edge, (n, 2), closed."""
    x, grown = EYE_X * person.face_width, 0.03 if person.eyewear == "sunglasses" else 0.0
    if person.frame_shape == "round":
        return ellipse((x, EYE_Y + 0.02), (0.235 + grown, 0.225 + grown))
    if person.frame_shape == "oval":
        return ellipse((x, EYE_Y + 0.01), (0.265 + grown, 0.185 + grown))
    if person.frame_shape == "aviator":
        knots = [
            (-0.23, -0.15),
            (0, -0.18),
            (0.26, -0.14),
            (0.25, 0.08),
            (0.08, 0.25),
            (-0.15, 0.17),
            (-0.23, -0.15),
        ]
    else:
        knots = [
            (-0.25, -0.15),
            (0, -0.165),
            (0.28, -0.16),
            (0.27, 0.1),
            (0.2, 0.17),
            (-0.17, 0.17),
            (-0.24, 0.1),
            (-0.25, -0.15),
        ]
    return smooth([(x + a * (1 + 2 * grown), EYE_Y + b * (1 + 3 * grown)) for a, b in knots], 5)


def _draw_temples(person: Person, canvas: Canvas) -> None:
    """The arms from the lenses' outer edges to the ears."""
    for side in (-1, 1):
        hinge = np.array([[side * (EYE_X * person.face_width + 0.26), EYE_Y - 0.06]])
        ear = np.array([[side * (person.face_width + 0.02), EYE_Y - 0.04]])
        arm = canvas.head(hinge, plane=PLANE - 0.05) + canvas.head(ear, plane=0.1)
        canvas.stroke(arm, shade(person.frame, 0.85), max(0.035, person.frame_width * 0.8))


def _draw_bridge(person: Person, canvas: Canvas, lens: Points) -> None:
    inner = float(lens[:, 0].min())
    bridge = smooth([(-inner, EYE_Y - 0.03), (0, EYE_Y - 0.075), (inner, EYE_Y - 0.03)])
    canvas.stroke(canvas.head(bridge, plane=PLANE + 0.03), person.frame, person.frame_width)


def _draw_glare(person: Person, canvas: Canvas, lens: Points) -> None:
    """A slanted reflection in the lens' upper corner."""
    x, y = lens.mean(0)
    streak = np.array(
        [(x - 0.13, y + 0.02), (x - 0.03, y - 0.12), (x + 0.03, y - 0.12), (x - 0.1, y + 0.06)]
    )
    strength = 0.22 if person.eyewear == "sunglasses" else 0.3
    canvas.tint(canvas.head(streak, plane=PLANE), (255, 255, 255), strength)
