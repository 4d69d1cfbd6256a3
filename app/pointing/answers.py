"""Guesses at the box of a click. Holds what the next click needs again: the prompt in use, the newest pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import sdpt_engine
from app.pointing.question import Guesses, Question
from storage.types import Box

if TYPE_CHECKING:
    from sdpt_engine.second_look.pointing import Pointer
    from sdpt_engine.types import Boxes, Pixels

_DEVICE = "cpu"  # a click needs little, and the GPU may be tuning
_PICTURES = 3


class Answers:
    """An `Ask` that works in this process."""

    def __init__(self) -> None:
        self._bundle: str | None = None
        self._pointer = sdpt_engine.pointer_of(None, _DEVICE)
        self._pictures: dict[str, Pixels] = {}  # by sha256

    def __call__(self, question: Question) -> Guesses:
        """Raises ImageUnreadableError, BundleDamagedError."""
        boxes = self._pointer_of(question.bundle).boxes_at(
            self._picture(question),
            question.point,
            question.category_id,
            question.size,
            sdpt_engine.Surroundings(
                found=_boxes(question.found),
                scores=np.array(question.scores, np.float32),
                taken=_boxes(question.taken),
            ),
        )
        return tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in boxes)

    def _pointer_of(self, bundle: str | None) -> Pointer:
        if bundle != self._bundle:
            folder = None if bundle is None else Path(bundle)
            self._pointer, self._bundle = sdpt_engine.pointer_of(folder, _DEVICE), bundle
        return self._pointer

    def _picture(self, question: Question) -> Pixels:
        if question.sha256 not in self._pictures:
            while len(self._pictures) >= _PICTURES:
                del self._pictures[next(iter(self._pictures))]
            pixels = sdpt_engine.load_image_upright(Path(question.image))
            self._pictures[question.sha256] = pixels
        return self._pictures[question.sha256]


def _boxes(boxes: tuple[Box, ...]) -> Boxes:
    return np.array(boxes, np.float32).reshape(-1, 4)
