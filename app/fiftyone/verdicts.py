"""What the plugin's buttons do: a decision goes into SQLite at once, then the shown samples follow."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

from app import labelling, review
from app.errors import AppError, NotReadyError
from app.fiftyone.effort import seconds_per_verdict
from app.fiftyone.pulling import fiftyone_author, take_in
from app.showing import not_boxed
from app.workspace import Workspace
from storage import annotations, categories, predictions, projects
from storage.errors import StorageError
from storage.fiftyone_bridge import pull
from storage.fiftyone_bridge.bridge import Bridge
from storage.fiftyone_bridge.documents import ABOVE
from storage.fiftyone_bridge.fields import HUMAN, prediction_id, uid_of_created
from storage.fiftyone_bridge.push import push_images
from storage.types import Annotation, Verdict

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Targets:
    """What a person means: proposals and boxes by selection, and the images that these lie on."""

    proposals: tuple[int, ...] = ()
    boxes: tuple[str, ...] = ()
    image_ids: tuple[int, ...] = ()
    sample_ids: tuple[str, ...] = ()
    are_labels: bool = False


@dataclass(slots=True)
class Outcome:
    """How many were decided, and why others were not."""

    what: str
    number: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        text = f"{self.number} {self.what}."
        if self.problems:
            text += f" {len(self.problems)} could not be: {self.problems[0]}"
        return text


def targets_of_labels(bridge: Bridge, label_ids: Sequence[str]) -> Targets:
    """The proposals and boxes behind selected labels, wherever they were selected."""
    view = bridge.dataset.select_labels(ids=list(label_ids))
    proposals: list[int] = []
    boxes: list[str] = []
    for name in _label_fields(bridge):
        ids, uids = view.values([f"{name}.detections.id", f"{name}.detections.uid"], unwind=True)
        for key, uid in zip(ids, uids or [None] * len(ids), strict=True):
            number = prediction_id(uid or "")
            if number is not None:
                proposals.append(number)
            elif name == HUMAN:
                boxes.append(uid or uid_of_created(key))
    sample_ids, image_ids = view.values(["id", "image_id"])
    return Targets(tuple(proposals), tuple(boxes), tuple(image_ids), tuple(sample_ids), True)


def targets_of_samples(workspace: Workspace, bridge: Bridge, sample_ids: Sequence[str]) -> Targets:
    """The sure, undecided proposals of the bundle in review on these images."""
    view = bridge.dataset.select(list(sample_ids))
    with workspace.database.read() as tx:
        shown = projects.get(tx).prelabel_bundle_id
    proposals: list[int] = []
    name = bridge.field_of(shown)
    if name is not None and name in bridge.dataset.get_field_schema():
        paths = [f"{name}.detections.{key}" for key in ("uid", "verdict", "threshold")]
        for uid, verdict, threshold in zip(*view.values(paths, unwind=True), strict=True):
            if verdict == Verdict.PENDING.value and threshold == ABOVE:
                proposals.append(prediction_id(uid) or 0)
    return Targets(tuple(proposals), (), tuple(view.values("image_id")), tuple(sample_ids))


def accept(workspace: Workspace, bridge: Bridge, targets: Targets) -> Outcome:
    """Proposals become boxes of the person. Of a whole image, those that repeat a box are left out."""

    def one(number: int) -> bool:
        if not targets.are_labels and _repeats_a_box(workspace, number):
            return False
        uid, author = uuid4().hex, fiftyone_author()
        review.accept(workspace, number, uid=uid, author=author, at=datetime.now(UTC))
        return True

    return _each(workspace, bridge, targets, "accepted", targets.proposals, one)


def reject(workspace: Workspace, bridge: Bridge, targets: Targets) -> Outcome:
    """Say that there is no such object."""

    def one(number: int) -> None:
        review.reject(workspace, number, author=fiftyone_author(), at=datetime.now(UTC))

    return _each(workspace, bridge, targets, "rejected", targets.proposals, one)


def send_back(workspace: Workspace, bridge: Bridge, targets: Targets) -> Outcome:
    """Labels: the verdict is taken back. Images: they are not done any more."""
    if not targets.are_labels:
        return mark_done(workspace, bridge, targets, is_done=False)

    def one(number: int) -> None:
        review.unjudge(workspace, number, author=fiftyone_author(), at=datetime.now(UTC))

    with workspace.database.read() as tx:
        boxes = annotations.with_uids(tx, targets.boxes).values()
    taken = [box.prediction_id for box in boxes if box.prediction_id is not None]
    return _each(workspace, bridge, targets, "sent back", [*targets.proposals, *taken], one)


def change_class(workspace: Workspace, bridge: Bridge, targets: Targets, name: str) -> Outcome:
    """Boxes get another class; a proposal becomes a corrected box of it."""
    with workspace.database.read() as tx:
        category_id = categories.named(tx, name).id

    def one(item: int | str) -> None:
        at, author = datetime.now(UTC), fiftyone_author()
        if isinstance(item, int):
            with workspace.database.read() as tx:
                box = predictions.get(tx, item).box
            review.correct(
                workspace,
                item,
                uid=uuid4().hex,
                box=box,
                category_id=category_id,
                author=author,
                at=at,
            )
            return
        found = _box(workspace, item)
        edit = labelling.UpdateBox(item, category_id=category_id)
        labelling.apply_edits(workspace, found.image_id, [edit], author=author, at=at)

    items: list[int | str] = [*targets.proposals, *targets.boxes]
    return _each(workspace, bridge, targets, f"given the class '{name}'", items, one)


def mark_done(
    workspace: Workspace, bridge: Bridge, targets: Targets, *, is_done: bool = True
) -> Outcome:
    """Say of the images that every object has its box, or that they are open again."""

    def one(image_id: int) -> None:
        labelling.set_reviewed(workspace, image_id, is_reviewed=is_done, at=datetime.now(UTC))

    what = "marked done" if is_done else "sent back"
    return _each(workspace, bridge, targets, what, targets.image_ids, one)


def _each(
    workspace: Workspace,
    bridge: Bridge,
    targets: Targets,
    what: str,
    items: Iterable[Item],
    action: Callable[[Item], bool | None],
) -> Outcome:
    """Edits made in the App come first: the decision is about what the person sees."""
    outcome = Outcome(what)
    take_in(workspace, bridge, pull.read_samples(bridge, targets.sample_ids))
    for item in items:
        try:
            outcome.number += action(item) is not False
        except (AppError, StorageError) as error:
            outcome.problems.append(str(error))
    if not outcome.number and not outcome.problems:
        raise NotReadyError(
            f"Nothing was {what}: no proposal or box fits. Select labels or images first."
        )
    per_verdict = seconds_per_verdict(workspace)
    push_images(workspace.database, bridge, targets.image_ids, seconds_per_verdict=per_verdict)
    return outcome


def _repeats_a_box(workspace: Workspace, number: int) -> bool:
    with workspace.database.read() as tx:
        proposal = predictions.get(tx, number)
        boxes = annotations.for_image(tx, proposal.image_id)
    return not not_boxed([proposal], boxes)


def _box(workspace: Workspace, uid: str) -> Annotation:
    with workspace.database.read() as tx:
        found = annotations.with_uids(tx, [uid]).get(uid)
    if found is None:
        raise NotReadyError(f"Box {uid} is not in the project yet; try again in a moment.")
    return found


def _label_fields(bridge: Bridge) -> list[str]:
    known = bridge.dataset.get_field_schema()
    return [name for name in (HUMAN, *bridge.proposal_fields()) if name in known]
