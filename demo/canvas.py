"""A supersampled, transparent sheet that knows how a head is turned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = NDArray[np.float64]
Pixels = list[tuple[float, float]]

NECK_Y = 0.8  # a head rolls about the top of the neck, not about its middle
DEPTH = 0.8  # how far the face's front lies before the ears, in half head heights
YAW_DEG, PITCH_DEG = 38.0, 20.0  # the turn at yaw = 1 and pitch = 1


@dataclass(frozen=True)
class Pose:
    """How a head is held.

    roll_deg is clockwise; yaw and pitch lie in [-1, 1] (right, down);
    mouth runs from 0 (closed) to 1 (laughing), eyes from 0 (shut) to 1 (open).
    """

    roll_deg: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    mouth: float = 0.0
    eyes: float = 1.0


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (factor < 1) or brighten (factor > 1) a colour."""
    red, green, blue = (int(np.clip(part * factor, 0, 255)) for part in colour)
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; `share` in [0, 1] is the second's."""
    red, green, blue = (
        int(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def ellipse(
    centre: tuple[float, float],
    radii: tuple[float, float],
    arc_deg: tuple[float, float] = (0, 360),
) -> Points:
    """Points along an ellipse's arc, float64 (33, 2); angles run clockwise from the right."""
    angles = np.deg2rad(np.linspace(*arc_deg, 33))
    return np.column_stack(
        [centre[0] + radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)]
    )


def smooth(knots: Sequence[tuple[float, float]], per_span: int = 8) -> Points:
    """A Catmull-Rom curve through the knots, float64 (n, 2), first and last knot included."""
    bends = np.asarray(knots, float)
    bends = np.vstack([2 * bends[0] - bends[1], bends, 2 * bends[-1] - bends[-2]])
    step = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(bends, bends[1:], bends[2:], bends[3:], strict=False):
        cubic = -a + 3 * b - 3 * c + d
        spans.append(b + 0.5 * step * (c - a + step * (2 * a - 5 * b + 4 * c - d + step * cubic)))
    return np.vstack([*spans, bends[-2]])


def mirror(points: Points) -> Points:
    """The same points on the other side of the face, (n, 2)."""
    return points * np.array([-1.0, 1.0])


class Canvas:
    """A transparent sheet in units of half a head's height, the head's middle at (0, 0).

    x runs right, y down, z towards the viewer. `face_width` is half the face's width.
    """

    def __init__(
        self,
        unit_px: float,
        pose: Pose,
        face_width: float,
        extent: tuple[float, float, float],
    ) -> None:
        half_width, top, bottom = extent
        self.unit_px, self.pose, self.face_width = unit_px, pose, face_width
        self.origin = np.array([half_width, -top]) * unit_px
        size = (int(2 * half_width * unit_px), int((bottom - top) * unit_px))
        self.image = Image.new("RGBA", size)
        self.pen = ImageDraw.Draw(self.image)
        yaw, pitch = np.deg2rad([pose.yaw * YAW_DEG, pose.pitch * PITCH_DEG])
        about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        about_x = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        self.turn = np.array(about_x) @ np.array(about_y)
        roll = np.deg2rad(pose.roll_deg)
        self.roll = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])

    def body(self, points: Points) -> Pixels:
        """Pixels of points (n, 2) that do not move with the head."""
        return [tuple(point) for point in (points * self.unit_px + self.origin).tolist()]

    def flat(self, points: Points) -> Pixels:
        """Pixels of points (n, 2) that roll with the head but do not turn."""
        pivot = np.array([0, NECK_Y])
        return self.body((points - pivot) @ self.roll.T + pivot)

    def head(self, points: Points, lift: float = 0.0, plane: float | None = None) -> Pixels:
        """Pixels of points (n, 2) on the face, `lift` units before its skin.

        With `plane` they lie in the flat plane at that z instead (glasses do).
        """
        return self.flat(self.turned(points, lift, plane))

    def turned(self, points: Points, lift: float = 0.0, plane: float | None = None) -> Points:
        """Where the turn of the head takes points (n, 2), before its roll."""
        if plane is None:
            inside = 1 - (points[:, 0] / self.face_width) ** 2 - points[:, 1] ** 2
            z = DEPTH * np.sqrt(np.clip(inside, 0, None)) + lift
        else:
            z = np.full(len(points), plane)
        return (np.column_stack([points, z]) @ self.turn.T)[:, :2]

    def fill(self, pixels: Pixels, colour: Colour) -> None:
        """Fill a polygon."""
        self.pen.polygon(pixels, fill=(*colour, 255))

    def stroke(self, pixels: Pixels, colour: Colour, width: float) -> None:
        """Draw a line `width` units wide with round ends."""
        width_px = max(1, round(width * self.unit_px))
        self.pen.line(pixels, fill=(*colour, 255), width=width_px, joint="curve")
        for x, y in (pixels[0], pixels[-1]) if width_px > 2 else ():
            radius = width_px / 2 - 0.5
            self.pen.ellipse([x - radius, y - radius, x + radius, y + radius], (*colour, 255))

    def tint(self, pixels: Pixels, colour: Colour, opacity: float) -> None:
        """Lay a see-through polygon over what is drawn; clear places stay clear."""
        corners = np.array(pixels)
        left, top = np.maximum(corners.min(0).astype(int), 0)
        right, bottom = np.minimum(corners.max(0).astype(int) + 1, self.image.size)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (int(right - left), int(bottom - top)))
        shifted = [(x - left, y - top) for x, y in pixels]
        ImageDraw.Draw(mask).polygon(shifted, fill=round(255 * opacity))
        under = self.image.crop((int(left), int(top), int(right), int(bottom)))
        solid = Image.new("RGBA", mask.size, (*colour, 255))
        solid.putalpha(under.getchannel("A"))
        self.image.paste(Image.composite(solid, under, mask), (int(left), int(top)))
