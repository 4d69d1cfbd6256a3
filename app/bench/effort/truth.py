"""A set with known boxes: what the simulated annotator sees when it looks at an image."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.classes import add_class
from app.errors import NotReadyError
from app.ingest import ingest
from app.settings import choose_backbone
from app.workspace import Workspace, open_workspace
from sdpt_engine import load_image_upright
from storage import categories, images
from storage.coco import read_coco
from storage.types import Box, ImportedDataset, ImportedImage

_FILES = ("train.json", "test.json")
_LEAST_PX = 2.0


@dataclass(frozen=True, slots=True)
class TrueObject:
    """`box` in xyxy pixels within the image; `label` is an index into `TruthSet.classes`."""

    box: Box
    label: int


@dataclass(frozen=True, slots=True)
class TrueImage:
    """An image file and everything that is on it."""

    path: Path
    size_wh: tuple[int, int]
    objects: tuple[TrueObject, ...]


@dataclass(frozen=True, slots=True)
class TruthSet:
    """Images in the order in which a person meets them: shuffled, as no folder's order means anything."""

    name: str
    classes: tuple[str, ...]
    images: tuple[TrueImage, ...]

    @property
    def num_objects(self) -> int:
        return sum(len(image.objects) for image in self.images)


def load_truth(folder: Path, *, most_images: int | None, seed: int) -> TruthSet:
    """All images of train.json and test.json together, or `most_images` of them.

    Raises NotReadyError when there is no such file or no image, ImportFileError for a broken one.
    """
    files = [folder / name for name in _FILES if (folder / name).is_file()]
    if not files:
        raise NotReadyError(
            f"The benchmark needs '{folder}/train.json' or '{folder}/test.json', and neither is there. "
            "Give folders with images/ and COCO files."
        )
    names: list[str] = []
    found: dict[str, TrueImage] = {}
    for file in files:
        dataset = read_coco(file)
        names += [name for name in dataset.categories if name not in names]
        for picture in dataset.images:
            found[picture.file_name] = _true_image(folder, dataset, picture, names)
    order = sorted(found)
    random.Random(seed).shuffle(order)
    if most_images is not None:
        order = order[:most_images]
    if not order:
        raise NotReadyError(f"No image is listed in {', '.join(str(file) for file in files)}.")
    return TruthSet(folder.name, tuple(names), tuple(found[name] for name in order))


@contextmanager
def empty_workspace(
    truth: TruthSet, scratch: Path, *, backbone: str
) -> Iterator[tuple[Workspace, dict[int, TrueImage]]]:
    """A new workspace of copies of the images, with the classes and no box; and what is on each image id.

    The ids come in the order of `truth.images`.
    """
    folder = scratch / "images"
    folder.mkdir(parents=True)
    for image in truth.images:
        shutil.copyfile(image.path, folder / image.path.name)
    with open_workspace(folder, scratch / "state") as workspace:
        ingest(workspace)
        for name in truth.classes:
            add_class(workspace, name)
        choose_backbone(workspace, backbone)
        with workspace.database.read() as tx:
            ids = {image.relative_path: image.id for image in images.list_all(tx)}
        yield workspace, {ids[image.path.name]: image for image in truth.images}


def class_ids(workspace: Workspace, truth: TruthSet) -> tuple[int, ...]:
    """The id that the workspace gave to each class of the set."""
    with workspace.database.read() as tx:
        known = {category.name: category.id for category in categories.list_all(tx)}
    return tuple(known[name] for name in truth.classes)


def _true_image(
    folder: Path, dataset: ImportedDataset, picture: ImportedImage, names: list[str]
) -> TrueImage:
    path = folder / "images" / picture.file_name
    width, height = picture.size_wh or load_image_upright(path).shape[1::-1]
    objects = [
        TrueObject(_within(item.box, width, height), names.index(dataset.categories[item.category]))
        for item in picture.boxes
    ]
    real = [o for o in objects if min(o.box[2] - o.box[0], o.box[3] - o.box[1]) >= _LEAST_PX]
    return TrueImage(path, (width, height), tuple(real))


def _within(box: Box, width: float, height: float) -> Box:
    """Published boxes may stick out of the image by a pixel or two; no person can draw there."""
    return max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3])
