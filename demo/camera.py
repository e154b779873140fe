"""What a camera does to a drawn scene: exposure, colour cast, blur and noise."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter


@dataclass(frozen=True)
class Camera:
    """One camera setting; gains are factors of RGB, noise is a deviation in grey levels."""

    gains: tuple[float, float, float]
    gamma: float
    blur_px: float
    noise: float
    vignette: float


def sample_camera(rng: np.random.Generator, place: str, smallest_face_px: float) -> Camera:
    """Draw a camera setting: mostly fair, sometimes dark, bright, soft or noisy.

    Blur stays below what would make the smallest face unreadable.
    """
    exposure = (
        rng.uniform(0.85, 1.05) if place == "evening" else np.clip(rng.normal(1, 0.13), 0.65, 1.25)
    )
    cast = rng.normal(0, 0.03, 3) + np.array([1, 0, -1]) * rng.normal(0, 0.05)
    softness = rng.choice([0.0, 0.012, 0.022, 0.031], p=[0.45, 0.25, 0.2, 0.1])
    red, green, blue = (exposure * (1 + cast)).tolist()
    return Camera(
        gains=(red, green, blue),
        gamma=float(np.clip(rng.normal(1, 0.09), 0.8, 1.25)),
        blur_px=float(softness * min(smallest_face_px, 90) * rng.uniform(0.7, 1.2)),
        noise=float(rng.choice([0.8, 2.0, 3.5, 6.0], p=[0.45, 0.36, 0.14, 0.05])),
        vignette=float(rng.uniform(0, 0.25)),
    )


def take(rng: np.random.Generator, scene: Image.Image, camera: Camera) -> Image.Image:
    """Photograph a scene: RGB in, RGB of the same size out."""
    soft = scene.filter(ImageFilter.GaussianBlur(camera.blur_px)) if camera.blur_px else scene
    light = (np.asarray(soft, np.float32) / 255) ** camera.gamma * np.array(
        camera.gains, np.float32
    )
    high, wide = light.shape[:2]
    x, y = np.meshgrid(
        np.linspace(-1, 1, wide, dtype=np.float32), np.linspace(-1, 1, high, dtype=np.float32)
    )
    light *= (1 - camera.vignette * (x * x + y * y) / 2)[..., None]
    grain = rng.standard_normal((high, wide, 1), np.float32) * camera.noise
    return Image.fromarray(np.clip(255 * light + grain, 0, 255).astype(np.uint8))


def defocus(sheet: Image.Image, radius_px: float) -> Image.Image:
    """Blur an RGBA sheet without dark fringes: its colours are weighted by its alpha."""
    return sheet.convert("RGBa").filter(ImageFilter.GaussianBlur(radius_px)).convert("RGBA")
