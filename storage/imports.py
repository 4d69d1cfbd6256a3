"""Taking a COCO or YOLO data set in: all of it, or nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from storage import annotations, bundles, categories, images, predictions
from storage.database import Transaction
from storage.errors import ImportFileError, InvalidBoxError, StorageError
from storage.models import AnnotationEventRow
from storage.types import (
    Annotation,
    Box,
    BundleKind,
    Image,
    ImportedBox,
    ImportedDataset,
    ImportedImage,
    ImportReport,
    NewPrediction,
    Origin,
)

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class _Placed:
    """A box of the file on a registered image, in pixels and the database's class ids."""

    source: ImportedBox
    image_id: int
    box: Box
    category_id: int

    @property
    def content(self) -> tuple[int, int, Box]:
        return (self.image_id, self.category_id, self.box)


def import_dataset(
    tx: Transaction, dataset: ImportedDataset, *, as_human: bool, author: str, at: datetime
) -> ImportReport:
    """Store the data set's boxes as human ones (and its images as reviewed), or as proposals.

    Importing a file again adds nothing. Boxes that were edited here since their export are kept
    as they are. Raises ImportFileError, naming the place in the file; then nothing is stored.
    """
    with tx.begin_nested():
        matched = match_images(tx, dataset)
        num_before = len(categories.list_all(tx))
        ids = [_category_id(tx, name) for name in dataset.categories]
        placed = [
            _placed(box, image, ids)
            for picture, image in zip(dataset.images, matched, strict=True)
            for box in picture.boxes
        ]
        store = _store_human if as_human else _store_proposals
        numbers = store(tx, dataset, matched, placed, author, at)
        return ImportReport(
            images=len(matched),
            categories=len(categories.list_all(tx)) - num_before,
            crowd=dataset.num_crowd,
            category_names=dataset.categories,
            **numbers,
        )


def match_images(tx: Transaction, dataset: ImportedDataset) -> list[Image]:
    """The registered image of each image of the data set: same path, else the only one ending so."""
    index = _PathIndex(images.list_all(tx))
    matched: list[Image] = []
    taken: dict[int, ImportedImage] = {}
    for picture in dataset.images:
        image = index.find(picture)
        if image.id in taken:
            raise ImportFileError(
                f"{picture.where}: '{picture.file_name}' and '{taken[image.id].file_name}' are "
                f"both '{image.relative_path}'."
            )
        _check_size(picture, image)
        taken[image.id] = picture
        matched.append(image)
    return matched


class _PathIndex:
    """Registered images by every tail of their path, with and without the ending."""

    def __init__(self, registered: Iterable[Image]) -> None:
        self._exact: dict[tuple[str, bool], list[Image]] = defaultdict(list)
        self._tails: dict[tuple[str, bool], list[Image]] = defaultdict(list)
        for image in registered:
            path = PurePosixPath(image.relative_path)
            for name, has_suffix in ((path, True), (path.with_suffix(""), False)):
                self._exact[str(name), has_suffix].append(image)
                self._tails[name.name, has_suffix].append(image)

    def find(self, picture: ImportedImage) -> Image:
        wanted = PurePosixPath(picture.file_name.replace("\\", "/").removeprefix("./"))
        found = self._exact.get((str(wanted), picture.has_suffix), [])
        if not found:
            found = self._by_tail(wanted, picture.has_suffix)
        if len(found) == 1:
            return found[0]
        if not found:
            raise ImportFileError(
                f"{picture.where}: '{picture.file_name}' is not among the registered images. "
                "Copy the file into the image folder, or remove it from the data set."
            )
        names = ", ".join(f"'{image.relative_path}'" for image in found[:5])
        raise ImportFileError(
            f"{picture.where}: '{picture.file_name}' fits {len(found)} images: {names}. "
            "Write its path from the image folder on."
        )

    def _by_tail(self, wanted: PurePosixPath, has_suffix: bool) -> list[Image]:
        """The images whose path has the longest tail in common with the wanted one."""
        best: list[Image] = []
        best_length = 0
        for image in self._tails.get((wanted.name, has_suffix), []):
            path = PurePosixPath(image.relative_path)
            length = _common_tail(wanted, path if has_suffix else path.with_suffix(""))
            if length > best_length:
                best, best_length = [], length
            if length == best_length:
                best.append(image)
        return best


def _common_tail(a: PurePosixPath, b: PurePosixPath) -> int:
    length = 0
    for left, right in zip(reversed(a.parts), reversed(b.parts), strict=False):
        if left != right:
            break
        length += 1
    return length


def _check_size(picture: ImportedImage, image: Image) -> None:
    if picture.size_wh is None or picture.size_wh == image.size_wh:
        return
    is_turned = picture.size_wh == (image.height, image.width)
    hint = " It seems to ignore the photograph's EXIF turn." if is_turned else ""
    raise ImportFileError(
        f"{picture.where}: '{picture.file_name}' is {picture.size_wh[0]}x{picture.size_wh[1]} in "
        f"the file, but the image is {image.width}x{image.height} pixels.{hint} Boxes would be off."
    )


def _category_id(tx: Transaction, name: str) -> int:
    try:
        return (categories.find(tx, name) or categories.add(tx, name)).id
    except StorageError as error:
        raise ImportFileError(f"The class '{name[:80]}' cannot be taken in: {error}") from error


def _placed(box: ImportedBox, image: Image, category_ids: Sequence[int]) -> _Placed:
    scale = image.size_wh * 2 if box.is_relative else (1, 1, 1, 1)
    x1, y1, x2, y2 = (value * by for value, by in zip(box.box, scale, strict=True))
    try:
        checked = annotations.checked_box((x1, y1, x2, y2), image.size_wh)
    except InvalidBoxError as error:
        raise ImportFileError(f"{box.where}: {error}") from error
    return _Placed(box, image.id, checked, category_ids[box.category])


def _store_human(
    tx: Transaction,
    dataset: ImportedDataset,
    matched: Sequence[Image],
    placed: Sequence[_Placed],
    author: str,
    at: datetime,
) -> dict[str, Any]:
    before = annotations.for_images(tx, [image.id for image in matched])
    here = [box for boxes in before.values() for box in boxes]
    by_uid = _by_uid(tx, placed)
    unclaimed = Counter(_content(box) for box in here)
    new: list[_Placed] = []
    unchanged = kept = 0
    for box in _uids_first(placed):
        same = by_uid.get(box.source.uid or "")
        if same is not None and _content(same) != box.content:
            kept += 1
            unclaimed[_content(same)] -= 1
        elif unclaimed[box.content] > 0:
            unchanged += 1
            unclaimed[box.content] -= 1
        else:
            new.append(box)
    ids_before = _ids_before(tx, new)
    rows = [_row(box, ids_before) for box in new]
    annotations.create_many(tx, rows, author=author, at=at, source=dataset.source)
    for picture, image in zip(dataset.images, matched, strict=True):
        if picture.is_reviewed is not False and image.reviewed_at is None:
            images.mark_reviewed(tx, image.id, at)
    return {"annotations": len(new), "unchanged": unchanged, "kept": kept}


def _uids_first(placed: Sequence[_Placed]) -> list[_Placed]:
    """Boxes that say which one they are claim theirs before those that only look like it."""
    return sorted(placed, key=lambda box: box.source.uid is None)


def _by_uid(tx: Transaction, placed: Sequence[_Placed]) -> dict[str, Annotation]:
    return annotations.with_uids(tx, [box.source.uid for box in placed if box.source.uid])


def _content(box: Annotation) -> tuple[int, int, Box]:
    return (box.image_id, box.category_id, box.box)


def _ids_before(tx: Transaction, new: Sequence[_Placed]) -> dict[str, int]:
    """The ids that boxes of these uids had when they were deleted, so that they get them back."""
    uids = [box.source.uid for box in new if box.source.uid]
    found: dict[str, int] = {}
    for start in range(0, len(uids), _CHUNK):
        rows = tx.execute(
            select(AnnotationEventRow.annotation_uid, AnnotationEventRow.before)
            .where(AnnotationEventRow.annotation_uid.in_(uids[start : start + _CHUNK]))
            .where(AnnotationEventRow.action == "delete")
        )
        found.update({uid: int(before["id"]) for uid, before in rows if before is not None})
    return found


def _row(box: _Placed, ids_before: Mapping[str, int]) -> dict[str, Any]:
    uid = box.source.uid or uuid4().hex
    return {
        "id": ids_before.get(uid),
        "uid": uid,
        "image_id": box.image_id,
        "category_id": box.category_id,
        "box": box.box,
        "origin": Origin.IMPORTED,
    }


def _store_proposals(
    tx: Transaction,
    dataset: ImportedDataset,
    matched: Sequence[Image],
    placed: Sequence[_Placed],
    author: str,
    at: datetime,
) -> dict[str, Any]:
    name = f"imported {dataset.source}"
    bundle = bundles.find_by_name(tx, name) or bundles.create(
        tx, name=name, kind=BundleKind.IMPORTED, at=at
    )
    by_image: dict[int, list[NewPrediction]] = {image.id: [] for image in matched}
    for box in placed:
        score = 1.0 if box.source.score is None else box.source.score
        by_image[box.image_id].append(NewPrediction(box.box, box.category_id, score))
    stored = 0
    for image_id, proposals in by_image.items():
        stored += predictions.replace_for_image(
            tx, bundle_id=bundle.id, image_id=image_id, predictions=proposals, at=at
        )
    unchanged = len(placed) - stored
    return {"annotations": stored, "unchanged": unchanged, "bundle_id": bundle.id}
