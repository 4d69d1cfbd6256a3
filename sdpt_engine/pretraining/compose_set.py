"""Compose a labelled set: `python -m sdpt_engine.pretraining.compose_set --help`.

Writes images/*.jpg, train.json and test.json (COCO: ids from 1, boxes xywh in pixels). The two parts share
neither seed nor kind of background. The drawings come from two packages:

    apt-get download fonts-noto-color-emoji && dpkg-deb -x fonts-noto-color-emoji_*.deb noto
    npm pack @lobehub/fluent-emoji-3d@1.1.0 && tar xzf lobehub-fluent-emoji-3d-1.1.0.tgz
    python -m sdpt_engine.pretraining.compose_set --font noto/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf \\
        --fluent package/assets --concepts NAMES.txt --distractors NAMES.txt --output DIR

or are the shapes that the tiny GLIP of the tests knows: `--shapes --output DIR` needs no package.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from sdpt_engine.errors import EngineError
from sdpt_engine.pretraining.backgrounds import photograph_files
from sdpt_engine.pretraining.composer import Scene, SceneSettings, compose
from sdpt_engine.pretraining.material import SOURCES, EmojiMaterial, Material, Source
from sdpt_engine.pretraining.names import read_names
from sdpt_engine.pretraining.shapes import scene_settings, shape_concepts, shape_material

JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Part:
    """One half of a set: its name, how many images, and what they stand on."""

    name: str
    num_images: int
    seed: int
    backgrounds: tuple[str, ...]
    photographs: tuple[Path, ...] = ()


def default_parts(
    seed: int, *, num_train: int, num_test: int, photographs: Sequence[Path] = ()
) -> tuple[Part, Part]:
    """Train and test of one set; of the photographs, every second goes to each."""
    train, test = ("gradient", "wood", "speckle", "stripes"), ("marble", "cloth", "tiles", "bokeh")
    return (
        Part("train", num_train, 2 * seed, train, tuple(photographs[0::2])),
        Part("test", num_test, 2 * seed + 1, test, tuple(photographs[1::2])),
    )


def write_set(
    material: Material,
    concepts: Sequence[str],
    distractors: Sequence[str],
    parts: Sequence[Part],
    output: Path,
    *,
    settings: SceneSettings | None = None,
    sources: Sequence[Source] = SOURCES,
) -> None:
    """Write the images of all parts and one COCO file for each. `sources` are named in those files."""
    (output / "images").mkdir(parents=True, exist_ok=True)
    unlabelled = [name for name in distractors if name not in set(concepts)]
    for part in parts:
        own = replace(
            settings or SceneSettings(),
            backgrounds=part.backgrounds,
            photographs=part.photographs,
        )
        scenes = (
            compose(
                material,
                concepts,
                seed=part.seed,
                index=index,
                distractors=unlabelled,
                settings=own,
            )
            for index in range(part.num_images)
        )
        document = _write_part(part, scenes, concepts, output / "images", sources)
        (output / f"{part.name}.json").write_text(json.dumps(document), encoding="utf-8")


def _write_part(
    part: Part,
    scenes: Iterator[Scene],
    concepts: Sequence[str],
    folder: Path,
    sources: Sequence[Source],
) -> dict[str, object]:
    ids = {concept: number for number, concept in enumerate(concepts, start=1)}
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, scene in enumerate(scenes, start=1):
        name = f"{part.name}_{number:04d}.jpg"
        picture = Image.fromarray(scene.pixels)
        picture.save(folder / name, quality=JPEG_QUALITY, optimize=True)
        images.append(
            {"id": number, "file_name": name, "width": picture.width, "height": picture.height}
        )
        for concept, (x0, y0, x1, y1) in zip(scene.concepts, scene.boxes.tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": ids[concept],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                    "segmentation": [],
                }
            )
    return {
        "info": {
            "description": f"composed scenes, {part.name}",
            "source": "; ".join(f"{s.title} ({s.licence})" for s in sources),
            "note": f"seed {part.seed}; backgrounds: {', '.join(part.backgrounds)}",
        },
        "licenses": [{"id": k, "name": s.licence} for k, s in enumerate(sources, start=1)],
        "categories": [{"id": ids[concept], "name": concept} for concept in concepts],
        "images": images,
        "annotations": annotations,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", action="store_true", help="red discs and the like instead")
    parser.add_argument("--font", type=Path, help="NotoColorEmoji.ttf")
    parser.add_argument("--fluent", type=Path, help="the package's assets folder")
    parser.add_argument("--concepts", type=Path, help="classes, one name a line")
    parser.add_argument("--distractors", type=Path, help="names of unlabelled objects, one a line")
    parser.add_argument("--photographs", type=Path, help="folder of further backgrounds")
    parser.add_argument("--train", type=int, default=120, help="training images (120)")
    parser.add_argument("--test", type=int, default=80, help="test images (80)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    words = parser.parse_args()
    if not words.shapes and None in (words.font, words.fluent, words.concepts):
        parser.error("give --font, --fluent and --concepts, or --shapes")
    try:
        _compose_as_told(words)
    except EngineError as error:
        parser.exit(1, f"compose_set: error: {error}\n")


def _compose_as_told(words: argparse.Namespace) -> None:
    photographs = photograph_files(words.photographs) if words.photographs else []
    parts = default_parts(
        words.seed, num_train=words.train, num_test=words.test, photographs=photographs
    )
    if words.shapes:
        concepts = shape_concepts()
        write_set(
            shape_material(concepts),
            concepts,
            [],
            parts,
            words.output,
            settings=scene_settings(),
            sources=(),
        )
        return
    concepts = read_names(words.concepts)
    distractors = read_names(words.distractors) if words.distractors else []
    named = dict.fromkeys([*concepts, *distractors])
    material = EmojiMaterial(named, font=words.font, fluent=words.fluent)
    # Single parts of drawings, as hair without a head, exist in one style only.
    distractors = [name for name in distractors if len(material[name]) == len(SOURCES)]
    write_set(material, concepts, distractors, parts, words.output)


if __name__ == "__main__":
    main()
