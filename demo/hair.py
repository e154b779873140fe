"""Hair and headgear of a drawn person."""

import numpy as np

from demo.canvas import Canvas, Colour, Points, ellipse, mix, shade, smooth
from demo.head import outline
from demo.traits import Person

VOLUME = {
    "short": 0.07, "parted": 0.09, "fringe": 0.08, "long": 0.1, "bob": 0.1, "bun": 0.06,
    "curly": 0.14, "afro": 0.12, "buzz": 0.025, "bald": 0.0, "cap": 0.07, "beanie": 0.1,
    "scarf": 0.1,
}  # fmt: skip
# The hair's lower edge on the forehead: (x in face widths, y), from the left temple to the right.
LEFT_TEMPLE, RIGHT_TEMPLE = [(-1, 0.05), (-0.88, -0.32)], [(0.88, -0.32), (1, 0.05)]
HAIRLINES = {
    "parted": [*LEFT_TEMPLE, (-0.45, -0.68), (-0.3, -0.7), (0.3, -0.46), (0.8, -0.28), (1, 0.05)],
    "fringe": [*LEFT_TEMPLE, (-0.5, -0.37), (0, -0.4), (0.5, -0.37), *RIGHT_TEMPLE],
    "plain": [*LEFT_TEMPLE, (-0.6, -0.6), (0, -0.66), (0.6, -0.6), *RIGHT_TEMPLE],
    "hat": [(-1.02, -0.2), (-0.8, -0.46), (0, -0.54), (0.8, -0.46), (1.02, -0.2)],
}


def draw_back_hair(person: Person, canvas: Canvas) -> None:
    """Draw what hangs behind neck and shoulders."""
    wide, dark = person.face_width, shade(person.hair, 0.72)
    shift = np.array([-0.1 * canvas.pose.yaw, 0.0])
    if person.style == "long":
        canvas.fill(canvas.flat(_curtain(wide + 0.2, 1.75) + shift), dark)
    elif person.style == "bob":
        canvas.fill(canvas.flat(_curtain(wide + 0.22, 0.92) + shift), dark)
    elif person.style == "afro":
        canvas.fill(canvas.flat(ellipse((0, -0.3), (wide + 0.42, 1.08)) + shift), person.hair)
    elif person.style == "bun":
        canvas.fill(
            canvas.flat(ellipse((0, -1.2), (0.34, 0.3)) + 2 * shift), shade(person.hair, 0.9)
        )
    elif person.style == "curly":
        for angle in np.linspace(-2.9, 0.25, 11):
            centre = ((wide + 0.06) * np.cos(angle), 0.92 * np.sin(angle) - 0.1)
            canvas.fill(canvas.flat(ellipse(centre, (0.26, 0.25)) + shift), person.hair)
    elif person.style == "scarf":
        canvas.fill(canvas.flat(_curtain(wide + 0.2, 1.5)), shade(person.cloth_second, 0.8))


def _curtain(half_width: float, bottom: float) -> Points:
    """A hanging mass of hair, (n, 2), from the crown down to `bottom`."""
    right = smooth(
        [
            (0, -1.1),
            (0.75 * half_width, -0.85),
            (half_width, -0.2),
            (half_width + 0.04, bottom),
            (0.3, bottom + 0.1),
        ]
    )
    return np.vstack([right, (right * np.array([-1, 1]))[::-1]])


def draw_hair(person: Person, canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw the hair or the headgear that frames the face."""
    if person.style == "bald":
        return
    if person.style == "cap":
        _draw_cap(person, canvas)
    elif person.style == "beanie":
        _draw_beanie(person, canvas)
    elif person.style == "scarf":
        _draw_scarf(person, canvas)
    elif person.style == "buzz":
        canvas.tint(_crown(person, canvas, "plain"), person.hair, 0.72)
    else:
        kind = person.style if person.style in HAIRLINES else "plain"
        canvas.fill(_crown(person, canvas, kind), person.hair)
        _draw_strands(person, canvas, kind, rng)
        if person.style in ("long", "bob"):
            _draw_locks(person, canvas)


def _crown(person: Person, canvas: Canvas, kind: str) -> list[tuple[float, float]]:
    """The hair between the head's upper edge and its hairline, in pixels."""
    upper = outline(person, canvas, VOLUME[person.style])[33:64]  # from the left over the top
    return canvas.flat(np.vstack([upper, _hairline(person, canvas, kind)[::-1]]))


def _hairline(person: Person, canvas: Canvas, kind: str) -> Points:
    knots = [(x * person.face_width, y) for x, y in HAIRLINES[kind]]
    return canvas.turned(smooth(knots))


def _draw_strands(person: Person, canvas: Canvas, kind: str, rng: np.random.Generator) -> None:
    """Lighter and darker strands, from the crown to the hairline."""
    line = _hairline(person, canvas, kind)[6:-6]
    top = outline(person, canvas, VOLUME[person.style] * 0.8)[36:61]
    for share in np.sort(rng.uniform(0.03, 0.97, 12)):
        start = top[int(share * (len(top) - 1))]
        end = line[int(share * (len(line) - 1))]
        middle = 0.5 * (start + end) + np.array([0.12 * (share - 0.5), -0.05])
        strand = smooth([tuple(start), tuple(middle), tuple(end)])
        factor = rng.choice([0.78, 0.86, 1.16, 1.26])
        canvas.stroke(canvas.flat(strand), shade(person.hair, factor), 0.022)


def _draw_locks(person: Person, canvas: Canvas) -> None:
    """Hair that falls before the ears on both sides."""
    wide, bottom = person.face_width, 1.5 if person.style == "long" else 0.85
    for side in (-1, 1):
        inner = [
            (side * wide * 0.97, -0.3),
            (side * wide * 0.99, 0.25),
            (side * (wide + 0.02), bottom),
        ]
        outer = [
            (side * (wide + 0.24), bottom),
            (side * (wide + 0.2), 0.1),
            (side * wide * 0.9, -0.6),
        ]
        lock = smooth(inner + outer) + np.array([-0.06 * canvas.pose.yaw, 0])
        canvas.fill(canvas.flat(lock), shade(person.hair, 0.93))


def _draw_cap(person: Person, canvas: Canvas) -> None:
    colour: Colour = person.cloth_second
    canvas.fill(_crown(person, canvas, "hat"), colour)
    wide = person.face_width
    front = smooth([(-0.86 * wide, -0.5), (0, -0.64), (0.86 * wide, -0.5)])
    # The peak stands forward of the head, so it swings further with a turn.
    edge = smooth([(0.95 * wide, -0.42), (0, -0.36), (-0.95 * wide, -0.42)])
    peak = np.vstack([canvas.turned(front), canvas.turned(edge, 0.12)])
    canvas.fill(canvas.flat(peak), shade(colour, 0.7))
    canvas.stroke(canvas.flat(canvas.turned(front)), shade(colour, 1.2), 0.02)


def _draw_beanie(person: Person, canvas: Canvas) -> None:
    colour = person.cloth_second
    canvas.fill(_crown(person, canvas, "hat"), colour)
    low = _hairline(person, canvas, "hat")
    high = low * np.array([1.03, 1]) + np.array([0, -0.2])
    canvas.fill(canvas.flat(np.vstack([low, high[::-1]])), shade(colour, 0.8))
    for start, end in zip(low[2:-2:3], high[2:-2:3], strict=True):
        canvas.stroke(canvas.flat(np.array([start, end])), shade(colour, 0.68), 0.016)


def _draw_scarf(person: Person, canvas: Canvas) -> None:
    """A head scarf: a ring of cloth around the face."""
    outer = outline(person, canvas, 0.14)
    inner = canvas.turned(ellipse((0, 0.1), (person.face_width * 0.93, 0.86)))
    # Outer edge and, the other way round, inner edge: one polygon with a hole.
    ring = np.vstack([outer, inner[::-1]])
    canvas.fill(canvas.flat(ring), person.cloth_second)
    fold = mix(person.cloth_second, (20, 18, 20), 0.3)
    canvas.stroke(canvas.flat(inner), fold, 0.03)
    for grow in (0.05, 0.1):
        canvas.stroke(
            canvas.flat(outline(person, canvas, grow)[34:63]),
            mix(person.cloth_second, fold, 0.5),
            0.016,
        )
