"""What stands behind the objects: surfaces worked out from a seed, or photographs of a folder.

Canvases are float32 [H, W, 3] in 0..255.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sdpt_engine.data import load_image_upright

FloatImage = NDArray[np.float32]
SizeWh = tuple[int, int]
_ROOM_SHARE = 0.3
_PHOTOGRAPH_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def photograph_files(folder: Path) -> list[Path]:
    """The photographs in `folder` and below, by path."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in _PHOTOGRAPH_SUFFIXES)
    return sorted(found)


def paint_background(
    rng: Generator, size_wh: SizeWh, kinds: Sequence[str], *, photographs: Sequence[Path] = ()
) -> FloatImage:
    """A surface of one of `kinds`, two of them meeting as table and wall do, or a cropped photograph."""
    choice = int(rng.integers(len(kinds) + bool(photographs)))
    if choice == len(kinds):
        return _photograph(rng, size_wh, photographs[int(rng.integers(len(photographs)))])
    near = SURFACES[kinds[choice]](rng, size_wh)
    if rng.random() < _ROOM_SHARE:
        far = SURFACES[kinds[int(rng.integers(len(kinds)))]](rng, size_wh)
        near = _room(rng, near, far)
    return np.clip(np.asarray(near, dtype=np.float32), 0, 255)


def _gradient(rng: Generator, size_wh: SizeWh) -> FloatImage:
    along, _ = _turned_axes(rng, size_wh)
    share = (along - along.min()) / np.ptp(along)
    return _mixed(rng, share + 0.15 * (_clouds(rng, size_wh, cells=3, octaves=2) - 0.5))


def _marble(rng: Generator, size_wh: SizeWh) -> FloatImage:
    noise = _clouds(rng, size_wh, cells=int(rng.integers(2, 6)), octaves=5)
    return _mixed(rng, 1 - 4 * np.abs(noise - 0.5))


def _wood(rng: Generator, size_wh: SizeWh) -> FloatImage:
    _, across = _turned_axes(rng, size_wh, max_turn=0.25)
    rings = across * rng.uniform(0.08, 0.3) + 9 * _clouds(rng, size_wh, cells=2, octaves=3)
    width, height = size_wh
    fibres = _noise(rng, size_wh, (max(2, width // 60), max(2, height // 2)))
    planks = (np.floor(across / rng.uniform(50, 140)) * 0.618) % 1
    return _mixed(rng, 0.4 + 0.2 * np.sin(rings) + 0.35 * (fibres - 0.5) + 0.3 * (planks - 0.5))


def _speckle(rng: Generator, size_wh: SizeWh) -> FloatImage:
    width, height = size_wh
    grain = rng.uniform(1, 4)
    fine = _noise(rng, size_wh, (int(width / grain), int(height / grain)))
    return _mixed(rng, 0.7 * fine + 0.5 * (_clouds(rng, size_wh, cells=3, octaves=2) - 0.3))


def _stripes(rng: Generator, size_wh: SizeWh) -> FloatImage:
    along, across = _turned_axes(rng, size_wh)
    period = rng.uniform(18, 90)
    bands = _soft_step(np.sin(across * 2 * np.pi / period))
    if rng.random() < 0.4:
        bands = 0.5 * bands + 0.5 * _soft_step(np.sin(along * 2 * np.pi / period))
    return _mixed(rng, bands) + 30 * (_clouds(rng, size_wh, cells=3, octaves=3) - 0.5)[:, :, None]


def _cloth(rng: Generator, size_wh: SizeWh) -> FloatImage:
    along, across = _turned_axes(rng, size_wh)
    folds = _clouds(rng, size_wh, cells=4, octaves=3)
    period = rng.uniform(3.5, 9)
    warp, weft = along + 25 * folds, across + 25 * folds
    weave = np.sin(warp * 2 * np.pi / period) * np.sin(weft * 2 * np.pi / period)
    return _mixed(rng, 0.15 * weave + 1.3 * folds - 0.15)


def _tiles(rng: Generator, size_wh: SizeWh) -> FloatImage:
    along, across = _turned_axes(rng, size_wh, max_turn=0.6)
    side, joint = rng.uniform(40, 130), rng.uniform(1.5, 4)
    column, row = np.floor(along / side), np.floor(across / side)
    tone = np.sin(column * 12.9898 + row * 78.233) * 43758.5453 % 1
    edge = np.minimum(
        np.minimum(along % side, -along % side), np.minimum(across % side, -across % side)
    )
    surface = _mixed(rng, 0.5 * tone + 0.4 * _clouds(rng, size_wh, cells=6, octaves=3))
    grout = rng.uniform(0.2, 0.6) * np.clip(joint - edge, 0, 1)
    return np.asarray(surface * (1 - grout)[:, :, None], dtype=np.float32)


def _bokeh(rng: Generator, size_wh: SizeWh) -> FloatImage:
    surface = _gradient(rng, size_wh) * rng.uniform(0.4, 0.9)
    x, y = _axes(size_wh)
    for _ in range(int(rng.integers(10, 40))):
        centre_x, centre_y = rng.uniform(0, size_wh[0]), rng.uniform(0, size_wh[1])
        radius = rng.uniform(8, 70)
        disc = np.clip((radius - np.hypot(x - centre_x, y - centre_y)) / (0.3 * radius), 0, 1)
        light = rng.uniform(0.1, 0.5) * disc[:, :, None]
        surface = surface * (1 - light) + _colour(rng) * light
    return surface


SURFACES: dict[str, Callable[[Generator, SizeWh], FloatImage]] = {
    "gradient": _gradient,
    "marble": _marble,
    "wood": _wood,
    "speckle": _speckle,
    "stripes": _stripes,
    "cloth": _cloth,
    "tiles": _tiles,
    "bokeh": _bokeh,
}


def _room(rng: Generator, near: FloatImage, far: FloatImage) -> FloatImage:
    height, width = near.shape[:2]
    x, y = _axes((width, height))
    horizon = rng.uniform(0.2, 0.5) * height + rng.uniform(-0.08, 0.08) * (x - width / 2)
    is_near = np.clip((y - horizon) / rng.uniform(1, 6) + 0.5, 0, 1)[:, :, None]
    behind = far * float(rng.uniform(0.7, 1.1))
    return np.asarray(near * is_near + behind * (1 - is_near), dtype=np.float32)


def _photograph(rng: Generator, size_wh: SizeWh, path: Path) -> FloatImage:
    upright = Image.fromarray(load_image_upright(path))
    centre = (float(rng.random()), float(rng.random()))
    return np.asarray(ImageOps.fit(upright, size_wh, centering=centre), dtype=np.float32)


def _mixed(rng: Generator, share: FloatImage) -> FloatImage:
    """Two colours of one surface, mixed by `share` [H, W]."""
    first, second = _colour(rng), _colour(rng)
    second = first + rng.uniform(0.25, 0.9) * (second - first)
    weight = np.clip(share, 0, 1)[:, :, None]
    return np.asarray(first * (1 - weight) + second * weight, dtype=np.float32)


def _colour(rng: Generator) -> FloatImage:
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.beta(1.5, 2.5), 0.2 + 0.8 * rng.beta(1.8, 1.2))
    return np.asarray(rgb, dtype=np.float32) * 255


def _soft_step(wave: FloatImage) -> FloatImage:
    return np.asarray(np.clip(wave * 6 + 0.5, 0, 1), dtype=np.float32)


def _axes(size_wh: SizeWh) -> tuple[FloatImage, FloatImage]:
    y, x = np.mgrid[: size_wh[1], : size_wh[0]].astype(np.float32)
    return x, y


def _turned_axes(
    rng: Generator, size_wh: SizeWh, *, max_turn: float = np.pi
) -> tuple[FloatImage, FloatImage]:
    x, y = _axes(size_wh)
    turn = np.float32(rng.uniform(-max_turn, max_turn))
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _clouds(rng: Generator, size_wh: SizeWh, *, cells: int, octaves: int) -> FloatImage:
    total = np.zeros((size_wh[1], size_wh[0]), np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        total += (_noise(rng, size_wh, (count, count)) - 0.5) / 2**octave
    return total * 0.8 + 0.5


def _noise(rng: Generator, size_wh: SizeWh, cells_wh: tuple[int, int]) -> FloatImage:
    grid = rng.random((max(2, cells_wh[1]), max(2, cells_wh[0])), dtype=np.float32)
    enlarged = Image.fromarray(grid).resize(size_wh, Image.Resampling.BICUBIC)
    return np.asarray(enlarged, dtype=np.float32)
