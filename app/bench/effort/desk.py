"""The simulated annotator at work: one image at a time, through the functions that the page calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app import effort, labelling, review
from app.bench.effort.habit import keeps_pointing
from app.bench.effort.person import Match, Person, Shown, best_match
from app.bench.effort.times import Actions, TimeModel
from app.bench.effort.truth import TrueImage, TrueObject
from app.labelling import CreateBox
from app.pointing.answers import Answers
from app.pointing.question import Ask, question_at
from app.workspace import Workspace
from storage.boxes import intersection_over_union
from storage.types import Box

AUTHOR = "annotator"


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the person was: human seconds, finished images, boxes on them."""

    seconds: float
    images: int
    boxes: int


class Desk:
    """Finishes images and keeps the account. `truth` is by image id, `class_ids` in the set's order.

    The effort meter of the app hears of every action as it would from a browser, in the person's own seconds.
    """

    def __init__(
        self,
        workspace: Workspace,
        truth: Mapping[int, TrueImage],
        *,
        class_ids: Sequence[int],
        person: Person,
        times: TimeModel,
    ) -> None:
        self.workspace, self.truth = workspace, truth
        self.class_ids = tuple(class_ids)
        self.person, self._times = person, times
        self.actions = Actions()
        self.curve: list[Moment] = []
        self._is_done: set[int] = set()
        self.answers: Ask = Answers()
        self._seconds_pointing: list[float] = []

    @property
    def seconds(self) -> float:
        return self.actions.seconds(self._times)

    @property
    def now(self) -> datetime:
        """The time of the app, whose jobs have no other."""
        return datetime.now(UTC)

    @property
    def remaining(self) -> list[int]:
        """The images that are not finished, in the order of the set."""
        return [image_id for image_id in self.truth if image_id not in self._is_done]

    def finish(self, image_id: int, *, is_by_hand: bool = False, points: bool = False) -> None:
        """Work on one image until it is done; by hand the proposals are out of sight.

        Who `points` tries that before drawing, as long as it saves time.
        """
        self._image, before = self.truth[image_id], self.actions
        still_open = dict(enumerate(self._image.objects))
        self._did(looks=1)
        if not is_by_hand:
            self._take(image_id, still_open)
            self._turn_down(image_id)
        self._draw(image_id, still_open, points=points)
        labelling.set_reviewed(self.workspace, image_id, is_reviewed=True, at=self.now)
        self._record(image_id, before)
        self._is_done.add(image_id)
        self.curve.append(Moment(self.seconds, len(self._is_done), self.actions.boxes))

    def press(self) -> None:
        """Start a job."""
        self._did(presses=1)

    def meet_new_proposals(self) -> None:
        """Who gave up pointing tries it again."""
        self._seconds_pointing.clear()

    def finish_all(
        self, image_ids: Iterable[int], *, is_by_hand: bool = False, points: bool = False
    ) -> None:
        for image_id in image_ids:
            self.finish(image_id, is_by_hand=is_by_hand, points=points)

    def _take(self, image_id: int, still_open: dict[int, TrueObject]) -> None:
        """Accept and correct while any proposal helps; what a new box covers, the app hides by itself."""
        while (match := best_match(self.person, self._shown(image_id), still_open)) is not None:
            del still_open[match.index]
            if match.is_placed and match.is_named:
                self._did(accepts=1)
                self._accept(match.proposal)
            else:
                self._correct(match)

    def _turn_down(self, image_id: int) -> None:
        """What is left, by one key; now and then something wrong is let through before.

        A proposal of another class that a wrong one had hidden comes to light then, and takes a key more.
        """
        while shown := self._shown(image_id):
            let_through = [p for p in shown if self.person.is_let_through(self._image, p.box)]
            if let_through:
                self._did(accepts=1)
                self._accept(let_through[0])
                continue
            self._did(rejects=1, swept=len(shown) - 1)
            for proposal in shown:
                review.reject(self.workspace, proposal.id, author=AUTHOR, at=self.now)

    def _draw(self, image_id: int, still_open: Mapping[int, TrueObject], *, points: bool) -> None:
        for index, true in still_open.items():
            if self.person.is_overlooked(self._image, index):
                continue
            box = self._pointed(image_id, index) if points else None
            if box is None:
                self._did(draws=1)
                box = self.person.draw(self._image, index)
            edit = CreateBox(f"drawn-{image_id}-{index}", box, self.class_ids[true.label])
            labelling.apply_edits(self.workspace, image_id, [edit], author=AUTHOR, at=self.now)

    def _pointed(self, image_id: int, index: int) -> Box | None:
        """What pointing at an object gives, after a correction if need be; None when it must be drawn."""
        if not keeps_pointing(self._seconds_pointing, self._times):
            return None
        true = self._image.objects[index]
        question = question_at(
            self.workspace,
            image_id,
            self.person.point(self._image, index),
            category_id=self.class_ids[true.label],
            taken=self._boxed(image_id),
        )
        box, did = None, Actions(points=1)
        for number, guess in enumerate(self.answers(question)):
            box, followed = self._taken(guess, index)
            did += followed + Actions(agains=int(number > 0))
            if box is not None:
                break
        self.actions += did
        drawn = Actions(draws=int(box is None))
        self._seconds_pointing.append((did + drawn).seconds(self._times))
        return box

    def _taken(self, guess: Box, index: int) -> tuple[Box | None, Actions]:
        """The box that becomes of a guess at a click, and what that took; None when it is of no use."""
        overlap = intersection_over_union(guess, self._image.objects[index].box)
        if overlap >= self.person.accept_iou:
            return guess, Actions(taken=1)
        edged = self.person.bring_edge(self._image, index, guess)
        if edged is not None:
            return edged, Actions(edged=1)
        if overlap >= self.person.fix_iou:
            return self.person.draw(self._image, index), Actions(mended=1)
        return None, Actions()

    def _boxed(self, image_id: int) -> list[Box]:
        """What is on the image when all proposals are judged, or out of sight."""
        document = labelling.image_document(self.workspace, image_id)
        return [tuple(annotation["box"]) for annotation in document["annotations"]]

    def _shown(self, image_id: int) -> list[Shown]:
        document = labelling.image_document(self.workspace, image_id)
        return [
            Shown(p["id"], tuple(p["box"]), self.class_ids.index(p["category_id"]))
            for p in document["proposals"]
        ]

    def _accept(self, proposal: Shown) -> None:
        uid = f"accepted-{proposal.id}"
        review.accept(self.workspace, proposal.id, uid=uid, author=AUTHOR, at=self.now)

    def _correct(self, match: Match) -> None:
        """Give a proposal its class, bring one edge of it, or draw it anew, whichever is enough."""
        box = match.proposal.box
        if match.is_placed:
            self._did(renames=1)
        else:
            edged = (
                self.person.bring_edge(self._image, match.index, box) if match.is_named else None
            )
            self._did(edges=int(edged is not None), fixes=int(edged is None))
            box = edged or self.person.draw(self._image, match.index)
        review.correct(
            self.workspace,
            match.proposal.id,
            uid=f"corrected-{match.proposal.id}",
            box=box,
            category_id=self.class_ids[self._image.objects[match.index].label],
            author=AUTHOR,
            at=self.now,
        )

    def _did(self, **counts: int) -> None:
        self.actions += Actions(**counts)

    def _record(self, image_id: int, before: Actions) -> None:
        times, did = self._times, self.actions - before
        spent = (
            ("drawn", did.draws, times.draw_s, 1),
            ("pointed", did.taken, times.point_s + times.accept_s, 1),
            ("pointed", did.mended, times.point_s + times.fix_s, 1),
            ("pointed", did.edged, times.point_s + times.one_edge_s, 1),
            ("edited", did.agains, times.reject_s, 0),
            ("deleted", did.in_vain, times.point_s + times.reject_s, 0),
            ("accepted", did.accepts, times.accept_s, 1),
            ("corrected", did.fixes, times.fix_s, 1),
            ("corrected", did.edges, times.one_edge_s, 1),
            ("corrected", did.renames, times.rename_s, 1),
            ("rejected", did.rejects, times.reject_s, 1),
        )
        timed = [
            effort.Timed(f"{image_id}-{kind}-{number}", image_id, action, seconds, num_boxes)
            for kind, (action, count, seconds, num_boxes) in enumerate(spent)
            for number in range(count)
        ]
        timed.append(effort.Timed(f"{image_id}-done", image_id, "done", times.look_s, num_boxes=0))
        effort.record(self.workspace, timed, author=AUTHOR, at=self.now)
