"""Whether pointing at objects is quicker than drawing them: tried in thought on finished images."""

import logging
import operator
import random
import threading
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from app.effort import measured_costs
from app.errors import AppError
from app.measuring import FOUND_IOU, GOOD_IOU
from app.pointing.asking import NoAnswerError
from app.pointing.clicks import near_middle
from app.pointing.question import Ask, Guesses, Question, scene
from app.queueing import Costs
from app.workspace import Workspace
from sdpt_engine.errors import EngineError
from storage import annotations, images, pointing_trials
from storage.boxes import intersection_over_union
from storage.database import Transaction
from storage.pointing_trials import ImageTrial
from storage.types import Box, Image, Origin

ShouldStop = Callable[[], bool]

log = logging.getLogger(__name__)
_NEWEST = 20  # finished images that are tried
_MOST_OBJECTS = 10  # of an image
_ENOUGH_OBJECTS = 30  # what lies longer back tells of an earlier prompt
_QUIET_S = 2.0


@dataclass(frozen=True, slots=True)
class PointingTrial:
    """Of `num_objects` that no proposal had found: where the box at a click would be right, or nearly.

    Where it would be neither, the next guess (`again`) may be.
    """

    num_objects: int = 0
    num_right: int = 0
    num_near: int = 0
    num_right_again: int = 0
    num_near_again: int = 0

    def __add__(self, other: "PointingTrial") -> "PointingTrial":
        return PointingTrial(*map(operator.add, astuple(self), astuple(other)))

    def seconds_per_object(self, costs: Costs) -> float:
        """What such an object costs who points first; much as elsewhere, as long as few were tried here."""
        known = self + _ELSEWHERE
        right = known.num_right + known.num_right_again
        near = known.num_near + known.num_near_again
        again = known.num_objects - known.num_right - known.num_near
        drawn = known.num_objects - right - near
        after = (
            right * costs.accept_s
            + near * costs.fix_s
            + (again + drawn) * costs.reject_s
            + drawn * costs.draw_s
        )
        return costs.point_s + after / known.num_objects

    def pays(self, costs: Costs) -> bool:
        """Whether that is less than drawing."""
        return self.seconds_per_object(costs) < costs.draw_s

    def cheapest(self, costs: Costs) -> Costs:
        """An object without a proposal is pointed at where that is quicker than drawing it."""
        return replace(costs, draw_s=min(costs.draw_s, self.seconds_per_object(costs)))


# Worth a try, until others were tried here.
_ELSEWHERE = PointingTrial(5, num_right=2, num_near=1, num_right_again=1)


def pointing_trial(tx: Transaction) -> PointingTrial:
    """What the images that were finished last say."""
    total = PointingTrial()
    for image in pointing_trials.newest(tx, limit=_NEWEST):
        if total.num_objects >= _ENOUGH_OBJECTS:
            break
        total += PointingTrial(*image)
    return total


def cheapest_costs(tx: Transaction) -> Costs:
    """A person's own seconds, with those of pointing where it pays."""
    return pointing_trial(tx).cheapest(measured_costs(tx))


def try_pointing(workspace: Workspace, ask: Ask, *, should_stop: ShouldStop = lambda: False) -> int:
    """Try each finished image that was not tried yet, of the newest; how many were.

    Objects are tried whose box a person drew or pointed at: no proposal had found them. Stops between two objects, and
    leaves the image for the next time. Raises NoAnswerError.
    """
    with workspace.database.read() as tx:
        waiting = pointing_trials.untried(tx, limit=_NEWEST)
    for number, image_id in enumerate(waiting):
        at = datetime.now(UTC)
        with workspace.database.read() as tx:
            asked = _asked(tx, workspace, images.get(tx, image_id))
        trial = _tried(asked, ask, should_stop)
        if trial is None:
            return number
        with workspace.database.write() as tx:
            pointing_trials.put(tx, image_id, trial, at)
    return len(waiting)


def _asked(tx: Transaction, workspace: Workspace, image: Image) -> list[tuple[Question, Box]]:
    """A question about each object, as if it had no box, and the box that it has."""
    chance = random.Random(image.id)
    boxes = annotations.for_image(tx, image.id)
    drawn = [box for box in boxes if box.origin is Origin.DRAWN]
    known = scene(tx, workspace, image, is_trial=True)
    return [
        (
            known.question(
                near_middle(true.box, chance, image.size_wh),
                category_id=true.category_id,
                taken=[other.box for other in boxes if other.uid != true.uid],
            ),
            true.box,
        )
        for true in chance.sample(drawn, min(len(drawn), _MOST_OBJECTS))
    ]


def _tried(
    asked: list[tuple[Question, Box]], ask: Ask, should_stop: ShouldStop
) -> ImageTrial | None:
    """None when stopped."""
    total = PointingTrial()
    for question, true in asked:
        if should_stop():
            return None
        try:
            total += _judged(ask(question), true)
        except NoAnswerError:
            raise
        except (AppError, EngineError) as error:  # of a picture that is gone, say
            log.warning("pointing was not tried on an image: %s", error)
            return ImageTrial()
    return ImageTrial(**asdict(total))


def _judged(guesses: Guesses, true: Box) -> PointingTrial:
    first, again = ([intersection_over_union(g, true) for g in guesses] + [0.0])[:2]
    if first >= FOUND_IOU:
        is_right = first >= GOOD_IOU
        return PointingTrial(1, num_right=int(is_right), num_near=int(not is_right))
    is_right, is_found = again >= GOOD_IOU, again >= FOUND_IOU
    return PointingTrial(
        1, num_right_again=int(is_right), num_near_again=int(is_found and not is_right)
    )


class Trials:
    """Tries finished images in the background while a person pauses; from `start` to `close`."""

    def __init__(self, workspace: Workspace, ask: Ask) -> None:
        self._workspace, self._ask = workspace, ask
        self._is_wanted, self._is_over = threading.Event(), threading.Event()
        self._quiet_from = 0.0
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
        self.put_off()
        self._is_wanted.set()

    def put_off(self) -> None:
        """Somebody is at work, whom trials must not keep waiting."""
        self._quiet_from = monotonic() + _QUIET_S

    def _should_stop(self) -> bool:
        return self._is_over.is_set() or monotonic() < self._quiet_from

    def _run(self) -> None:
        while self._is_wanted.wait() and not self._is_over.is_set():
            self._is_over.wait(max(0.0, self._quiet_from - monotonic()))
            if self._should_stop():
                continue
            self._is_wanted.clear()
            try:
                try_pointing(self._workspace, self._ask, should_stop=self._should_stop)
            except Exception:  # whatever it was, the next finished image brings another try
                log.exception("pointing was not tried")
            else:
                if self._should_stop():  # put off: what is left waits for the next pause
                    self._is_wanted.set()
