"""Labelled scenes behind the frozen image encoder, on disk: one process fills the pool, another learns from it.

A shard is a folder of scenes of one input size, written beside and renamed, so that a reader sees it whole:
middle.npy float16 [N, 272, h/16, w/16], coarse.npy float16 [N, 320, h/32, w/32], labels.json.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdpt_engine.types import Boxes

Maps = NDArray[np.float16]
COMPOSED, ON_PHOTOGRAPH = "composed", "on-photograph"
"""Families whose every named thing is labelled; on a photograph there may be things without a name too."""
_PREFIX, _UNFINISHED = "shard-", "unfinished-"


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """One scene: its two maps, boxes [N, 4] cxcywh in 0..1, and what each box shows.

    `family` says whose names may be asked for as absent: a composed scene holds nothing but what is named, a
    photograph of tools may show a cup that nobody has labelled.
    """

    middle: Maps  # [272, h/16, w/16]
    coarse: Maps  # [320, h/32, w/32]
    boxes: Boxes
    names: tuple[str, ...]
    family: str


@dataclass(frozen=True, slots=True)
class ShardKey:
    """A shard's number, which only grows, and the input size of its scenes in pixels."""

    number: int
    size_wh: tuple[int, int]

    @property
    def folder_name(self) -> str:
        return f"{_PREFIX}{self.number:06d}-{self.size_wh[0]}x{self.size_wh[1]}"

    @classmethod
    def parse(cls, folder_name: str) -> ShardKey:
        _, number, size = folder_name.split("-")
        width, height = size.split("x")
        return cls(int(number), (int(width), int(height)))


def shards(pool: Path) -> list[ShardKey]:
    """What can be read now, oldest first."""
    return sorted(
        (ShardKey.parse(path.name) for path in pool.glob(f"{_PREFIX}*")), key=lambda k: k.number
    )


def write_shard(pool: Path, key: ShardKey, scenes: Sequence[LabelledFeatures]) -> None:
    """Add a shard of scenes whose maps are equal in size."""
    unfinished = pool / f"{_UNFINISHED}{key.folder_name}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    np.save(unfinished / "middle.npy", np.stack([scene.middle for scene in scenes]))
    np.save(unfinished / "coarse.npy", np.stack([scene.coarse for scene in scenes]))
    labels = [
        {"boxes": scene.boxes.tolist(), "names": scene.names, "family": scene.family}
        for scene in scenes
    ]
    (unfinished / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    unfinished.rename(pool / key.folder_name)


def drop_oldest(pool: Path, *, num_kept: int) -> None:
    """Remove the oldest shards beyond `num_kept`. Who reads one of them keeps what is mapped."""
    for key in shards(pool)[:-num_kept]:
        shutil.rmtree(pool / key.folder_name)


class PoolReader:
    """Random access to the scenes of a pool that another process goes on filling."""

    def __init__(self, pool: Path, *, num_open: int = 256) -> None:
        self._pool = pool
        self._open = lru_cache(maxsize=num_open)(self._load)

    def scenes(self, key: ShardKey, rows: Sequence[int]) -> list[LabelledFeatures]:
        """Raises FileNotFoundError when the shard was dropped before it was first read."""
        middle, coarse, labels = self._open(key)
        return [
            LabelledFeatures(
                middle=middle[row],
                coarse=coarse[row],
                boxes=np.array(labels[row]["boxes"], np.float32).reshape(-1, 4),
                names=tuple(labels[row]["names"]),
                family=labels[row]["family"],
            )
            for row in rows
        ]

    def num_scenes(self, key: ShardKey) -> int:
        return len(self._open(key)[2])

    def _load(self, key: ShardKey) -> tuple[Maps, Maps, list[dict[str, Any]]]:
        folder = self._pool / key.folder_name
        labels: list[dict[str, Any]] = json.loads((folder / "labels.json").read_text("utf-8"))
        middle = np.load(folder / "middle.npy", mmap_mode="r")
        return middle, np.load(folder / "coarse.npy", mmap_mode="r"), labels
