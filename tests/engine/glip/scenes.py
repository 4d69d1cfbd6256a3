"""The tiny trained GLIP, and scenes of shapes under names that it was never taught.

`tests/fixtures/tiny_glip` was written by `python -m sdpt_engine.pretraining.tiny_glip`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from sdpt_engine.pretraining.shapes import compose_shapes
from sdpt_engine.pretraining.tiny_glip_figures import MEANINGS, classes_of, save_examples
from sdpt_engine.types import Example

TINY_GLIP = Path(__file__).parents[2] / "fixtures" / "tiny_glip"
NAMES = tuple(MEANINGS)
CLASSES = classes_of(NAMES)


def write_scenes(folder: Path, number: int, *, seed: int) -> list[Example]:
    """`number` new pictures in `folder`, fully labelled."""
    shown = tuple(MEANINGS.values())
    scenes = compose_shapes(number, shown, seed=seed)
    return save_examples(folder, scenes, shown, prefix=f"scene_{seed}")


def coco_of(examples: list[Example]) -> dict[str, Any]:
    """The labels as a COCO document."""
    images, annotations = [], []
    for number, example in enumerate(examples, start=1):
        with Image.open(example.image_path) as picture:
            width, height = picture.size
        name = example.image_path.name
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for (x0, y0, x1, y1), label in zip(example.boxes.tolist(), example.labels, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": item.id, "name": item.name} for item in CLASSES]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(path: Path, examples: list[Example]) -> Path:
    path.write_text(json.dumps(coco_of(examples)), encoding="utf-8")
    return path
