"""Scenes that need no source: plain shapes in plain colours, "red disc" or "blue star", drawn with Pillow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from sdpt_engine.pretraining.composer import Scene, SceneSettings, compose
from sdpt_engine.pretraining.material import CutOut, Material, trim

COLOURS = {
    "red": (220, 35, 35),
    "green": (35, 165, 60),
    "blue": (35, 75, 225),
    "yellow": (240, 205, 40),
}
SHAPES = ("disc", "square", "triangle", "ring", "star")
STYLE = "shape"
SCENE_WH = (128, 96)
_SHEET_PX = 96
_Points = list[tuple[float, float]]


def shape_concepts(
    colours: Sequence[str] = tuple(COLOURS), shapes: Sequence[str] = SHAPES
) -> tuple[str, ...]:
    """Every colour with every shape."""
    return tuple(f"{colour} {shape}" for colour in colours for shape in shapes)


def shape_material(concepts: Sequence[str] | None = None) -> Material:
    """One drawing of each concept."""
    return {concept: (_cut_out(concept),) for concept in concepts or shape_concepts()}


def _cut_out(concept: str) -> CutOut:
    colour, shape = concept.split()
    sheet = Image.new("RGBA", (_SHEET_PX, _SHEET_PX))
    _draw(ImageDraw.Draw(sheet), shape, (*COLOURS[colour], 255))
    return CutOut(concept, STYLE, trim(np.asarray(sheet)))


def _draw(draw: ImageDraw.ImageDraw, shape: str, fill: tuple[int, int, int, int]) -> None:
    low, high = 4, _SHEET_PX - 4
    if shape == "disc":
        draw.ellipse((low, low, high, high), fill=fill)
    elif shape == "ring":
        draw.ellipse((low, low, high, high), outline=fill, width=20)
    elif shape == "square":
        draw.rectangle((low, low, high, high), fill=fill)
    else:
        draw.polygon(_around(3, 1.0) if shape == "triangle" else _around(5, 0.4), fill=fill)


def _around(tips: int, waist: float) -> _Points:
    """Corners of a star: `tips` on a circle, those between them `waist` as far from the centre."""
    centre, reach = _SHEET_PX / 2, _SHEET_PX / 2 - 4
    turns = tips if waist == 1.0 else 2 * tips
    radii = [reach if number % (turns // tips) == 0 else reach * waist for number in range(turns)]
    angles = [2 * math.pi * number / turns for number in range(turns)]
    return [
        (centre + radius * math.sin(angle), centre - radius * math.cos(angle))
        for radius, angle in zip(radii, angles, strict=True)
    ]


def scene_settings() -> SceneSettings:
    """Few objects, each with a box, none turned over."""
    return SceneSettings(
        sizes_wh=(SCENE_WH,),
        max_objects=4,
        max_distractors=2,
        small_share=0.0,
        crowded_share=0.1,
        object_size=(0.25, 0.6),
        single_size=(0.3, 0.6),
        turned_share=0.0,
        camera_strength=0.3,
        backgrounds=("gradient", "speckle", "marble", "cloth"),
    )


def scene_maker(concepts: Sequence[str], *, seed: int) -> Callable[[int], Scene]:
    """Scenes of `concepts` by number: the same seed and number give the same."""
    material, settings = shape_material(concepts), scene_settings()
    return lambda number: compose(material, concepts, seed=seed, index=number, settings=settings)


def compose_shapes(number: int, concepts: Sequence[str], *, seed: int) -> list[Scene]:
    """The first scenes."""
    scene = scene_maker(concepts, seed=seed)
    return [scene(index) for index in range(number)]
