"""Boxes as repositories keep them: YOLO text files, Pascal VOC, COCO, or numbers in a program's text.

A reader answers with the boxes of an image, or None where it knows nothing of it. What it cannot make sense of
raises InvalidExampleError, naming file and line.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

import yaml

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.pretraining.file_trees import FileTree

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class NamedBox:
    """A box xyxy in pixels, not yet clipped to its image, and what it shows."""

    name: str
    corners: Corners


Reader = Callable[[str, tuple[int, int]], list[NamedBox] | None]  # of an image's path and size_wh


def first_of(readers: Sequence[Reader]) -> Reader:
    """The answer of the first reader that knows the image."""

    def read(image: str, size_wh: tuple[int, int]) -> list[NamedBox] | None:
        answers = (reader(image, size_wh) for reader in readers)
        return next((boxes for boxes in answers if boxes is not None), None)

    return read


def yolo_reader(tree: FileTree, names: Sequence[str]) -> Reader:
    """Text files beside the images or in labels/ beside images/; polygons become the boxes around them."""
    known = frozenset(tree.paths)

    def read(image: str, size_wh: tuple[int, int]) -> list[NamedBox] | None:
        path = next((path for path in _label_paths(image) if path in known), None)
        if path is None:
            return None
        lines = tree.read(path).decode("utf-8", errors="replace").splitlines()
        return [
            _from_shares(f"{path}:{number}", line, names, size_wh)
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]

    return read


def yolo_names(tree: FileTree, folder: str, class_file: str = "") -> list[str]:
    """Class names of `class_file`, else of the data.yaml in `folder` or nearest above it; none without such a file."""
    above = [PurePosixPath(folder), *PurePosixPath(folder).parents] if folder else [PurePosixPath()]
    candidates = [class_file] if class_file else [str(place / "data.yaml") for place in above]
    path = next((path for path in candidates if path in tree.paths), None)
    if path is None and class_file:
        raise InvalidExampleError(
            f"The class names are said to be in '{class_file}', which is not there."
        )
    if path is None:
        return []
    document = yaml.safe_load(tree.read(path))
    names = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, dict):
        names = [names[number] for number in sorted(names)]
    if not isinstance(names, list):
        raise InvalidExampleError(f"'{path}' has no list of names; found {names!r:.80}.")
    return [str(name) for name in names]


def voc_reader(tree: FileTree) -> Reader:
    """Pascal VOC: an xml file beside the image."""
    known = frozenset(tree.paths)

    def read(image: str, size_wh: tuple[int, int]) -> list[NamedBox] | None:
        path = str(PurePosixPath(image).with_suffix(".xml"))
        if path not in known:
            return None
        try:
            root = ElementTree.fromstring(tree.read(path))
        except ElementTree.ParseError as error:
            raise InvalidExampleError(f"'{path}' is not whole XML: {error}.") from error
        return [_from_object(path, found) for found in root.iter("object")]

    return read


def coco_reader(tree: FileTree, folder: str) -> Reader:
    """Every json file below `folder` that has images, annotations and categories; file names start beside it."""
    boxes: dict[str, list[NamedBox]] = {}
    for path in tree.paths:
        if path.endswith(".json") and is_below(path, folder):
            document = json.loads(tree.read(path))
            if isinstance(document, dict) and {"images", "annotations", "categories"} <= set(
                document
            ):
                boxes |= _of_coco(path, document)
    return lambda image, size_wh: boxes.get(image)


def script_reader(tree: FileTree, script: str) -> Reader:
    """A Python text with {"fork_1": [left, top, width, height in shares]}; the class is the name without its number."""
    regions: dict[str, Corners] = {}
    for node in ast.walk(ast.parse(tree.read(script))):
        if isinstance(node, ast.Dict):
            regions |= _regions(node)

    def read(image: str, size_wh: tuple[int, int]) -> list[NamedBox] | None:
        stem = PurePosixPath(image).stem
        if stem not in regions:
            return None
        left, top, width, height = regions[stem]
        shares = (left, top, left + width, top + height)
        return [NamedBox(stem.rsplit("_", 1)[0], _in_pixels(shares, size_wh))]

    return read


def is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder.rstrip("/") + "/")


def _label_paths(image: str) -> list[str]:
    beside = PurePosixPath(image).with_suffix(".txt")
    parts = list(beside.parts)
    if "images" not in parts[:-1]:
        return [str(beside)]
    place = len(parts) - 2 - parts[:-1][::-1].index("images")
    parts[place] = "labels"
    return [str(PurePosixPath(*parts)), str(beside)]


def _from_shares(where: str, line: str, names: Sequence[str], size_wh: tuple[int, int]) -> NamedBox:
    try:
        number, *shares = (float(word) for word in line.split())
    except ValueError as error:
        raise InvalidExampleError(f"{where} must hold numbers; found '{line:.80}'.") from error
    if not number.is_integer() or not 0 <= number < len(names):
        raise InvalidExampleError(f"{where} is of class {number:g}, but {len(names)} are named.")
    if len(shares) == 4:
        x, y, width, height = shares
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        corners = (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
    else:
        raise InvalidExampleError(
            f"{where} needs four numbers after the class, or pairs; found {len(shares)}."
        )
    return NamedBox(names[int(number)], _in_pixels(corners, size_wh))


def _in_pixels(shares: Corners, size_wh: tuple[int, int]) -> Corners:
    width, height = size_wh
    return (shares[0] * width, shares[1] * height, shares[2] * width, shares[3] * height)


def _from_object(path: str, found: ElementTree.Element) -> NamedBox:
    sides = ("xmin", "ymin", "xmax", "ymax")
    texts = [found.findtext("name"), *(found.findtext(f"bndbox/{side}") for side in sides)]
    try:
        left, top, right, bottom = (float(text or "") for text in texts[1:])
    except ValueError as error:
        raise InvalidExampleError(
            f"'{path}' has an object without four numbers: {texts}."
        ) from error
    return NamedBox((texts[0] or "").strip(), (left, top, right, bottom))


def _of_coco(path: str, document: Mapping[str, Any]) -> dict[str, list[NamedBox]]:
    folder = PurePosixPath(path).parent
    names = {entry["id"]: str(entry["name"]) for entry in document["categories"]}
    files = {entry["id"]: str(folder / entry["file_name"]) for entry in document["images"]}
    boxes: dict[str, list[NamedBox]] = {file: [] for file in files.values()}
    for place, entry in enumerate(document["annotations"]):
        if entry.get("image_id") not in files or entry.get("category_id") not in names:
            raise InvalidExampleError(
                f"{path}: annotations[{place}] is of an image or category that the file does not list."
            )
        left, top, width, height = map(float, entry["bbox"])
        corners = (left, top, left + width, top + height)
        boxes[files[entry["image_id"]]].append(NamedBox(names[entry["category_id"]], corners))
    return boxes


def _regions(node: ast.Dict) -> dict[str, Corners]:
    found = {}
    for key, value in zip(node.keys, node.values, strict=True):
        is_four = isinstance(value, ast.List) and len(value.elts) == 4
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and is_four:
            left, top, width, height = map(float, ast.literal_eval(value))
            found[key.value] = (left, top, width, height)
    return found
