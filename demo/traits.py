"""What a drawn person looks like: traits that stay the same from picture to picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.canvas import Colour, mix, shade

EYEWEAR = ("none", "glasses", "sunglasses")

SKINS: tuple[Colour, ...] = (
    (246, 220, 204), (240, 202, 174), (226, 178, 142), (203, 148, 110),
    (166, 113, 80), (125, 82, 58), (98, 66, 49), (76, 52, 42),
)  # fmt: skip
HAIRS: dict[Colour, float] = {
    (30, 24, 22): 5, (58, 38, 28): 4, (96, 62, 38): 3, (150, 102, 56): 2, (206, 168, 106): 2,
    (150, 66, 34): 1, (128, 126, 126): 2, (214, 212, 208): 1,
}  # fmt: skip
STYLES = {
    "short": 4, "parted": 4, "fringe": 3, "long": 4, "bob": 2, "bun": 2, "curly": 2, "afro": 1.5,
    "buzz": 1.5, "bald": 1.5, "cap": 1.2, "beanie": 1, "scarf": 1.2,
}  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (196, 66, 60), (222, 140, 62), (228, 196, 104), (98, 148, 92), (58, 110, 112), (72, 108, 168),
    (46, 58, 92), (118, 84, 140), (206, 132, 150), (232, 226, 214), (150, 150, 152), (56, 54, 58),
)  # fmt: skip
FRAMES: tuple[Colour, ...] = (
    (24, 22, 24), (24, 22, 24), (70, 40, 24), (120, 30, 36), (34, 54, 104), (170, 140, 76),
    (150, 154, 160), (226, 222, 216),
)  # fmt: skip
LENSES: tuple[Colour, ...] = ((16, 16, 20), (20, 18, 18), (52, 34, 22), (28, 40, 58), (34, 48, 38))


@dataclass(frozen=True)
class Person:
    """Traits of one drawn person; lengths are in half head heights, colours are RGB."""

    eyewear: str
    skin: Colour
    face_width: float
    jaw: float
    hair: Colour
    style: str
    brow_width: float
    brow_lift: float
    eye_width: float
    eye_open: float
    iris: Colour
    lips: Colour
    mouth_width: float
    beard: str
    wrinkled: bool
    cloth: Colour
    cloth_second: Colour
    garment: str
    shoulders: float
    frame: Colour
    frame_shape: str
    frame_width: float
    lens: Colour
    lens_opacity: float


def pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """Draw one name with a probability in proportion to its weight."""
    shares = np.array(list(weights.values()), float)
    return str(rng.choice(list(weights), p=shares / shares.sum()))


def sample_person(rng: np.random.Generator, eyewear: str) -> Person:
    """Draw a person's traits; `eyewear` is one of none, glasses and sunglasses.

    Raises ValueError for any other eyewear.
    """
    if eyewear not in EYEWEAR:
        raise ValueError(f"eyewear is {eyewear!r}; use one of {', '.join(EYEWEAR)}")
    skin = _sample_skin(rng)
    hair_weights = np.array(list(HAIRS.values()))
    hair = list(HAIRS)[rng.choice(len(HAIRS), p=hair_weights / hair_weights.sum())]
    style = pick(rng, STYLES)
    return Person(
        eyewear=eyewear,
        skin=skin,
        hair=shade(hair, rng.uniform(0.85, 1.15)),
        style=style,
        wrinkled=bool(min(hair) > 120 or rng.random() < 0.1),
        **_sample_face(rng, skin, style),
        **_sample_clothes(rng),
        **_sample_frame(rng, skin, eyewear),
    )


def _sample_skin(rng: np.random.Generator) -> Colour:
    place = rng.uniform(0, len(SKINS) - 1)
    tone = mix(SKINS[int(place)], SKINS[int(place) + 1], place % 1)
    red, green, blue = (int(np.clip(part + rng.normal(0, 3), 0, 255)) for part in tone)
    return red, green, blue


def _sample_face(rng: np.random.Generator, skin: Colour, style: str) -> dict[str, Any]:
    beards = {"none": 6.0, "stubble": 1, "moustache": 0.8, "goatee": 0.8, "full": 1.2}
    smooth_faced = style in ("long", "bob", "bun", "scarf")
    rouge = (176, 44, 62) if smooth_faced and rng.random() < 0.5 else (168, 84, 84)
    irises: list[Colour] = [(52, 34, 22), (84, 54, 30), (70, 96, 116), (84, 106, 70)]
    return {
        "face_width": rng.uniform(0.7, 0.8),
        "jaw": rng.uniform(1.9, 3.0),
        "brow_width": rng.uniform(0.05, 0.1),
        "brow_lift": rng.uniform(0, 0.06),
        "eye_width": rng.uniform(0.15, 0.185),
        "eye_open": rng.uniform(0.06, 0.095),
        "iris": irises[rng.choice(4, p=[0.5, 0.26, 0.12, 0.12])],
        "lips": mix(skin, rouge, rng.uniform(0.45, 0.7)),
        "mouth_width": rng.uniform(0.22, 0.3),
        "beard": "none" if smooth_faced else pick(rng, beards),
    }


def _sample_clothes(rng: np.random.Generator) -> dict[str, Any]:
    first, second = rng.choice(len(CLOTHES), 2, replace=False)
    return {
        "cloth": shade(CLOTHES[first], rng.uniform(0.8, 1.1)),
        "cloth_second": shade(CLOTHES[second], rng.uniform(0.8, 1.1)),
        "garment": pick(rng, {"tee": 3, "shirt": 3, "hoodie": 2, "stripes": 2, "jacket": 2}),
        "shoulders": rng.uniform(1.25, 1.55),
    }


def _sample_frame(rng: np.random.Generator, skin: Colour, eyewear: str) -> dict[str, Any]:
    # A frame of the skin's own brightness could not be told by anyone, so the nearest are left out.
    plain = sorted(FRAMES, key=lambda frame: abs(sum(frame) - sum(skin)))[3:]
    if eyewear == "sunglasses":  # their dark lenses tell them, whatever the frame
        plain = list(FRAMES[:6])
    thin = eyewear == "glasses" and rng.random() < 0.4
    return {
        "frame": plain[rng.integers(len(plain))],
        "frame_shape": pick(rng, {"round": 1, "oval": 1, "rectangular": 1.4, "aviator": 0.7}),
        "frame_width": rng.uniform(0.04, 0.055) if thin else rng.uniform(0.06, 0.11),
        "lens": LENSES[rng.integers(len(LENSES))],
        "lens_opacity": rng.uniform(0.86, 1.0),
    }
