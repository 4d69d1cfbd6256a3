"""Three small drawings that stand in for the art of the real sources."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from sdpt_engine.pretraining.material import CutOut, Material, trim

_SHAPES = {"ball": "ellipse", "box": "rectangle", "plate": "ellipse"}
_COLOURS = {"ball": (230, 20, 20), "box": (20, 40, 230), "plate": (20, 200, 40)}


def cut_out(concept: str) -> CutOut:
    sheet = Image.new("RGBA", (96, 96))
    draw = getattr(ImageDraw.Draw(sheet), _SHAPES[concept])
    draw((12, 12, 84, 60 if concept == "plate" else 84), fill=(*_COLOURS[concept], 255))
    return CutOut(concept, "drawn", trim(np.asarray(sheet)))


def drawn_material() -> Material:
    return {concept: (cut_out(concept),) for concept in _SHAPES}
