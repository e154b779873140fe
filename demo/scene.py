"""Drawn photos: people in a place, with the box of every face."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from demo.background import PLACES, Size, draw_background
from demo.camera import defocus, sample_camera, take
from demo.person import Box, Light, Person, Pose, draw_person

FaceTruth = tuple[Box, str]

SMALLEST_FACE_PX, LARGEST_FACE_PX = 27.0, 205.0
FACE_ASPECT = 0.84  # a face box's width in its heights
TRIES = 40  # places tried for one face before everyone shrinks a little


@dataclass(frozen=True)
class Spot:
    """Where a face goes: its middle and its height, in px."""

    x_px: float
    y_px: float
    face_px: float

    def covers(self, other: "Spot") -> bool:
        """Whether this nearer person's head or shoulders would hide the other's face."""
        across, down = abs(self.x_px - other.x_px), other.y_px - self.y_px
        head = down > -0.95 * self.face_px - 0.6 * other.face_px
        below_chin = down > 0.5 * self.face_px - 0.6 * other.face_px
        reach_px = (1.2 if below_chin else 0.75) * self.face_px
        return head and across < reach_px + 0.5 * other.face_px


def place_people(rng: np.random.Generator, count: int, size_px: Size) -> list[Spot]:
    """Find spots for `count` faces, farthest first, none hidden by a nearer person."""
    wide, high = size_px
    largest_px = min(LARGEST_FACE_PX, 0.42 * high, 0.75 * wide / count**0.7)
    typical_px = max(1.6 * SMALLEST_FACE_PX, 0.62 * largest_px)
    while True:
        middle = np.log(typical_px) + rng.normal(0, 0.25)
        faces_px = np.exp(rng.normal(middle, 0.28, count))
        faces_px = np.sort(np.clip(faces_px, SMALLEST_FACE_PX, largest_px))
        spots: list[Spot] = []
        for face_px in faces_px:
            spot = _find_spot(rng, spots, float(face_px), size_px)
            if spot is None:
                break
            spots.append(spot)
        if len(spots) == count:
            return spots
        typical_px = max(0.96 * typical_px, SMALLEST_FACE_PX)
        largest_px = max(0.97 * largest_px, 1.3 * SMALLEST_FACE_PX)


def _find_spot(
    rng: np.random.Generator, farther: Sequence[Spot], face_px: float, size_px: Size
) -> Spot | None:
    wide, high = size_px
    side_px = 0.5 * face_px + 4
    top_px, bottom_px = 0.85 * face_px, high - 0.9 * face_px
    for _ in range(TRIES):
        x_px = rng.uniform(side_px, wide - side_px)
        y_px = np.clip(
            rng.normal(0.42, 0.13) * high, top_px, max(top_px, min(bottom_px, 0.7 * high))
        )
        spot = Spot(float(x_px), float(y_px), face_px)
        if not any(spot.covers(other) for other in farther):
            return spot
    return None


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose: mostly towards the camera, now and then turned, tilted or blinking."""
    return Pose(
        roll_deg=float(np.clip(rng.normal(0, 6.5), -22, 22)),
        yaw=float(np.clip(rng.normal(0, 0.3), -0.75, 0.75)),
        pitch=float(np.clip(rng.normal(0, 0.3), -0.8, 0.8)),
        mouth=float(rng.beta(1.1, 1.4)),
        eyes=0.0 if rng.random() < 0.04 else float(rng.uniform(0.75, 1.1)),
    )


def draw_photo(
    rng: np.random.Generator,
    people: Sequence[Person],
    size_px: Size,
    place: str | None = None,
) -> tuple[Image.Image, list[FaceTruth]]:
    """Draw a photo of people, RGB of `size_px` (width, height).

    `place` is one of PLACES, drawn at random where None. Returns the photo and, for each person,
    the face box (x0, y0, x1, y1) in px and the eyewear.
    """
    place = place or str(rng.choice(list(PLACES)))
    scene = draw_background(rng, place, size_px)
    light = Light(float(rng.uniform(15, 165)), float(rng.beta(1.6, 2.2)))
    spots = place_people(rng, len(people), size_px) if people else []
    truth = []
    for person, spot in zip(people, spots, strict=True):
        box = paste_person(rng, scene, person, spot, sample_pose(rng), light)
        truth.append((clip_box(box, size_px), person.eyewear))
    smallest_px = min((spot.face_px for spot in spots), default=60.0)
    return take(rng, scene, sample_camera(rng, place, smallest_px)), truth


def paste_person(
    rng: np.random.Generator,
    scene: Image.Image,
    person: Person,
    spot: Spot,
    pose: Pose,
    light: Light,
) -> Box:
    """Paste one person into the scene; a few stand out of focus. Returns the face box in px."""
    body_px = scene.height - spot.y_px - 0.3 * spot.face_px
    sheet, (x0, y0, x1, y1) = draw_person(person, spot.face_px, pose, light, rng, body_px)
    if rng.random() < 0.15:
        sheet = defocus(sheet, rng.uniform(0.012, 0.028) * min(spot.face_px, 90))
    left = round(spot.x_px - (x0 + x1) / 2)
    top = round(spot.y_px - (y0 + y1) / 2)
    scene.paste(sheet, (left, top), sheet)
    return x0 + left, y0 + top, x1 + left, y1 + top


def clip_box(box: Box, size_px: Size) -> Box:
    """The part of a box inside the picture."""
    (x0, y0, x1, y1), (wide, high) = box, size_px
    return max(x0, 0), max(y0, 0), min(x1, wide), min(y1, high)
