"""From which distance on are two images duplicates? Measured on copies that are known, among images that are not.

Distances are those that FiftyOne uses: 1 - cosine between vectors from which the mean of the set is taken.
The rule: the largest distance up to which, on the images of `train.json` of every set, at least 95 % of what
is called a duplicate is one, when one image in ten has a copy. `test.json` says what that is worth.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.bench.near_copies import KINDS, write_copies
from app.errors import AppError
from app.progress import OnProgress
from sdpt_engine import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.embedding import embed_each
from sdpt_engine.errors import ImageUnreadableError

STEP = 0.005
MOST = 0.3
COPIES_PER_IMAGE = 0.1
LEAST_PRECISION = 0.95
GOOD_RECALL = 0.8
SPLITS = ("train", "test")
_COPY_EVERY = (
    4  # images; recall needs many copies, and how many there are says nothing of distances
)

# The same scene photographed twice, told by eye among the closest pairs: the second one is left out.
SECOND_SHOTS = {
    "bccd": ("BloodImage_00395.jpg", "BloodImage_00397.jpg"),
    "playing_cards": (
        "cam_image54.jpg",
        *(f"IMG_{number}.jpg" for number in (2465, 2467, 2472, 2474)),
    ),
}

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """One split of one set. `between`: distances of its images, [N, N]; `copies`: of each copy to its original."""

    dataset: str
    split: str
    between: Matrix
    copies: dict[str, Matrix]

    @property
    def num_images(self) -> int:
        return len(self.between)

    @property
    def num_copies(self) -> int:
        return sum(len(found) for found in self.copies.values())

    def recall(self, distance: float, kind: str | None = None) -> float:
        """Share of the copies (of one kind) that are found."""
        wanted = self.copies.values() if kind is None else [self.copies[kind]]
        return float((np.concatenate(list(wanted)) <= distance).mean())

    def num_false(self, distance: float) -> int:
        """How many of the images, all of them different, are called a duplicate of an earlier one."""
        kept: list[int] = []
        for index in range(self.num_images):
            if not (self.between[index, kept] <= distance).any():
                kept.append(index)
        return self.num_images - len(kept)

    def precision(self, distance: float) -> float:
        """Share of right ones among what is called a duplicate; 1 where nothing is."""
        right = self.recall(distance) * COPIES_PER_IMAGE * self.num_images
        called = right + self.num_false(distance)
        return right / called if called else 1.0


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The measurements, and the distance that the rule chooses by those of train.json."""

    backbone: str
    measured: tuple[Measured, ...]
    distance: float


def measure_duplicates(
    sets: Sequence[Path], *, backbone: str, on_progress: OnProgress
) -> Duplicates:
    """Embed the images of each set and copies of some of them, and choose. Raises AppError without labels."""
    plan = [(folder, split, _image_names(folder, split)) for folder in sets for split in SPLITS]
    total = sum(len(names) + len(names[::_COPY_EVERY]) * len(KINDS) for *_, names in plan)
    detector, done = load_detector(backbone), 0

    def tell() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    measured = tuple(measure(detector, folder, split, names, tell) for folder, split, names in plan)
    chosen = choose([found for found in measured if found.split == "train"])
    return Duplicates(backbone, measured, chosen)


def measure(
    detector: Detector,
    folder: Path,
    split: str,
    names: Sequence[str],
    on_image: Callable[[], None] = lambda: None,
) -> Measured:
    """Distances in one set: between its images, and from copies to their originals."""
    vectors = _embed(detector, [folder / "images" / name for name in names], on_image)
    mean = vectors.mean(axis=0)
    plain = centred(vectors)
    copies: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="sdpt-copies-") as scratch:
        for index in range(0, len(names), _COPY_EVERY):
            made = list(write_copies(folder / "images" / names[index], Path(scratch)))
            found = centred(_embed(detector, [path for _, path in made], on_image), mean)
            for (kind, _), vector in zip(made, found, strict=True):
                copies[kind].append(float(1.0 - vector @ plain[index]))
    between = 1.0 - plain @ plain.T
    return Measured(
        folder.name, split, between, {kind: np.array(rows) for kind, rows in copies.items()}
    )


def choose(train: Sequence[Measured]) -> float:
    """The largest distance before precision falls below the least that is wanted, on any set."""
    chosen = 0.0
    for distance in distances():
        if min(found.precision(distance) for found in train) < LEAST_PRECISION:
            break
        chosen = distance
    return chosen


def distances() -> list[float]:
    """All that are tried, smallest first."""
    return [round(STEP * number, 4) for number in range(1, round(MOST / STEP) + 1)]


def _embed(detector: Detector, paths: Sequence[Path], on_image: Callable[[], None]) -> Matrix:
    vectors: list[NDArray[np.float32]] = []
    for _, outcome in embed_each(detector, paths):
        if isinstance(outcome, ImageUnreadableError):
            raise outcome
        vectors.append(outcome)
        on_image()
    return np.stack(vectors).astype(np.float64)


def centred(vectors: Matrix, mean: Matrix | None = None) -> Matrix:
    """Vectors less the mean (their own), of length 1; [N, D]."""
    moved = vectors - (vectors.mean(axis=0) if mean is None else mean)
    unit: Matrix = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


def _image_names(folder: Path, split: str) -> list[str]:
    path = folder / f"{split}.json"
    if not path.is_file():
        raise AppError(
            f"The benchmark needs '{path}', which is not there. Give a folder with images/, "
            "train.json and test.json."
        )
    listed = {str(item["file_name"]) for item in json.loads(path.read_text("utf-8"))["images"]}
    return sorted(listed - set(SECOND_SHOTS.get(folder.name, ())))
