"""Drawn video: people who walk, turn, nod and come nearer, with hard cuts between scenes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from demo.background import Size, draw_background
from demo.camera import sample_camera, take
from demo.person import Box, Light, Person, Pose, draw_person, sample_person
from demo.scene import FaceTruth, clip_box

SHOWN_SHARE = 0.4  # a face of which less is seen has no truth box
CAST = ("none", "glasses", "sunglasses", "none", "none")
PLACES_OF_SCENES = ("park", "room", "street", "window")


@dataclass(frozen=True)
class Walker:
    """One person's path: where the face is at the scene's start and at its end, in px.

    Turns and nods are waves with a pace in turns a second and a phase in radians.
    """

    person: Person
    start_px: tuple[float, float, float]  # x, y, face height
    end_px: tuple[float, float, float]
    yaw: float
    pace: float
    phase: float
    seed: int

    def at(self, seconds: float, share: float) -> tuple[float, float, float]:
        """Middle (x, y) and height of the face, in px, after `share` of the scene."""
        start, end = np.array(self.start_px), np.array(self.end_px)
        x, y, face_px = (start + (end - start) * share).tolist()
        bob = 0.03 * face_px * np.sin(2 * np.pi * 1.6 * seconds + self.phase)
        return x, y + float(bob), face_px

    def pose(self, seconds: float) -> Pose:
        """How the head is held after `seconds`."""
        wave = 2 * np.pi * self.pace * seconds + self.phase
        blink = (seconds + self.phase) % 3.1 < 0.13
        return Pose(
            roll_deg=float(5 * np.sin(0.6 * wave + 1)),
            yaw=float(np.clip(self.yaw + 0.35 * np.sin(wave), -0.7, 0.7)),
            pitch=float(0.3 * np.sin(1.3 * wave)),
            mouth=float(0.35 + 0.35 * np.sin(2.1 * wave)),
            eyes=0.0 if blink else 1.0,
        )


def draw_video_frames(
    rng: np.random.Generator, seconds: float, frames_per_second: float, size_px: Size
) -> Iterator[tuple[Image.Image, list[FaceTruth]]]:
    """Draw a video's frames one by one: an RGB picture and (box in px, eyewear) of every face.

    A new set of people appears at each hard cut; there is at least one, however short the video.
    """
    count = max(2, round(seconds * frames_per_second))
    scenes = max(2, round(seconds / 6))
    places = rng.permutation(PLACES_OF_SCENES)
    for scene, frames in enumerate(np.array_split(np.arange(count), scenes)):
        place = str(places[scene % len(places)])
        yield from _draw_scene(rng, place, len(frames), frames_per_second, size_px)


def _draw_scene(
    rng: np.random.Generator, place: str, frames: int, frames_per_second: float, size_px: Size
) -> Iterator[tuple[Image.Image, list[FaceTruth]]]:
    background = draw_background(rng, place, size_px)
    light = Light(float(rng.uniform(30, 150)), float(rng.uniform(0.2, 0.6)))
    camera = sample_camera(rng, place, 0.1 * size_px[1])
    walkers = _sample_walkers(rng, size_px)
    for frame in range(frames):
        moment = frame / frames_per_second, frame / max(1, frames - 1)
        picture, truth = _draw_frame(background, walkers, light, moment)
        yield take(rng, picture, camera), truth


def _sample_walkers(rng: np.random.Generator, size_px: Size) -> list[Walker]:
    """Two who stand, one who comes nearer and one or two who cross behind, in px of the video."""
    wide, high = size_px
    eyewear = rng.permutation(CAST)[: int(rng.integers(4, 6))]
    near_px, far_px = 0.25 * high, 0.13 * high
    left, right = (-0.08 * wide, 0.3 * high, far_px), (1.08 * wide, 0.26 * high, 1.1 * far_px)
    standing = 0.44 * high
    paths = [
        (left, right),
        ((0.16 * wide, standing, near_px), (0.2 * wide, standing, 1.05 * near_px)),
        ((0.52 * wide, 0.4 * high, 1.1 * far_px), (0.48 * wide, 0.45 * high, 0.32 * high)),
        ((0.84 * wide, 0.46 * high, near_px), (0.8 * wide, standing, near_px)),
        (right, left),
    ]
    return [
        Walker(
            person=sample_person(rng, str(worn)),
            start_px=start,
            end_px=end,
            yaw=float(np.clip((end[0] - start[0]) / wide, -0.35, 0.35)),
            pace=float(rng.uniform(0.15, 0.35)),
            phase=float(rng.uniform(0, 2 * np.pi)),
            seed=int(rng.integers(2**32)),
        )
        for worn, (start, end) in zip(eyewear, paths, strict=False)
    ]


def _draw_frame(
    background: Image.Image,
    walkers: Sequence[Walker],
    light: Light,
    moment: tuple[float, float],
) -> tuple[Image.Image, list[FaceTruth]]:
    """One frame at (seconds, share) of its scene, before the camera."""
    picture, truth = background.copy(), []
    shown: list[tuple[Box, Image.Image, str]] = []
    for walker in sorted(walkers, key=lambda walker: walker.at(*moment)[2]):
        box, cover = _paste_walker(picture, walker, light, moment)
        shown.append((box, cover, walker.person.eyewear))
    for place, (box, _, eyewear) in enumerate(shown):
        nearer = [cover for _, cover, _ in shown[place + 1 :]]
        if _visible_share(box, nearer, picture.size) >= SHOWN_SHARE:
            truth.append((clip_box(box, picture.size), eyewear))
    return picture, truth


def _paste_walker(
    picture: Image.Image, walker: Walker, light: Light, moment: tuple[float, float]
) -> tuple[Box, Image.Image]:
    """Paste a walker; returns the face box in px and what the person covers, L like the picture."""
    x, y, face_px = walker.at(*moment)
    # The same stream in every frame: a person's strands of hair must not flicker.
    rng = np.random.default_rng(walker.seed)
    body_px = picture.height - y
    sheet, (x0, y0, x1, y1) = draw_person(
        walker.person, face_px, walker.pose(moment[0]), light, rng, body_px
    )
    left, top = round(x - (x0 + x1) / 2), round(y - (y0 + y1) / 2)
    picture.paste(sheet, (left, top), sheet)
    cover = Image.new("L", picture.size)
    cover.paste(sheet.getchannel("A"), (left, top))
    return (x0 + left, y0 + top, x1 + left, y1 + top), cover


def _visible_share(box: Box, nearer: Sequence[Image.Image], size_px: Size) -> float:
    """The share of a face box that lies in the picture and behind nobody."""
    whole = (box[2] - box[0]) * (box[3] - box[1])
    x0, y0, x1, y1 = (round(edge) for edge in clip_box(box, size_px))
    if x1 <= x0 or y1 <= y0:
        return 0.0
    free = np.ones((y1 - y0, x1 - x0), bool)
    for cover in nearer:
        free &= np.asarray(cover.crop((x0, y0, x1, y1))) < 128
    return float(free.sum() / whole)
