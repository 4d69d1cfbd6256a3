"""Whether pointing at objects is quicker than drawing them: tried in thought on finished images."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.effort import measured_costs
from app.errors import AppError
from app.measuring import FOUND_IOU, GOOD_IOU
from app.pointing.question import Ask, Question, known_of
from app.queueing import Costs
from app.workspace import Workspace
from sdpt_engine.errors import EngineError
from storage import annotations, images, pointing_trials
from storage.boxes import intersection_over_union
from storage.database import Transaction
from storage.errors import StorageError
from storage.pointing_trials import ImageTrial
from storage.types import Annotation, Box, Image, Origin

ShouldStop = Callable[[], bool]

log = logging.getLogger(__name__)
_NEWEST = 20  # finished images that are tried
_MOST_OBJECTS = 10  # of an image
_ENOUGH_OBJECTS = 30  # what lies longer back tells of an earlier prompt
_LEAST_OBJECTS = 3
_OFF_MIDDLE = 0.1  # of a side: people do not click on the very middle
_QUIET_S = 2.0


@dataclass(frozen=True, slots=True)
class PointingTrial:
    """Of `num_objects` that no proposal had found: where the box at a click would be right, or nearly."""

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
    """What the images that were finished last say."""
    total = PointingTrial()
    for image in pointing_trials.newest(tx, limit=_NEWEST):
        if total.num_objects >= _ENOUGH_OBJECTS:
            break
        total = PointingTrial(
            total.num_objects + image.num_objects,
            total.num_right + image.num_right,
            total.num_near + image.num_near,
        )
    return total


def cheapest_costs(tx: Transaction) -> Costs:
    """A person's seconds; an object without a proposal is pointed at where that is quicker than drawing it."""
    costs, trial = measured_costs(tx), pointing_trial(tx)
    pointed_s = trial.seconds_per_object(costs)
    return costs if pointed_s is None else replace(costs, draw_s=min(costs.draw_s, pointed_s))


def try_pointing(workspace: Workspace, ask: Ask, *, should_stop: ShouldStop = lambda: False) -> int:
    """Try each finished image that was not tried yet, of the newest; how many that were.

    Objects are tried whose box a person drew or pointed at: no proposal had found them. Stops between two images.
    """
    with workspace.database.read() as tx:
        waiting = pointing_trials.untried(tx, limit=_NEWEST)
    for image_id in waiting:
        if should_stop():
            break
        at = datetime.now(UTC)
        with workspace.database.read() as tx:
            asked = _asked(tx, workspace, images.get(tx, image_id))
        trial = _tried(asked, ask)
        with workspace.database.write() as tx:
            pointing_trials.put(tx, image_id, trial, at)
    return len(waiting)


def _asked(tx: Transaction, workspace: Workspace, image: Image) -> list[tuple[Question, Box]]:
    """A question about each object, as if it had no box, and the box that it has."""
    chance = random.Random(image.id)
    boxes = annotations.for_image(tx, image.id)
    drawn = [box for box in boxes if box.origin is Origin.DRAWN]
    return [
        (
            known_of(
                tx,
                workspace,
                image,
                _click(true, chance, image),
                category_id=true.category_id,
                taken=tuple(other.box for other in boxes if other.uid != true.uid),
                is_trial=True,
            ),
            true.box,
        )
        for true in chance.sample(drawn, min(len(drawn), _MOST_OBJECTS))
    ]


def _click(true: Annotation, chance: random.Random, image: Image) -> tuple[float, float]:
    x1, y1, x2, y2 = true.box
    x = (x1 + x2) / 2 + chance.gauss(0.0, _OFF_MIDDLE) * (x2 - x1)
    y = (y1 + y2) / 2 + chance.gauss(0.0, _OFF_MIDDLE) * (y2 - y1)
    return min(max(x, x1), x2, image.width - 1), min(max(y, y1), y2, image.height - 1)


def _tried(asked: list[tuple[Question, Box]], ask: Ask) -> ImageTrial:
    try:
        overlaps = [intersection_over_union(ask(question), true) for question, true in asked]
    except (AppError, EngineError) as error:
        log.warning("pointing was not tried on an image: %s", error)
        return ImageTrial(0, 0, 0)
    num_right = sum(overlap >= GOOD_IOU for overlap in overlaps)
    num_found = sum(overlap >= FOUND_IOU for overlap in overlaps)
    return ImageTrial(len(overlaps), num_right, num_found - num_right)


class Trials:
    """Tries finished images in the background, once a person has paused; from `start` to `close`."""

    def __init__(self, workspace: Workspace, ask: Ask) -> None:
        self._workspace, self._ask = workspace, ask
        self._is_wanted, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="pointing-trials", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._is_wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def want(self) -> None:
        """An image was finished."""
        self._is_wanted.set()

    def _run(self) -> None:
        while self._is_wanted.wait() and not self._is_over.is_set():
            self._is_wanted.clear()
            if self._is_over.wait(_QUIET_S):
                return
            if not self._is_wanted.is_set():
                self._try()

    def _try(self) -> None:
        try:
            try_pointing(self._workspace, self._ask, should_stop=self._is_over.is_set)
        except StorageError as error:  # the next image that is finished brings another try
            log.warning("pointing was not tried: %s", error)
