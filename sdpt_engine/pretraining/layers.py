"""One cut-out made ready for a scene: coloured, sized, turned, seen aslant, feathered, and laid on a canvas.

A layer's colours are multiplied by its alpha, so that neither resizing nor blurring leaves a fringe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from sdpt_engine.pretraining.backgrounds import FloatImage
from sdpt_engine.pretraining.material import Rgba

_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """How an object is seen: longest side in pixels, turn in degrees, slant as a share of its size."""

    size: float
    turn: float
    slant: float
    is_mirrored: bool
    feather: float


@dataclass(frozen=True, slots=True)
class Layer:
    """Colours [h, w, 3] in 0..255 times alpha, alpha [h, w] in 0..1, and where its corner lies."""

    colours: FloatImage
    alpha: FloatImage
    left: int = 0
    top: int = 0

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.alpha.shape[1], self.alpha.shape[0]

    def at(self, left: int, top: int) -> Layer:
        return replace(self, left=left, top=top)

    def windows(self, canvas: FloatImage) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The part of the canvas that the layer covers, and the part of the layer that it shows."""
        height, width = canvas.shape[:2]
        x0, y0 = max(self.left, 0), max(self.top, 0)
        x1 = max(x0, min(self.left + self.size_wh[0], width))
        y1 = max(y0, min(self.top + self.size_wh[1], height))
        inner = (slice(y0 - self.top, y1 - self.top), slice(x0 - self.left, x1 - self.left))
        return (slice(y0, y1), slice(x0, x1)), inner


def make_layer(rng: Generator, pixels: Rgba, pose: Pose) -> Layer:
    """The cut-out as seen in `pose`, in slightly other colours."""
    source = Image.fromarray(_recoloured(rng, pixels))
    if pose.is_mirrored:
        source = source.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = pose.size / max(source.size)
    small_wh = (max(2, round(source.width * scale)), max(2, round(source.height * scale)))
    small = source.resize(small_wh, Image.Resampling.LANCZOS)
    seen = _seen_aslant(rng, small, pose).convert("RGBa")
    seen = seen.filter(ImageFilter.GaussianBlur(pose.feather))
    premultiplied = np.asarray(seen, dtype=np.float32)
    return Layer(premultiplied[:, :, :3], premultiplied[:, :, 3] / np.float32(255))


def lay(rng: Generator, canvas: FloatImage, layer: Layer, light_xy: tuple[float, float]) -> None:
    """Draw the layer's soft shadow and then the layer, matched to what lies around it, onto `canvas`."""
    _cast_shadow(rng, canvas, layer, light_xy)
    outer, inner = layer.windows(canvas)
    colours, alpha = _matched(rng, canvas[outer], layer)[inner], layer.alpha[inner][:, :, None]
    canvas[outer] = canvas[outer] * (1 - alpha) + colours


def _recoloured(rng: Generator, pixels: Rgba) -> Rgba:
    colours = pixels[:, :, :3].astype(np.float32) / 255
    colours = colours ** rng.uniform(0.8, 1.25)
    grey = colours.mean(axis=2, keepdims=True)
    colours = grey + rng.uniform(0.6, 1.15) * (colours - grey)
    colours = colours * rng.uniform(0.93, 1.07, size=3) * rng.uniform(0.8, 1.1)
    painted = pixels.copy()
    painted[:, :, :3] = np.clip(colours * 255, 0, 255).astype(np.uint8)
    return painted


def _seen_aslant(rng: Generator, picture: Image.Image, pose: Pose) -> Image.Image:
    width, height = picture.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    moved = corners + rng.uniform(-pose.slant, pose.slant, size=(4, 2)) * pose.size
    angle = np.deg2rad(pose.turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = (moved - moved.mean(axis=0)) @ rotation
    moved = moved - moved.min(axis=0) + _MARGIN
    size_wh = (int(np.ceil(moved[:, 0].max())), int(np.ceil(moved[:, 1].max())))
    return picture.transform(
        (size_wh[0] + _MARGIN, size_wh[1] + _MARGIN),
        Image.Transform.PERSPECTIVE,
        _homography(moved, corners),
        Image.Resampling.BICUBIC,
    )


def _homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, ...]:
    """The eight numbers that take the four `source` corners [4, 2] to `target` [4, 2]."""
    rows, sides = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        sides += [u, v]
    return tuple(float(n) for n in np.linalg.solve(np.array(rows), np.array(sides)))


def _matched(rng: Generator, around: FloatImage, layer: Layer) -> FloatImage:
    """Pull brightness and tint part of the way to the surroundings, and shade from one side to the other."""
    weight = max(float(layer.alpha.sum()), 1e-6)
    own = layer.colours.sum(axis=(0, 1)) / weight
    beneath = around.reshape(-1, 3).mean(axis=0) if around.size else own
    tint = (beneath + 40) / (beneath.mean() + 40)
    gain = tint ** rng.uniform(0.1, 0.4) * rng.uniform(0.8, 1.0)
    lift = rng.uniform(0.02, 0.15) * (beneath.mean() - own.mean())
    matched = layer.colours * gain + lift * layer.alpha[:, :, None]
    width, height = layer.size_wh
    slope_x, slope_y = rng.uniform(-0.15, 0.15, size=2)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    shade = 1 + slope_x * x[None, :] + slope_y * y[:, None]
    top = 255 * layer.alpha[:, :, None]
    return np.asarray(np.clip(matched * shade[:, :, None], 0, top), dtype=np.float32)


def _cast_shadow(
    rng: Generator, canvas: FloatImage, layer: Layer, light_xy: tuple[float, float]
) -> None:
    reach = max(layer.size_wh)
    softness, margin = rng.uniform(0.02, 0.06) * reach, int(0.2 * reach) + 2
    padded = Image.fromarray(np.pad(layer.alpha, margin) * 255).convert("L")
    soft = np.asarray(padded.filter(ImageFilter.GaussianBlur(softness)), dtype=np.float32) / 255
    far = rng.uniform(0.02, 0.08) * reach
    shadow = Layer(
        np.zeros((*soft.shape, 3), np.float32),
        np.asarray(soft * rng.uniform(0.15, 0.5), dtype=np.float32),
        left=layer.left - margin + round(far * light_xy[0]),
        top=layer.top - margin + round(far * light_xy[1]),
    )
    outer, inner = shadow.windows(canvas)
    canvas[outer] *= 1 - shadow.alpha[inner][:, :, None]
