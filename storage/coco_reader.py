"""Reading a COCO file: every slip is named with its place in the file, as in annotations[17]."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage.errors import ImportFileError
from storage.types import Box, ImportedBox, ImportedDataset, ImportedImage

_SLACK_PX = 1.0


def read_coco(path: Path) -> ImportedDataset:
    """Read and check a COCO file. Raises ImportFileError; the images are matched later."""
    document = _parsed(path)
    names = _category_names(path, document)
    pictures = _images(path, document)
    boxes: dict[int, list[ImportedBox]] = {image_id: [] for image_id in pictures}
    seen: dict[int, int] = {}
    uids: dict[str, int] = {}
    num_crowd = 0
    position = {category_id: place for place, category_id in enumerate(names)}
    for index, entry in enumerate(_entries(path, document, "annotations")):
        where = f"{path.name}: annotations[{index}]"
        _refuse_repeat(where, "annotations", seen, _whole(where, entry, "id"), index)
        image_id, box = _box(where, entry, pictures, position)
        _refuse_repeated_uid(where, uids, box.uid, index)
        if entry.get("iscrowd") in (1, True):
            num_crowd += 1
        else:
            boxes[image_id].append(box)
    return ImportedDataset(
        source=path.name,
        categories=tuple(names.values()),
        images=tuple(
            replace(picture, boxes=tuple(boxes[image_id])) for image_id, picture in pictures.items()
        ),
        num_crowd=num_crowd,
    )


def read_text(path: Path) -> str:
    """The file as UTF-8 text, with or without a byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportFileError(
            f"'{path.name}' is not UTF-8 text: byte {error.start} cannot be read. "
            "Save it again as UTF-8."
        ) from error
    except OSError as error:
        raise ImportFileError(f"'{path}' cannot be read: {error.strerror}.") from error


def _parsed(path: Path) -> Mapping[str, Any]:
    text = read_text(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
        advice = "It ends in the middle; copy it again." if is_cut else "Check it there."
        raise ImportFileError(
            f"'{path.name}' is not whole JSON: line {error.lineno}, column {error.colno}: "
            f"{error.msg}. {advice}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise ImportFileError(f"'{path.name}' is no usable JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ImportFileError(
            f"'{path.name}' holds a {_kind(document)} at its top, not a COCO object with 'images', "
            "'annotations' and 'categories'."
        )
    return document


def _entries(path: Path, document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list):
        raise ImportFileError(
            f"'{path.name}': '{key}' must be a list; found "
            f"{'nothing' if key not in document else _kind(entries)}."
        )
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ImportFileError(
                f"{path.name}: {key}[{index}] must be an object; found a {_kind(entry)}."
            )
    return entries


def _category_names(path: Path, document: Mapping[str, Any]) -> dict[int, str]:
    """Class names by the file's ids (0 is as good as any), without unused super-categories."""
    entries = _entries(path, document, "categories")
    names: dict[int, str] = {}
    seen: dict[int, int] = {}
    for index, entry in enumerate(entries):
        where = f"{path.name}: categories[{index}]"
        category_id = _whole(where, entry, "id")
        _refuse_repeat(where, "categories", seen, category_id, index)
        names[category_id] = _text(where, entry, "name").strip()
        if not names[category_id]:
            raise ImportFileError(f"{where}: 'name' is empty; every class needs a name.")
    parents = {entry.get("supercategory") for entry in entries if isinstance(entry, dict)}
    used = {a.get("category_id") for a in _entries(path, document, "annotations") if _is_plain(a)}
    # Some tools write a class 0 that is only the heading of the others.
    headings = {
        entry["id"]
        for entry in entries
        if entry["name"] in parents
        and entry.get("supercategory") in (None, "", "none")
        and entry["id"] not in used
    }
    return {category_id: name for category_id, name in names.items() if category_id not in headings}


def _is_plain(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("category_id"), int)


def _images(path: Path, document: Mapping[str, Any]) -> dict[int, ImportedImage]:
    pictures: dict[int, ImportedImage] = {}
    seen: dict[int, int] = {}
    for index, entry in enumerate(_entries(path, document, "images")):
        where = f"{path.name}: images[{index}]"
        image_id = _whole(where, entry, "id")
        _refuse_repeat(where, "images", seen, image_id, index)
        reviewed = entry.get("reviewed")
        if reviewed is not None and not isinstance(reviewed, bool):
            raise ImportFileError(f"{where}: 'reviewed' must be true or false; found {reviewed!r}.")
        pictures[image_id] = ImportedImage(
            where=where,
            file_name=_text(where, entry, "file_name"),
            size_wh=_size(where, entry),
            is_reviewed=reviewed,
            boxes=(),
        )
    return pictures


def _size(where: str, entry: Mapping[str, Any]) -> tuple[int, int] | None:
    if entry.get("width") is None and entry.get("height") is None:
        return None
    width, height = _whole(where, entry, "width"), _whole(where, entry, "height")
    if width < 1 or height < 1:
        raise ImportFileError(f"{where}: the size {width}x{height} is no image size.")
    return (width, height)


def _box(
    where: str,
    entry: Mapping[str, Any],
    pictures: Mapping[int, ImportedImage],
    position: Mapping[int, int],
) -> tuple[int, ImportedBox]:
    image_id = _whole(where, entry, "image_id")
    if image_id not in pictures:
        raise ImportFileError(f"{where}: image_id {image_id} is not among 'images'.")
    category_id = _whole(where, entry, "category_id")
    if category_id not in position:
        raise ImportFileError(f"{where}: category_id {category_id} is not among 'categories'.")
    box = _xyxy(where, entry)
    size = pictures[image_id].size_wh
    if size is not None:
        _refuse_outside(where, box, size)
    attributes = entry.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    uid = attributes.get("uid")
    return image_id, ImportedBox(
        where=where,
        category=position[category_id],
        box=box,
        score=_score(where, entry.get("score", attributes.get("score"))),
        uid=uid if isinstance(uid, str) and 0 < len(uid) <= 64 else None,
    )


def _xyxy(where: str, entry: Mapping[str, Any]) -> Box:
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ImportFileError(f"{where}: 'bbox' must be [x, y, width, height]; found {bbox!r:.80}.")
    x, y, width, height = (_number(where, "bbox", value) for value in bbox)
    if width <= 0 or height <= 0:
        raise ImportFileError(
            f"{where}: the box {bbox} has no area; width and height must be above 0."
        )
    return (round(x, 3), round(y, 3), round(x + width, 3), round(y + height, 3))


def _refuse_outside(where: str, box: Box, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    over = max(-box[0], -box[1], box[2] - width, box[3] - height)
    if over > _SLACK_PX:
        raise ImportFileError(
            f"{where}: the box reaches {over:g} pixels outside its image of {width}x{height}."
        )


def _score(where: str, value: object) -> float | None:
    if value is None:
        return None
    score = _number(where, "score", value)
    if not 0 <= score <= 1:
        raise ImportFileError(f"{where}: 'score' must lie in 0..1; found {score:g}.")
    return score


def _number(where: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ImportFileError(f"{where}: '{key}' must hold numbers; found {value!r:.80}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ImportFileError(f"{where}: '{key}' must hold finite numbers; found {number}.")
    return number


def _whole(where: str, entry: Mapping[str, Any], key: str) -> int:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ImportFileError(
            f"{where}: '{key}' must be a whole number; found "
            f"{'nothing' if key not in entry else repr(value)[:80]}."
        )
    return value


def _text(where: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ImportFileError(
            f"{where}: '{key}' must be text; found "
            f"{'nothing' if key not in entry else repr(value)[:80]}."
        )
    return value


def _refuse_repeat(where: str, key: str, seen: dict[int, int], value: int, index: int) -> None:
    if value in seen:
        raise ImportFileError(f"{where}: id {value} is already that of {key}[{seen[value]}].")
    seen[value] = index


def _refuse_repeated_uid(where: str, seen: dict[str, int], uid: str | None, index: int) -> None:
    if uid is not None and uid in seen:
        raise ImportFileError(f"{where}: its uid is already that of annotations[{seen[uid]}].")
    if uid is not None:
        seen[uid] = index


def _kind(value: object) -> str:
    return {dict: "object", list: "list", str: "text", type(None): "null"}.get(
        type(value), "single value"
    )
