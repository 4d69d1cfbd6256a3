"""What a camera does to a whole scene at once: uneven light, blur, noise, compression.

Objects and background pass through it together, which hides that they were put together.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from sdpt_engine.pretraining.backgrounds import FloatImage
from sdpt_engine.types import Pixels


def photograph(rng: Generator, canvas: FloatImage, *, strength: float) -> Pixels:
    """The canvas as taken by a camera; `strength` 0 leaves it clean, 1 is a poor telephone."""
    lit = _lit(rng, canvas, strength)
    image = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    blurred = image.filter(ImageFilter.GaussianBlur(strength * float(rng.beta(1, 2)) * 1.8))
    noise = rng.normal(0, strength * rng.uniform(0.5, 9), size=canvas.shape)
    noisy = np.clip(np.asarray(blurred, dtype=np.float32) + noise, 0, 255).astype(np.uint8)
    return _compressed(noisy, quality=int(96 - strength * rng.uniform(0, 45)))


def _lit(rng: Generator, canvas: FloatImage, strength: float) -> FloatImage:
    height, width = canvas.shape[:2]
    x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    slope_x, slope_y = strength * rng.uniform(-0.18, 0.18, size=2)
    corners = strength * rng.uniform(0, 0.15) * (x**2 + y**2)
    light = (1 + slope_x * x + slope_y * y - corners) * (1 + strength * rng.uniform(-0.2, 0.12))
    white = 1 + strength * rng.uniform(-0.06, 0.06, size=3)
    return np.asarray(canvas * light[:, :, None] * white, dtype=np.float32)


def _compressed(pixels: Pixels, *, quality: int) -> Pixels:
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, format="JPEG", quality=quality)
    return np.asarray(Image.open(stored).convert("RGB"))
