"""The simulated annotator at work: one image at a time, through the functions that the page calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app import labelling, review
from app.bench.effort.person import Match, Person, Shown, best_match
from app.bench.effort.times import Actions, TimeModel
from app.bench.effort.truth import TrueImage, TrueObject
from app.labelling import CreateBox
from app.workspace import Workspace

AUTHOR = "annotator"
IsShown = Callable[[Mapping[str, Any]], bool]  # of a proposal as the page gets it


def show_all(_proposal: Mapping[str, Any]) -> bool:
    """Whatever the app itself puts on the screen."""
    return True


def show_none(_proposal: Mapping[str, Any]) -> bool:
    """Drawing by hand."""
    return False


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the person was: human seconds, finished images, boxes on them."""

    seconds: float
    images: int
    boxes: int


class Desk:
    """Finishes images and keeps the account. `truth` is by image id, `class_ids` in the set's order.

    The clock that the app sees is the person's own: it starts at `begins_at` and moves with every action.
    """

    def __init__(
        self,
        workspace: Workspace,
        truth: Mapping[int, TrueImage],
        *,
        class_ids: Sequence[int],
        person: Person,
        times: TimeModel,
        begins_at: datetime,
    ) -> None:
        self.workspace, self.truth = workspace, truth
        self._class_ids = tuple(class_ids)
        self.person, self._times = person, times
        self._begins_at = begins_at
        self.actions = Actions()
        self.curve: list[Moment] = []
        self._is_done: set[int] = set()

    @property
    def seconds(self) -> float:
        return self.actions.seconds(self._times)

    @property
    def now(self) -> datetime:
        return self._begins_at + timedelta(seconds=self.seconds)

    @property
    def remaining(self) -> list[int]:
        """The images that are not finished, in the order of the set."""
        return [image_id for image_id in self.truth if image_id not in self._is_done]

    def finish(self, image_id: int, *, is_shown: IsShown = show_all) -> Actions:
        """Work on one image until it is done; returns what that took."""
        before, self._image = self.actions, self.truth[image_id]
        still_open = dict(enumerate(self._image.objects))
        self._did(looks=1)
        self._take(image_id, still_open, is_shown)
        self._turn_down(image_id, is_shown)
        self._draw(image_id, still_open)
        labelling.set_reviewed(self.workspace, image_id, is_reviewed=True, at=self.now)
        self._is_done.add(image_id)
        self.curve.append(Moment(self.seconds, len(self._is_done), self.actions.boxes))
        return _difference(self.actions, before)

    def finish_all(self, image_ids: Iterable[int], *, is_shown: IsShown = show_all) -> None:
        for image_id in image_ids:
            self.finish(image_id, is_shown=is_shown)

    def _take(self, image_id: int, still_open: dict[int, TrueObject], is_shown: IsShown) -> None:
        """Accept and correct while any proposal helps; what a new box covers, the app hides by itself."""
        while (
            match := best_match(self.person, self._shown(image_id, is_shown), still_open)
        ) is not None:
            del still_open[match.index]
            if match.is_exact:
                self._did(accepts=1)
                self._accept(match.proposal)
            else:
                self._did(fixes=1)
                self._correct(match)

    def _turn_down(self, image_id: int, is_shown: IsShown) -> None:
        while shown := self._shown(image_id, is_shown):
            wrong = shown[0]
            if self.person.is_let_through(self._image, wrong.box):
                self._did(accepts=1)
                self._accept(wrong)
            else:
                self._did(rejects=1)
                review.reject(self.workspace, wrong.id, author=AUTHOR, at=self.now)

    def _draw(self, image_id: int, still_open: Mapping[int, TrueObject]) -> None:
        for index, true in still_open.items():
            if self.person.is_overlooked(self._image, index):
                continue
            self._did(draws=1)
            box = self.person.draw(self._image, index)
            edit = CreateBox(f"drawn-{image_id}-{index}", box, self._class_ids[true.label])
            labelling.apply_edits(self.workspace, image_id, [edit], author=AUTHOR, at=self.now)

    def _shown(self, image_id: int, is_shown: IsShown) -> list[Shown]:
        document = labelling.image_document(self.workspace, image_id)
        return [
            Shown(p["id"], tuple(p["box"]), self._class_ids.index(p["category_id"]))
            for p in document["proposals"]
            if is_shown(p)
        ]

    def _accept(self, proposal: Shown) -> None:
        uid = f"accepted-{proposal.id}"
        review.accept(self.workspace, proposal.id, uid=uid, author=AUTHOR, at=self.now)

    def _correct(self, match: Match) -> None:
        review.correct(
            self.workspace,
            match.proposal.id,
            uid=f"corrected-{match.proposal.id}",
            box=self.person.draw(self._image, match.index),
            category_id=self._class_ids[self._image.objects[match.index].label],
            author=AUTHOR,
            at=self.now,
        )

    def _did(self, **counts: int) -> None:
        self.actions += Actions(**counts)


def _difference(after: Actions, before: Actions) -> Actions:
    return Actions(
        looks=after.looks - before.looks,
        draws=after.draws - before.draws,
        accepts=after.accepts - before.accepts,
        fixes=after.fixes - before.fixes,
        rejects=after.rejects - before.rejects,
    )
