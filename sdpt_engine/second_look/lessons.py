"""What both lessons need: a person's box as a detector might have found it, and an end when one is asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sdpt_engine.boxes import iou_xyxy
from sdpt_engine.errors import TuneInterrupted
from sdpt_engine.types import Boxes

ShouldStop = Callable[[], bool]
_SPREADS = (0.05, 0.12, 0.2)  # standard deviations of an edge, in shares of the side
_LEAST_IOU = 0.4
_TRIES = 50


def found_loosely(boxes: Boxes, size_wh: tuple[int, int], chance: np.random.Generator) -> Boxes:
    """Each box as a detector might have found it: its edges moved, within the image, at `_LEAST_IOU` or better."""
    limits = np.array([*size_wh, *size_wh], np.float32)
    found = boxes.copy()
    for place, box in enumerate(boxes):
        sides = np.tile(box[2:] - box[:2], 2)
        for _ in range(_TRIES):
            moved = box + chance.normal(0.0, chance.choice(_SPREADS), 4) * sides
            moved = moved.clip(0, limits)
            if (moved[2:] - moved[:2] >= 1.0).all() and _overlap(moved, box) >= _LEAST_IOU:
                found[place] = moved
                break
    return found


def stop_if_asked(should_stop: ShouldStop | None, step: int = 0) -> None:
    """Raises TuneInterrupted, which names the step, when `should_stop` says so."""
    if should_stop is not None and should_stop():
        raise TuneInterrupted(step)


def _overlap(first: Boxes, second: Boxes) -> float:
    pair = [torch.from_numpy(box)[None].double() for box in (first, second)]
    return float(iou_xyxy(*pair))
