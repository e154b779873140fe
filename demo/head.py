"""A drawn head's skin, shading and features."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from demo.canvas import Canvas, Colour, Points, ellipse, mirror, mix, shade, smooth
from demo.light import Light
from demo.traits import Person

EYE_X, EYE_Y = 0.44, -0.1  # EYE_X in face widths, EYE_Y in half head heights
NOSE_Y, MOUTH_Y = 0.27, 0.55
CHEEK = 0.07  # how much a cheek stands out in brightness
SHADE_GRID = 72  # shading is soft, so a small grid stretched over the face is enough
DARK: Colour = (28, 20, 18)


def outline(person: Person, canvas: Canvas, grow: float = 0.0) -> Points:
    """The turned face's edge, (65, 2), clockwise from the right, `grow` units wider."""
    angles = np.linspace(0, 2 * np.pi, 65)
    y = np.sin(angles)
    # A jaw above 2 fills the lower corners of the ellipse: a squarer chin.
    below = np.clip(1 - np.clip(y, 0, 1) ** person.jaw, 0, 1) ** (1 / 1.9)
    above = np.clip(1 - np.clip(-y, 0, 1) ** 2.2, 0, 1) ** (1 / 2.2)
    half = person.face_width * np.where(y > 0, below, above)
    yaw, pitch = np.arctan2(canvas.turn[0, 2], canvas.turn[0, 0]), canvas.turn[1, 2]
    half = half * np.hypot(np.cos(yaw), 1.05 * np.sin(yaw)) + grow
    forward = 0.28 * np.clip(y, -0.4, 1)  # the chin lies before the ears and swings further
    x = np.sign(np.cos(angles)) * half + forward * np.sin(yaw)
    return np.column_stack([x, y * (1 + grow) + 0.12 * pitch])


def draw_ears(person: Person, canvas: Canvas) -> None:
    """Draw both ears, before the face so that a turn hides the far one."""
    for side in (-1, 1):
        centre = (side * (person.face_width + 0.03), 0.02)
        canvas.fill(
            canvas.head(ellipse(centre, (0.11, 0.2)), plane=-0.08), shade(person.skin, 0.86)
        )
        canvas.fill(
            canvas.head(ellipse(centre, (0.06, 0.13)), plane=-0.06), shade(person.skin, 0.7)
        )


def draw_skin(person: Person, canvas: Canvas, light: Light) -> None:
    """Draw the face's skin with light, eye sockets, nose and cheeks."""
    edge = canvas.flat(outline(person, canvas))
    corners = np.array(edge)
    left, top = corners.min(0).astype(int)
    right, bottom = corners.max(0).astype(int) + 1
    box = (max(int(left), 0), max(int(top), 0), int(right), int(bottom))
    size = (box[2] - box[0], box[3] - box[1])
    relief = Image.fromarray(_relief(person, canvas, light, box)).resize(
        size, Image.Resampling.BILINEAR
    )
    lit = np.asarray(relief, np.float32) * (np.array(person.skin, np.float32) / 128)
    sheet = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    mask = Image.new("L", canvas.image.size)

    ImageDraw.Draw(mask).polygon(edge, fill=255)
    canvas.image.paste(sheet, box[:2], mask.crop(box))


def _relief(
    person: Person, canvas: Canvas, light: Light, box: tuple[int, int, int, int]
) -> NDArray[np.uint8]:
    """The skin's brightness over a box in px: (grid, grid, 3), 128 is the plain skin."""
    x, y = np.meshgrid(
        np.linspace(box[0], box[2], SHADE_GRID), np.linspace(box[1], box[3], SHADE_GRID)
    )
    place = np.dstack([x, y]) - np.array(canvas.flat(np.zeros((1, 2)))[0])
    place = (place / canvas.unit_px) @ canvas.roll  # back upright, in units: (grid, grid, 2)
    across, down = place[..., 0] / person.face_width, place[..., 1]
    rim = np.clip(across**2 + down**2, 0, 1)
    normal = np.dstack([across, down, np.sqrt(1 - 0.98 * rim)])
    lamp = light.direction()
    lamp[:2] = lamp[:2] @ canvas.roll
    facing = normal @ lamp
    tone = 1 - 0.12 * rim**2 + light.strength * 0.5 * (facing - 0.76)
    warm = np.zeros_like(tone)
    for centre, radii, strength in _bumps(person):
        middle = canvas.turned(np.array([centre]), 0.05)[0]
        bump = np.exp(-(((place - middle) / np.array(radii)) ** 2).sum(-1))
        tone += strength * bump
        warm += bump * (strength == CHEEK)
    # Dark skin shines more than it scatters: the same relief shows in stronger highlights.
    contrast = 1 + 1.3 * (1 - max(person.skin) / 255)
    tone = np.maximum(1 + contrast * (tone - 1), 0.4)
    blush = warm[..., None] * np.array([0.06, -0.02, -0.02])
    return np.clip(128 * (tone[..., None] + blush), 0, 255).astype(np.uint8)


def _bumps(person: Person) -> list[tuple[tuple[float, float], tuple[float, float], float]]:
    """Hollows and hills of a face: centre, radii and brightness of each."""
    eye_x, cheek_x = EYE_X * person.face_width, 0.6 * person.face_width
    bumps = [
        ((0.0, 0.08), (0.075, 0.26), 0.15),
        ((0.0, NOSE_Y - 0.04), (0.1, 0.08), 0.08),
        ((0.0, NOSE_Y + 0.11), (0.18, 0.05), -0.24),
        ((0.0, MOUTH_Y + 0.17), (0.17, 0.045), -0.13),
        ((0.0, 0.84), (0.17, 0.1), 0.06),
        ((0.0, -0.5), (0.4, 0.17), 0.08),
    ]
    for side in (-1, 1):
        bumps.append(((side * eye_x, EYE_Y - 0.03), (0.22, 0.13), -0.2))
        bumps.append(((side * 0.11, 0.0), (0.05, 0.17), -0.09))
        bumps.append(((side * cheek_x, 0.27), (0.19, 0.15), CHEEK))
    return bumps


def draw_features(person: Person, canvas: Canvas) -> None:
    """Draw eyes, brows, nose, mouth, beard and wrinkles."""
    if person.beard != "none":
        _draw_beard(person, canvas)
    for side in (-1, 1):
        _draw_eye(person, canvas, side)
        _draw_brow(person, canvas, side)
    _draw_nose(person, canvas)
    _draw_mouth(person, canvas)
    if person.wrinkled:
        _draw_wrinkles(person, canvas)


def _draw_eye(person: Person, canvas: Canvas, side: int) -> None:
    x, wide = side * EYE_X * person.face_width, person.eye_width
    tall = person.eye_open * canvas.pose.eyes
    crease = mix(person.skin, DARK, 0.45)
    lid = smooth([(x - wide, EYE_Y + 0.02), (x, EYE_Y - tall), (x + wide, EYE_Y + 0.02)])
    below = smooth([(x + wide, EYE_Y + 0.02), (x, EYE_Y + tall), (x - wide, EYE_Y + 0.02)])
    if tall > 0.02:
        canvas.fill(canvas.head(np.vstack([lid, below])), (238, 233, 228))
        radius, gaze = 0.085, 0.03 * canvas.pose.yaw
        for grow, colour in ((1.0, person.iris), (0.5, (10, 9, 9))):
            radii = (radius * grow, min(radius * grow, tall * 0.98))
            canvas.fill(canvas.head(ellipse((x + gaze, EYE_Y), radii)), colour)
        glint = ellipse((x + gaze + 0.025, EYE_Y - 0.4 * tall), (0.018, 0.018))
        canvas.fill(canvas.head(glint), (252, 252, 252))
    canvas.stroke(canvas.head(below), crease, 0.018)
    canvas.stroke(canvas.head(lid), mix(DARK, person.skin, 0.1), 0.042)
    canvas.stroke(canvas.head(lid - np.array([0, 0.055])), crease, 0.016)


def _draw_brow(person: Person, canvas: Canvas, side: int) -> None:
    x, y = EYE_X * person.face_width, EYE_Y - 0.2 - person.brow_lift
    half = person.brow_width / 2
    top = smooth([(x - 0.2, y - half), (x + 0.04, y - 0.06 - half), (x + 0.22, y + 0.03)])
    low = smooth([(x + 0.22, y + 0.03), (x + 0.04, y - 0.06 + half), (x - 0.2, y + half)])
    brow = np.vstack([top, low])
    colour = mix(mix(person.hair, DARK, 0.4), person.skin, 0.1)
    canvas.fill(canvas.head(brow if side > 0 else mirror(brow)), colour)


def _draw_nose(person: Person, canvas: Canvas) -> None:
    shadow, away = mix(person.skin, DARK, 0.35), -1 if canvas.pose.yaw > 0 else 1
    side = np.array([(away * 0.055, -0.02), (away * 0.075, 0.12), (away * 0.12, NOSE_Y - 0.02)])
    canvas.stroke(canvas.head(smooth([tuple(knot) for knot in side]), 0.08), shadow, 0.018)
    wing = smooth([(-0.14, NOSE_Y), (-0.11, NOSE_Y + 0.06), (-0.05, NOSE_Y + 0.05)])
    for points in (wing, mirror(wing)):
        canvas.stroke(canvas.head(points, 0.12), shadow, 0.026)
    for x in (-0.065, 0.065):
        nostril = ellipse((x, NOSE_Y + 0.05), (0.032, 0.018))
        canvas.fill(canvas.head(nostril, 0.12), mix(person.skin, DARK, 0.72))


def _draw_mouth(person: Person, canvas: Canvas) -> None:
    smile = canvas.pose.mouth
    wide, corner = person.mouth_width * (1 + 0.2 * smile), MOUTH_Y - 0.06 * smile
    gap = 0.13 * max(0.0, smile - 0.35)
    top, low = MOUTH_Y - 0.05, MOUTH_Y + 0.075 + gap
    upper = smooth(
        [(-wide, corner), (-0.07, top - 0.012), (0, top), (0.07, top - 0.012), (wide, corner)]
    )
    lower = smooth([(wide, corner), (0.12, low), (-0.12, low), (-wide, corner)])
    canvas.fill(canvas.head(np.vstack([upper, lower]), 0.03), person.lips)
    inner = smooth([(-wide, corner), (0, MOUTH_Y + 0.004), (wide, corner)])
    seam = mix(person.lips, DARK, 0.7)
    if gap > 0.02:
        bottom = smooth([(wide, corner), (0, low - 0.045), (-wide, corner)])
        canvas.fill(canvas.head(np.vstack([inner, bottom]), 0.03), (240, 236, 228))
        canvas.stroke(canvas.head(bottom, 0.03), seam, 0.014)
    canvas.stroke(canvas.head(inner, 0.03), seam, 0.024)


def _draw_beard(person: Person, canvas: Canvas) -> None:
    colour = mix(person.hair, DARK, 0.2)
    lip = smooth([(-0.3, 0.62), (-0.2, 0.44), (0, 0.4), (0.2, 0.44), (0.3, 0.62)])
    if person.beard in ("full", "stubble"):
        edge = outline(person, canvas, 0.015)[2:31]  # from ear to ear below
        upper = canvas.turned(
            smooth(
                [
                    (-0.7, 0.1),
                    (-0.6, 0.4),
                    (-0.36, 0.54),
                    *map(tuple, lip[8:-8]),
                    (0.36, 0.54),
                    (0.6, 0.4),
                    (0.7, 0.1),
                ]
            )
        )
        canvas.tint(
            canvas.flat(np.vstack([edge, upper])), colour, 0.9 if person.beard == "full" else 0.25
        )
        return
    under = [(0.26, 0.58), (0.15, 0.49), (0.0, 0.475), (-0.15, 0.49), (-0.26, 0.58)]
    canvas.tint(canvas.head(np.vstack([lip, smooth(under)]), 0.03), colour, 0.88)
    if person.beard == "goatee":
        canvas.tint(canvas.head(ellipse((0, 0.82), (0.2, 0.15))), colour, 0.88)


def _draw_wrinkles(person: Person, canvas: Canvas) -> None:
    crease = mix(person.skin, DARK, 0.22)
    fold = smooth([(0.17, 0.3), (0.29, 0.42), (0.33, 0.56)])
    bag = smooth([(0.2, 0.08), (0.32, 0.11), (0.43, 0.07)])
    for line in (fold, bag):
        canvas.stroke(canvas.head(line), crease, 0.018)
        canvas.stroke(canvas.head(mirror(line)), crease, 0.018)
    for y in (-0.58, -0.48):
        canvas.stroke(canvas.head(smooth([(-0.3, y), (0, y - 0.03), (0.3, y)])), crease, 0.016)
