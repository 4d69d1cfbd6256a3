"""Proposals in, proposals out: with tighter edges, and with the names that a closer look gives them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sdpt_engine.boxes import overlaps
from sdpt_engine.decoding import without_duplicates
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.names.namer import Chances, Namer
from sdpt_engine.types import Boxes, Pixels, Prediction, Scores

MOST_TIGHTENED = 40  # boxes of an image, surest first: a look costs some milliseconds each
_ONE_BOX_IOU = 0.9  # proposals that overlap by more are one box with several names
_UNASKED_SCORE = 0.01  # of a class that the detector does not propose for a box
_LEAST_CHANCE = 0.1  # from which such a class is proposed all the same
_BLUR = 1 / 40  # of a cut-out's side: edges that are unclear by so much are seen a third as surely
_STAYED_POWER = 4  # both were chosen on images of two sets that `bench effort` does not use
_OF_CLASS, _OF_ANY, _OF_NAMES = 0.5, 1.0, 6.0  # how much each opinion of what a box shows counts
_SHARE_OF_EDGES = 0.5  # in a score; how surely they are seen says nothing of the class
_SHARE_OF_EDGES_WHERE_NAMED = 0.35

HowSurely = Callable[[Boxes, Boxes, Scores], Scores]


class SecondLook:
    """What looks at found boxes again, for its edges, its names, or both.

    `class_ids` are those of a prediction's labels, in their order; `surely` is `how_surely_seen`, but for measurements.
    """

    def __init__(
        self,
        class_ids: Sequence[int],
        *,
        edges: EdgeFinder | None = None,
        namer: Namer | None = None,
        surely: HowSurely | None = None,
    ) -> None:
        self._class_ids = tuple(class_ids)
        self._edges, self._namer = edges, namer
        self._surely = surely or how_surely_seen

    def again(
        self,
        pixels: Pixels,
        prediction: Prediction,
        *,
        min_score: float = 0.01,
        max_detections: int = 100,
        nms_iou: float = 0.7,
    ) -> Prediction:
        """The same boxes, the surest `MOST_TIGHTENED` with tighter edges, all with the scores of both looks.

        Once edges were looked for, a score is its weighted geometric mean with how surely they are seen: a part of an
        object looks like the object, and has no edges. `min_score` holds before and after that. What came to lie on a
        surer one of its class is gone. Only of its class: two classes that fight for one object now lie on it both,
        and the surer may be wrong.
        """
        owners = one_box_each(prediction.boxes)
        first = np.unique(owners)
        boxes = prediction.boxes[first]
        scores = np.zeros((len(first), len(self._class_ids)), np.float32)
        rows = np.searchsorted(first, owners)
        np.maximum.at(scores, (rows, prediction.labels), prediction.scores)
        surely = None
        if self._edges is not None and len(boxes):
            surest = boxes[:MOST_TIGHTENED]
            tight, unclear = self._edges.look(pixels, surest)
            seen = self._surely(surest, tight, unclear)
            boxes[:MOST_TIGHTENED] = tight
            surely = np.full(len(boxes), seen.min(), np.float32)
            surely[:MOST_TIGHTENED] = seen
        chances = None
        if self._namer is not None:
            chances = self._in_order(self._namer.chances(pixels, boxes), self._namer.class_ids)
        scores = of_all_looks(scores, chances, surely, min_score=min_score)
        return _ranked(boxes, scores, prediction.size_wh, min_score, max_detections, nms_iou)

    def _in_order(self, chances: Chances, known: Sequence[int]) -> Chances:
        """Columns as the labels are numbered, nan for a class that the namer does not know. [N, K + 1] to [N, C]."""
        ordered = np.full((len(chances), len(self._class_ids)), np.nan, np.float32)
        for column, class_id in enumerate(self._class_ids):
            if class_id in known:
                ordered[:, column] = chances[:, known.index(class_id)]
        return ordered


def one_box_each(boxes: Boxes) -> NDArray[np.int64]:
    """For each box, best first, the place of the first one that is the same. [N, 4] to [N]."""
    same = overlaps(boxes, boxes) >= _ONE_BOX_IOU
    owners = np.full(len(boxes), -1, np.int64)
    for place in range(len(boxes)):
        if owners[place] < 0:
            owners[(owners < 0) & same[place]] = place
            owners[place] = place
    return owners


def how_surely_seen(found: Boxes, tight: Boxes, unclear: Scores) -> Scores:
    """How surely the four edges of each box are seen, 0..1: what was right hardly moves, and its edges are clear.

    Boxes [N, 4] before and after they were tightened, and `unclear` [N] as `EdgeFinder.look` says; to [N].
    """
    stayed = overlaps(found, tight).diagonal()
    surely: Scores = (stayed**_STAYED_POWER * np.exp(-unclear / _BLUR)).astype(np.float32)
    return surely


def of_all_looks(
    scores: Scores, chances: Chances | None, surely: Scores | None, *, min_score: float
) -> Scores:
    """The weighted geometric mean of what the detector says, what the names say, and how surely edges are seen.

    [N, C], [N, C] and [N] to [N, C]; None where there was no such look. 0 where the first two come to less than
    `min_score`. The weights were chosen on images of three sets that `bench effort` does not use.
    """
    share_of_edges = np.full_like(scores, _SHARE_OF_EDGES)
    if chances is not None:
        scores = of_both_looks(scores, chances)
        share_of_edges[~np.isnan(chances)] = _SHARE_OF_EDGES_WHERE_NAMED
    scores = np.where(scores >= min_score, scores, 0.0)
    if surely is None:
        return scores
    seen: Scores = scores ** (1 - share_of_edges) * surely[:, None] ** share_of_edges
    return seen


def of_both_looks(scores: Scores, chances: Chances) -> Scores:
    """The weighted geometric mean of the detector's opinion of the class, its one of any class, and the names' one.

    [N, C] both, 0 for what is not proposed. A class that the names do not know (nan) keeps its score.
    """
    is_proposed = scores > 0.0
    of_any = scores.max(axis=1, keepdims=True, initial=0.0)
    of_class = np.maximum(scores, _UNASKED_SCORE)
    product = of_class**_OF_CLASS * of_any**_OF_ANY * chances**_OF_NAMES
    of_both: Scores = product ** (1 / (_OF_CLASS + _OF_ANY + _OF_NAMES))
    of_both = np.where(is_proposed | (chances >= _LEAST_CHANCE), of_both, 0.0)
    return np.where(np.isnan(chances), scores, of_both).astype(np.float32)


def _ranked(
    boxes: Boxes,
    scores: Scores,
    size_wh: tuple[int, int],
    min_score: float,
    max_detections: int,
    nms_iou: float,
) -> Prediction:
    place, label = np.nonzero((scores >= min_score) & (scores > 0.0))
    order = np.argsort(-scores[place, label], kind="stable")
    place, label = place[order], label[order]
    corners, labels = torch.from_numpy(boxes[place]), torch.from_numpy(label)
    kept = without_duplicates(corners, labels, nms_iou, math.inf).numpy()[:max_detections]
    place, label = place[kept], label[kept]
    return Prediction(boxes[place], scores[place, label], label.astype(np.int64), size_wh)
