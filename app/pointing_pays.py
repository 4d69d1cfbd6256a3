"""Whether pointing at objects is quicker than drawing them: tried in thought on finished images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.measuring import FOUND_IOU, GOOD_IOU
from app.pointing import Candidate, best_at, is_around, lies_on
from app.queueing import Costs
from app.showing import showing
from storage import bundles, measurements
from storage.boxes import intersection_over_union
from storage.database import Transaction
from storage.measurements import ReviewedImage
from storage.shown import Showing

_NEWEST = 60  # finished images that are tried
_LEAST_OBJECTS = 5


@dataclass(frozen=True, slots=True)
class PointingTrial:
    """Of `num_objects` that no shown proposal had found: where the box under the middle is right, or nearly."""

    num_objects: int = 0
    num_right: int = 0
    num_near: int = 0

    def seconds_per_object(self, costs: Costs) -> float | None:
        """What such an object costs who points first; None where too few were tried."""
        if self.num_objects < _LEAST_OBJECTS:
            return None
        drawn = self.num_objects - self.num_right - self.num_near
        after = self.num_right * costs.accept_s + self.num_near * costs.fix_s + drawn * costs.draw_s
        return costs.point_s + after / self.num_objects

    def pays(self, costs: Costs) -> bool:
        """Whether that is less than drawing; not as long as nobody knows."""
        seconds = self.seconds_per_object(costs)
        return seconds is not None and seconds < costs.draw_s


def pointing_trial(tx: Transaction) -> PointingTrial:
    """Of the bundle whose proposals are shown, or, while too few images were finished with these, an earlier one."""
    shown = showing(tx)
    if shown is None:
        return PointingTrial()
    earlier = [b.id for b in reversed(bundles.list_all(tx)) if b.id != shown.bundle_id]
    for bundle_id in (shown.bundle_id, *earlier):
        what = showing(tx, bundle_id)
        assert what is not None, "asked for by its id"
        reviewed = measurements.reviewed_since_run(tx, bundle_id, limit=_NEWEST)
        trial = tried(reviewed, what)
        if trial.num_objects >= _LEAST_OBJECTS:
            return trial
    return PointingTrial()


def tried(reviewed: Iterable[ReviewedImage], what: Showing) -> PointingTrial:
    """Point in thought at the middle of each box that no proposal above its threshold had found."""
    overlaps = [overlap for image in reviewed for overlap in _pointed_at(image, what)]
    num_right = sum(overlap >= GOOD_IOU for overlap in overlaps)
    num_found = sum(overlap >= FOUND_IOU for overlap in overlaps)
    return PointingTrial(len(overlaps), num_right, num_found - num_right)


def _pointed_at(image: ReviewedImage, what: Showing) -> Iterator[float]:
    """How well a click at each box that was not shown would have found it; 0 where nothing was there."""
    shown = [box for box, class_id, score in image.proposals if score >= what.threshold(class_id)]
    boxes = [box for box, _ in image.truth]
    for place, true in enumerate(boxes):
        if lies_on(true, shown):
            continue
        seen = [*shown, *boxes[:place], *boxes[place + 1 :]]
        x, y = (true[0] + true[2]) / 2, (true[1] + true[3]) / 2
        candidates = [
            Candidate(box, score)
            for box, _, score in image.proposals
            if is_around(box, x, y) and not lies_on(box, seen)  # most are elsewhere: cheap first
        ]
        found = best_at(candidates, x, y)
        yield 0.0 if found is None else intersection_over_union(found.box, true)
