"""How good a prompt is on images with known boxes: COCO average precision, by pycocotools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

import sdpt_engine
from app.bundles import load_predictor, resolve_bundle
from app.convert import metrics_json
from app.errors import NotReadyError
from app.progress import OnProgress, ignore_progress
from app.workspace import Workspace
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.types import Boxes, Labels, Prediction
from storage import categories, images
from storage.coco import read_coco
from storage.database import Transaction
from storage.imports import match_images
from storage.types import Category, Image, ImportedDataset, ImportedImage

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

ZERO_SHOT_NAME = "zero-shot"
_MIN_SCORE = 0.01  # average precision needs the unsure proposals too


@dataclass(frozen=True, slots=True)
class _Truth:
    """Known boxes of registered images. Labels are indices into `names`.

    `column` maps an index of the project's classes to one of `names`.
    """

    images: tuple[Image, ...]
    boxes: tuple[tuple[Boxes, Labels], ...]
    names: tuple[str, ...]
    column: dict[int, int]


def evaluate_bundle(
    workspace: Workspace,
    coco_path: Path,
    *,
    bundle: str,
    detector: Detector,
    on_progress: OnProgress = ignore_progress,
) -> dict[str, Any]:
    """AP and AP50, whole and per class, on those images of the file that are in the folder.

    Judged are the classes of the file that the project has too (by name, whatever the case).
    Raises ImportFileError, BundleChoiceError, BundleError, and NotReadyError when nothing matches.
    """
    dataset = read_coco(coco_path)
    chosen = resolve_bundle(workspace, bundle)
    with workspace.database.read() as tx:
        truth = _truth(tx, dataset)
    predictor = load_predictor(workspace, detector, chosen, min_score=_MIN_SCORE)
    paths = [workspace.image_path(image.relative_path) for image in truth.images]
    found: list[Prediction] = []
    judged: list[tuple[Boxes, Labels]] = []
    skipped: list[dict[str, str]] = []
    on_progress(0, len(paths))
    for index, outcome in sdpt_engine.predict_each(predictor, paths):
        if isinstance(outcome, ImageUnreadableError):
            path = truth.images[index].relative_path
            skipped.append({"path": path, "reason": str(outcome)})
        else:
            found.append(_of_known_classes(outcome, truth.column))
            judged.append(truth.boxes[index])
        on_progress(index + 1, len(paths))
    metrics = sdpt_engine.evaluate(found, judged, truth.names)
    which = (ZERO_SHOT_NAME, ZERO_SHOT_NAME) if chosen is None else (chosen.id, chosen.name)
    return {
        "bundle": which[0],
        "bundle_name": which[1],
        **metrics_json(metrics),
        "skipped": skipped,
    }


def _truth(tx: Transaction, dataset: ImportedDataset) -> _Truth:
    registered = _registered(tx, dataset)
    names, column = _shared_classes(categories.list_all(tx), dataset)
    place = {name.casefold(): index for index, name in enumerate(names)}
    label_of = [place.get(name.casefold()) for name in dataset.categories]
    matched = match_images(tx, registered)
    return _Truth(
        images=tuple(matched),
        boxes=tuple(_arrays(picture, label_of) for picture in registered.images),
        names=names,
        column=column,
    )


def _registered(tx: Transaction, dataset: ImportedDataset) -> ImportedDataset:
    """The part of the file whose images lie in the folder; a test set may hold more than that."""
    known = {PurePosixPath(image.relative_path).name for image in images.list_all(tx)}
    kept = tuple(
        picture
        for picture in dataset.images
        if PurePosixPath(picture.file_name.replace("\\", "/")).name in known
    )
    if not kept:
        first = f"'{dataset.images[0].file_name}'" if dataset.images else "no image at all"
        raise NotReadyError(
            f"None of the {len(dataset.images)} images of '{dataset.source}' (first: {first}) is in "
            "the image folder. Give --data the folder that holds them."
        )
    return ImportedDataset(dataset.source, dataset.categories, kept, dataset.num_crowd)


def _shared_classes(
    project: Sequence[Category], dataset: ImportedDataset
) -> tuple[tuple[str, ...], dict[int, int]]:
    wanted = {name.casefold() for name in dataset.categories}
    shared = [(i, c.name) for i, c in enumerate(project) if c.name.casefold() in wanted]
    if not shared:
        ours = ", ".join(f"'{c.name}'" for c in project) or "none yet"
        theirs = ", ".join(f"'{name}'" for name in dataset.categories) or "none"
        raise NotReadyError(
            f"The classes of '{dataset.source}' ({theirs}) and of the project ({ours}) have no name "
            "in common. Add or rename classes with sdpt-app classes."
        )
    column = {index: place for place, (index, _) in enumerate(shared)}
    return tuple(name for _, name in shared), column


def _arrays(picture: ImportedImage, label_of: Sequence[int | None]) -> tuple[Boxes, Labels]:
    kept = [(b.box, label) for b in picture.boxes if (label := label_of[b.category]) is not None]
    return (
        np.array([box for box, _ in kept], np.float32).reshape(-1, 4),
        np.array([label for _, label in kept], np.int64),
    )


def _of_known_classes(found: Prediction, column: dict[int, int]) -> Prediction:
    """Without proposals of classes that the file does not know, so that they count as nothing."""
    is_kept = np.isin(found.labels, list(column))
    labels = np.array([column[int(label)] for label in found.labels[is_kept]], np.int64)
    return Prediction(found.boxes[is_kept], found.scores[is_kept], labels, found.size_wh)
