"""Places a drawn photo can be taken in; nothing in them looks like a face."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo.canvas import Colour, mix, shade

Size = tuple[int, int]

WALLS: tuple[Colour, ...] = (
    (214, 204, 188), (186, 200, 206), (196, 208, 186), (222, 196, 176), (168, 172, 184),
    (140, 152, 150), (206, 188, 200), (120, 112, 108), (226, 218, 200),
)  # fmt: skip


def draw_background(rng: np.random.Generator, place: str, size_px: Size) -> Image.Image:
    """Draw one of PLACES, RGB, a little out of focus as behind people.

    Raises ValueError for a place that is not in PLACES.
    """
    if place not in PLACES:
        raise ValueError(f"place is {place!r}; use one of {', '.join(PLACES)}")
    picture = PLACES[place](rng, size_px)
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 0.006 * max(size_px))))


def gradient(size_px: Size, top: Colour, bottom: Colour) -> Image.Image:
    """A vertical gradient, RGB."""
    share = np.linspace(0, 1, size_px[1])[:, None, None]
    column = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(np.repeat(column, size_px[0], axis=1).astype(np.uint8))


def clouds(rng: np.random.Generator, size_px: Size, cells: int) -> NDArray[np.float32]:
    """Noise in [0, 1] of three octaves, float32 (height, width); `cells` across at the coarsest."""
    total = np.zeros((size_px[1], size_px[0]), np.float32)
    for octave in range(3):
        count = cells * 2**octave
        grain = Image.fromarray(rng.random((count, count), np.float32))
        total += np.asarray(grain.resize(size_px, Image.Resampling.BICUBIC)) / 2**octave
    return np.asarray((total - total.min()) / (total.max() - total.min()), np.float32)


def _blend(under: Image.Image, colour: Colour, share: NDArray[np.floating]) -> Image.Image:
    mask = Image.fromarray((255 * np.clip(share, 0, 1)).astype(np.uint8))
    return Image.composite(Image.new("RGB", under.size, colour), under, mask)


def _wall(rng: np.random.Generator) -> Colour:
    return shade(WALLS[rng.integers(len(WALLS))], rng.uniform(0.7, 1.05))


def _room(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wide, high = size_px
    wall = _wall(rng)
    picture = gradient(size_px, shade(wall, 1.08), shade(wall, 0.85))
    pen, floor = ImageDraw.Draw(picture), int(high * rng.uniform(0.7, 0.85))
    for _ in range(int(rng.integers(1, 4))):  # framed prints of plain fields of colour
        x, y = rng.uniform(0, 0.85) * wide, rng.uniform(0.03, 0.3) * high
        w, h = rng.uniform(0.1, 0.24, 2) * wide
        first, second = _wall(rng), _wall(rng)
        pen.rectangle([x, y, x + w, y + h], fill=first, outline=shade(wall, 0.5), width=5)
        pen.rectangle([x + 9, y + h * 0.6, x + w - 9, y + h - 9], fill=second)
    pen.rectangle([0, floor, wide, high], fill=shade(mix(wall, (112, 80, 54), 0.7), 0.8))
    pen.rectangle([0, floor - 9, wide, floor], fill=shade(wall, 1.15))
    return picture


def _window(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wide, high = size_px
    wall = shade(_wall(rng), 0.85)
    outside = _park(rng, size_px).filter(ImageFilter.GaussianBlur(6))
    picture = gradient(size_px, wall, shade(wall, 0.75))
    panes = int(rng.integers(2, 5))
    top, bottom, pane = int(0.06 * high), int(rng.uniform(0.55, 0.75) * high), wide / panes
    for column in range(panes):
        box = (int(column * pane + 10), top, int((column + 1) * pane - 10), bottom)
        picture.paste(outside.crop(box), box)
        ImageDraw.Draw(picture).rectangle(box, outline=(232, 230, 226), width=7)
    return picture


def _park(rng: np.random.Generator, size_px: Size) -> Image.Image:
    high = size_px[1]
    green: Colour = (
        int(rng.integers(50, 120)),
        int(rng.integers(96, 140)),
        int(rng.integers(40, 70)),
    )
    picture = gradient(size_px, (150, 190, 224), (224, 232, 232))
    rows = np.linspace(0, 1, high, dtype=np.float32)[:, None]
    crowns = clouds(rng, size_px, 4)
    trees = np.clip((crowns + 1.6 * rows - 0.85) * 8, 0, 1)
    picture = _blend(picture, shade(green, 0.72), trees)
    picture = _blend(picture, shade(green, 1.2), trees * clouds(rng, size_px, 14) ** 2)
    ground = np.clip((rows - rng.uniform(0.6, 0.75)) * 14, 0, 1) * np.ones_like(crowns)
    picture = _blend(picture, mix(green, (168, 170, 96), 0.5), ground)
    return _blend(picture, shade(green, 0.9), ground * clouds(rng, size_px, 20) * 0.7)


def _street(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wide, high = size_px
    picture = gradient(size_px, (166, 188, 210), (226, 222, 214))
    pen, x, kerb = ImageDraw.Draw(picture), 0.0, int(high * rng.uniform(0.68, 0.8))
    while x < wide:
        house, width = _wall(rng), rng.uniform(0.16, 0.34) * wide
        roof = rng.uniform(-0.1, 0.3) * high
        pen.rectangle([x, roof, x + width, kerb], fill=house)
        columns, glass = int(rng.integers(2, 5)), mix(house, (44, 58, 78), 0.7)
        step = width / columns
        for column in range(columns):
            for y in np.arange(roof + 0.3 * step, kerb - step, 1.4 * step):
                left = x + (column + 0.25) * step
                pen.rectangle([left, y, left + 0.5 * step, y + 0.85 * step], fill=glass)
        x += width
    pen.rectangle([0, kerb, wide, high], fill=shade((142, 138, 134), rng.uniform(0.7, 1.1)))
    pen.rectangle([0, kerb, wide, kerb + 6], fill=(176, 172, 166))
    return picture


def _studio(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wall = _wall(rng)
    x, y = np.meshgrid(np.linspace(-1, 1, size_px[0]), np.linspace(-1, 1, size_px[1]))
    spot = np.exp(-((x - rng.uniform(-0.4, 0.4)) ** 2 + (y + 0.2) ** 2) / 0.9)
    picture = Image.new("RGB", size_px, shade(wall, 0.6))
    return _blend(picture, shade(wall, 1.1), (spot * 0.9).astype(np.float32))


def _shelves(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wide, high = size_px
    wood: Colour = shade((132, 92, 60), rng.uniform(0.6, 1.2))
    picture = gradient(size_px, shade(wood, 0.5), shade(wood, 0.4))
    pen, row = ImageDraw.Draw(picture), rng.uniform(0.16, 0.24) * high
    for y in np.arange(row, high + row, row):
        x = 0.0
        while x < wide:
            width, tall = rng.uniform(0.008, 0.022) * wide, rng.uniform(0.6, 0.9) * row
            if rng.random() < 0.88:
                book = mix(_wall(rng), tuple(rng.integers(30, 200, 3).tolist()), 0.6)
                pen.rectangle([x, y - tall, x + width - 1, y], fill=shade(book, 0.8))
            x += width
        pen.rectangle([0, y, wide, y + 8], fill=wood)
    return picture


def _evening(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wide, high = size_px
    picture = gradient(size_px, (38, 44, 82), (112, 78, 88))
    glow = Image.new("RGB", size_px)
    pen = ImageDraw.Draw(glow)
    for _ in range(int(rng.integers(18, 40))):
        x, y, radius = rng.uniform(0, wide), rng.uniform(0, 0.75 * high), rng.uniform(5, 20)
        warm: Colour = (
            int(rng.integers(120, 220)),
            int(rng.integers(80, 160)),
            int(rng.integers(30, 120)),
        )
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=shade(warm, 0.8))
    return Image.fromarray(np.maximum(np.asarray(picture), np.asarray(glow)))


def _beach(rng: np.random.Generator, size_px: Size) -> Image.Image:
    wide, high = size_px
    picture = gradient(size_px, (110, 170, 220), (220, 232, 236))
    sea, sand = int(rng.uniform(0.36, 0.48) * high), int(rng.uniform(0.58, 0.7) * high)
    pen = ImageDraw.Draw(picture)
    pen.rectangle([0, sea, wide, sand], fill=(64, 132, 156))
    for _ in range(40):
        x, y = rng.uniform(0, wide), rng.uniform(sea + 4, sand)
        pen.line([x, y, x + rng.uniform(0.04, 0.15) * wide, y], fill=(132, 184, 196), width=2)
    pen.rectangle([0, sand, wide, high], fill=(222, 198, 152))
    return _blend(
        picture, (198, 172, 126), clouds(rng, size_px, 12) * (np.arange(high) > sand)[:, None]
    )


PLACES: dict[str, Callable[[np.random.Generator, Size], Image.Image]] = {
    "room": _room, "window": _window, "park": _park, "street": _street, "studio": _studio,
    "shelves": _shelves, "evening": _evening, "beach": _beach,
}  # fmt: skip
