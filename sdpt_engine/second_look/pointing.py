"""A click on an object in, the box around it out, and what else may have been meant.

Boxes of a usual size around the click, smaller ones and larger ones, and what a detector found there are tightened
twice. Of the places where that leads, the one is best that hardly moves any more, whose edges are clear, whose middle
was clicked on, whose size is usual, which the detector supports, and which shows the class that is meant. What lies
about there too is averaged with it: two looks at one edge are better than one. The best of what lies elsewhere is the
next guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdpt_engine.boxes import overlaps
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.names.namer import Namer
from sdpt_engine.types import Boxes, Pixels, UsualSize

Worths = NDArray[np.float32]
Likely = Callable[[Boxes], Worths]

_SCALES = (0.5, 0.7, 1.0, 1.4, 2.0)  # of the usual size
_ROUNDS = 2  # later ones wander off as often as they mend
_ABOUT_THERE_IOU = 0.6
_MOST_FOUND = 3  # boxes of the detector that are tried too
_NEAR = 0.2  # of a side: how far from the middle of what they mean people click
_UNSUPPORTED = 0.1  # where a detector found nothing, it may have overlooked an object
_SAME_IOU = 0.5
_MOST_GUESSES = 2
_TAKEN = 0.05  # of its worth is left to a box whose object has one already
_LEAST_UNCLEAR = 0.01
_LEAST_LIKELY = 0.001
_MOST_OFF = 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of the image: boxes that a detector `found`, with scores in 0..1, and objects that are boxed."""

    found: Boxes
    scores: Worths
    taken: Boxes


@dataclass(frozen=True, slots=True)
class Pointer:
    """Answers clicks with what a prompt knows of edges and, where it learnt that, of names."""

    edges: EdgeFinder
    namer: Namer | None

    def boxes_at(
        self,
        pixels: Pixels,
        point: tuple[float, float],
        class_id: int,
        size: UsualSize,
        known: Surroundings,
    ) -> Boxes:
        """As `boxes_at`, for an object of this class."""
        namer = self.namer
        likely = None if namer is None else lambda boxes: namer.chance_of(pixels, boxes, class_id)
        return boxes_at(self.edges, pixels, point, size, known, likely=likely)


def boxes_at(
    finder: EdgeFinder,
    pixels: Pixels,
    point: tuple[float, float],
    size: UsualSize,
    known: Surroundings,
    *,
    likely: Likely | None = None,
) -> Boxes:
    """Guesses at the box of the object whose middle is about at `point` (x, y in pixels), within the image.

    [N, 4] with N from 1 to `_MOST_GUESSES`, the best first, each of another place.
    `likely` says of boxes [N, 4] how likely they show the class that is meant, [N] in 0..1.
    """
    at = np.array(point, np.float32)
    height, width = pixels.shape[:2]
    limits = np.array([width, height] * 2, np.float32)
    boxes = np.concatenate((_around(at, size), _found_at(at, known))).clip(0, limits)
    rounds: list[tuple[Boxes, Worths]] = []
    for _ in range(_ROUNDS):
        before = boxes
        boxes, unclear = finder.look(pixels, boxes)
        is_at_rest = overlaps(before, boxes).diagonal()
        clear = is_at_rest / np.maximum(unclear, _LEAST_UNCLEAR)
        rounds.append((boxes, clear.astype(np.float32)))
    tried = np.concatenate([boxes for boxes, _ in rounds])
    worth = np.concatenate([clear for _, clear in rounds])
    worth *= _nearness(tried, at) * _usualness(tried, size) * _support(tried, known)
    if likely is not None:
        worth *= np.sqrt(np.maximum(likely(tried), _LEAST_LIKELY))
    return _guesses(tried, worth)


def _guesses(tried: Boxes, worth: Worths) -> Boxes:
    """The mean of what lies about where the best lies, then of what lies about the best of those elsewhere."""
    guesses: list[Boxes] = []
    while len(tried) and len(guesses) < _MOST_GUESSES:
        about = overlaps(tried, tried[[int(worth.argmax())]])[:, 0] >= _ABOUT_THERE_IOU
        mean = np.average(tried[about], axis=0, weights=worth[about]).astype(np.float32)
        guesses.append(mean)
        is_elsewhere = ~about & (overlaps(tried, mean[None])[:, 0] < _SAME_IOU)
        tried, worth = tried[is_elsewhere], worth[is_elsewhere]
    return np.stack(guesses)


def _around(at: NDArray[np.float32], size: UsualSize) -> Boxes:
    halves = np.outer(_SCALES, (size.width, size.height)).astype(np.float32) / 2
    return np.concatenate((at - halves, at + halves), axis=1)


def _found_at(at: NDArray[np.float32], known: Surroundings) -> Boxes:
    """The detector's boxes that a click here means most likely; [N, 4], at most `_MOST_FOUND`."""
    is_around = ((known.found[:, :2] <= at) & (at <= known.found[:, 2:])).all(axis=1)
    boxes = known.found[is_around]
    worth = known.scores[is_around] * _nearness(boxes, at)
    return boxes[np.argsort(-worth, kind="stable")[:_MOST_FOUND]]


def _nearness(boxes: Boxes, at: NDArray[np.float32]) -> Worths:
    """1 in the middle of a box, next to 0 at its edges."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    off = (at - (boxes[:, :2] + boxes[:, 2:]) / 2) / sides
    return _normal((off**2).sum(axis=1) / _NEAR**2)


def _usualness(boxes: Boxes, size: UsualSize) -> Worths:
    """1 for a box of the usual size; a root of the normal density, since both sides change together."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    off = np.log(sides) - np.log((size.width, size.height))
    return _normal((off**2).mean(axis=1) / (4 * size.scatter**2))


def _normal(off: Worths) -> Worths:
    """exp(-off), never nought: of boxes that are all bad one is the least so."""
    worth: Worths = np.exp(-np.minimum(off, _MOST_OFF)).astype(np.float32)
    return worth


def _support(boxes: Boxes, known: Surroundings) -> Worths:
    """What the detector says for a box, and next to nothing for one whose object is boxed already."""
    support = _UNSUPPORTED + (overlaps(boxes, known.found) ** 4 @ known.scores)
    is_taken = (overlaps(boxes, known.taken) >= _SAME_IOU).any(axis=1)
    return np.where(is_taken, _TAKEN, 1.0).astype(np.float32) * support.astype(np.float32)
