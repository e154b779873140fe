"""Neck, clothes, arms and legs of a drawn person."""

import numpy as np

from demo.canvas import Canvas, Points, ellipse, mirror, mix, shade, smooth
from demo.traits import Person

SHOULDER_Y, HIP_Y, FEET_Y = 1.75, 5.0, 9.6
NIGHT = (20, 20, 30)


def draw_body(person: Person, canvas: Canvas) -> None:
    """Draw everything below the head, as far down as the canvas reaches."""
    if canvas.image.height / canvas.unit_px > HIP_Y:
        _draw_legs(person, canvas)
    _draw_neck(person, canvas)
    canvas.fill(canvas.body(_torso(person)), person.cloth)
    if person.garment == "stripes":
        _draw_stripes(person, canvas)
    _draw_arms(person, canvas)
    _draw_collar(person, canvas)


def _torso(person: Person) -> Points:
    wide = person.shoulders
    right = smooth([(0.34, 1.32), (0.75, 1.52), (wide - 0.12, SHOULDER_Y), (wide - 0.05, 2.3),
                    (wide - 0.2, 3.4), (wide - 0.25, HIP_Y)])  # fmt: skip
    return np.vstack([right, mirror(right)[::-1]])


def _draw_neck(person: Person, canvas: Canvas) -> None:
    shadow = shade(person.skin, 0.7)
    half = 0.52 * person.face_width
    neck = [(-half, 0.55), (half, 0.55), (half + 0.05, 1.5), (0, 1.85), (-half - 0.05, 1.5)]
    canvas.fill(canvas.body(np.array(neck)), shade(person.skin, 0.85))
    canvas.fill(canvas.flat(ellipse((0, 0.85), (half, 0.36))), shadow)


def _draw_stripes(person: Person, canvas: Canvas) -> None:
    half = person.shoulders - 0.22
    for y in np.arange(2.2, HIP_Y, 0.55):
        stripe = np.array([(-half, y), (half, y), (half, y + 0.24), (-half, y + 0.24)])
        canvas.fill(canvas.body(stripe), person.cloth_second)


def _draw_arms(person: Person, canvas: Canvas) -> None:
    wide = person.shoulders
    arm = smooth([(wide - 0.16, SHOULDER_Y + 0.22), (wide + 0.06, 3.0), (wide + 0.02, 4.6)])
    short = person.garment in ("tee", "stripes")
    for points in (arm, mirror(arm)):
        hand = (float(points[-1, 0]), float(points[-1, 1]) + 0.2)
        canvas.fill(canvas.body(ellipse(hand, (0.19, 0.26))), shade(person.skin, 0.92))
        if short:
            canvas.stroke(canvas.body(points), shade(person.skin, 0.92), 0.3)
        sleeve = points[: len(points) // 2] if short else points
        canvas.stroke(canvas.body(sleeve), shade(person.cloth, 0.9), 0.44)
        seam = points[3:] - np.array([np.sign(points[0, 0]) * 0.23, 0])
        canvas.stroke(canvas.body(seam), shade(person.cloth, 0.7), 0.03)


def _draw_collar(person: Person, canvas: Canvas) -> None:
    second, skin = person.cloth_second, shade(person.skin, 0.85)
    if person.garment in ("shirt", "jacket"):
        vee = np.array(
            [(-0.42, 1.34), (0.42, 1.34), (0, 2.1 if person.garment == "shirt" else 2.9)]
        )
        canvas.fill(canvas.body(vee), skin if person.garment == "shirt" else second)
        lapel = np.array([(0.3, 1.28), (0.52, 1.4), (0.42, 1.95), (0.02, 2.1)])
        for points in (lapel, mirror(lapel)):
            canvas.fill(canvas.body(points), shade(person.cloth, 1.18))
        canvas.stroke(
            canvas.body(np.array([(0, 2.1), (0, HIP_Y)])), shade(person.cloth, 0.72), 0.03
        )
    if person.garment == "jacket":
        canvas.fill(canvas.body(np.array([(-0.36, 1.3), (0.36, 1.3), (0, 1.75)])), skin)
    elif person.garment == "hoodie":
        hood = smooth([(-0.75, 1.5), (-0.4, 1.75), (0, 1.9), (0.4, 1.75), (0.75, 1.5)])
        canvas.stroke(canvas.body(hood), shade(person.cloth, 0.8), 0.24)
    elif person.garment in ("tee", "stripes"):
        canvas.fill(canvas.body(ellipse((0, 1.29), (0.42, 0.4), (0, 180))), skin)
        canvas.stroke(canvas.body(ellipse((0, 1.29), (0.44, 0.42), (0, 180))), second, 0.07)


def _draw_legs(person: Person, canvas: Canvas) -> None:
    trousers = mix(person.cloth_second, NIGHT, 0.6)
    half = person.shoulders - 0.26
    leg = np.array([(0.02, HIP_Y - 0.1), (half, HIP_Y - 0.1), (half - 0.1, FEET_Y), (0.16, FEET_Y)])
    for points in (leg, mirror(leg)):
        canvas.fill(canvas.body(points), trousers)
        foot = (float(points[2:, 0].mean()), FEET_Y)
        canvas.fill(canvas.body(ellipse(foot, (0.34, 0.16))), NIGHT)
    canvas.stroke(canvas.body(np.array([(0, HIP_Y), (0, FEET_Y)])), shade(trousers, 0.7), 0.04)
