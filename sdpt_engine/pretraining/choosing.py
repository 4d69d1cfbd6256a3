"""Which pictures of a source are taken, and which of their boxes.

Augmentation turns one photograph into several files, which Roboflow names ORIGINAL.rf.HASH.jpg: one is enough.
A picture is set aside, with the reason, when it cannot be read or its labels cannot be its own.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from PIL import Image, ImageOps

from sdpt_engine.errors import ImageUnreadableError, InvalidExampleError
from sdpt_engine.pretraining.annotations_in import (
    NamedBox,
    Reader,
    coco_reader,
    first_of,
    is_below,
    script_reader,
    voc_reader,
    yolo_names,
    yolo_reader,
)
from sdpt_engine.pretraining.file_trees import FileTree
from sdpt_engine.pretraining.photograph_sources import PhotographSource

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
_PARTS = {"train", "val", "valid", "test"}
_SLACK_PX = 2.0  # how far a box may reach outside its image
_SMALLEST_PX = 2.0  # a box with a shorter side is dropped
_ORDER_SEED = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A picture as it is stored, and its boxes xyxy in pixels of the picture as seen."""

    path: str
    data: bytes
    size_wh: tuple[int, int]
    boxes: tuple[NamedBox, ...]


def choose(source: PhotographSource, tree: FileTree) -> tuple[list[Chosen], dict[str, str]]:
    """The pictures of the source in a mixed order that never changes, and why others were set aside, by path."""
    boxes_of = _reader(source, tree)
    chosen: list[Chosen] = []
    set_aside: dict[str, str] = {}
    seen: set[str] = set()
    taken_per_folder: Counter[str] = Counter()
    for path in _mixed(source, tree):
        if source.at_most is not None and len(chosen) >= source.at_most:
            break
        folder = _folder(path)
        is_full = taken_per_folder[folder] == source.at_most_per_folder
        if is_full or original(path) in seen:
            continue
        try:
            picture = _picture(source, tree, path, boxes_of)
        except (InvalidExampleError, ImageUnreadableError) as error:
            set_aside[path] = str(error)
            continue
        if picture is None:
            continue
        digest = hashlib.sha256(picture.data).hexdigest()
        if digest not in seen:
            seen |= {digest, original(path)}
            taken_per_folder[folder] += 1
            chosen.append(picture)
    return chosen, set_aside


def original(path: str) -> str:
    """What all augmented copies of one photograph share; the path itself where nothing says that it is a copy."""
    before, mark, _ = path.rsplit("/", 1)[-1].partition(".rf.")
    return before if mark else path


def _mixed(source: PhotographSource, tree: FileTree) -> list[str]:
    paths = [path for path in tree.paths if _is_asked_for(path, source)]
    random.Random(_ORDER_SEED).shuffle(paths)
    return paths


def _is_asked_for(path: str, source: PhotographSource) -> bool:
    named = PurePosixPath(path)
    if named.suffix.lower() not in _SUFFIXES or not is_below(path, source.folder):
        return False
    below = path.removeprefix(source.folder.rstrip("/") + "/")
    return any(fnmatchcase(named.name, p) or fnmatchcase(below, p) for p in source.files)


def _folder(path: str) -> str:
    return "/".join(part for part in path.split("/")[:-1] if part not in _PARTS)


def _reader(source: PhotographSource, tree: FileTree) -> Reader | None:
    if not source.has_boxes:
        return None
    if source.script:
        return script_reader(tree, source.script)
    names = yolo_names(tree, source.folder, source.class_file)
    return first_of([coco_reader(tree, source.folder), yolo_reader(tree, names), voc_reader(tree)])


def _picture(
    source: PhotographSource, tree: FileTree, path: str, boxes_of: Reader | None
) -> Chosen | None:
    """None where nothing is labelled in the picture, though the collection has boxes."""
    data = tree.read(path)
    size_wh = _size(data)
    if boxes_of is None:
        return Chosen(path, data, size_wh, ())
    found = boxes_of(path, size_wh) or []
    named = [NamedBox(_renamed(box.name, source), box.corners) for box in found]
    boxes = _checked(named, size_wh)
    return Chosen(path, data, size_wh, tuple(boxes)) if boxes else None


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of the picture as seen, after it was decoded to its end."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return ImageOps.exif_transpose(opened).size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageUnreadableError(f"The picture cannot be decoded: {error}.") from error


def _renamed(name: str, source: PhotographSource) -> str:
    spaced = name.replace("_", " ").replace("-", " ")
    return (source.classes or {}).get(name, spaced)


def _checked(boxes: Sequence[NamedBox], size_wh: tuple[int, int]) -> list[NamedBox]:
    """The boxes clipped to the picture and rounded to a tenth of a pixel, without those too small to see."""
    width, height = size_wh
    kept = []
    for box in boxes:
        left, top, right, bottom = box.corners
        over = max(-left, -top, right - width, bottom - height)
        if not over <= _SLACK_PX:  # true of NaN as well
            raise InvalidExampleError(
                f"A box of '{box.name}' reaches {over:g} pixels outside the picture of {width}x{height}."
            )
        left, top = max(0.0, round(left, 1)), max(0.0, round(top, 1))
        right, bottom = min(float(width), round(right, 1)), min(float(height), round(bottom, 1))
        if right - left >= _SMALLEST_PX and bottom - top >= _SMALLEST_PX:
            kept.append(NamedBox(box.name, (left, top, right, bottom)))
    return kept
