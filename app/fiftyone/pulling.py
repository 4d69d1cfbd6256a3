"""Edits that a person made in FiftyOne, taken in as if they had been made on the canvas."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app.errors import AppError
from app.labelling import CreateBox, DeleteBox, Edit, UpdateBox, apply_edit
from app.settings import default_author
from app.workspace import Workspace
from storage import annotations, categories, conflicts, images
from storage.database import Transaction
from storage.errors import NotFoundError, StorageError
from storage.fiftyone_bridge import pull
from storage.fiftyone_bridge.bridge import Bridge, Remembered
from storage.fiftyone_bridge.fields import label_id
from storage.fiftyone_bridge.pull import Content, Differences, FoundSample

SOURCE = "FiftyOne"


def fiftyone_author() -> str:
    """How the history names who decided something there."""
    return f"{default_author()} ({SOURCE})"


@dataclass(slots=True)
class PullReport:
    """What came back. `refused`: sentences about boxes that cannot be stored as they are there."""

    created: int = 0
    changed: int = 0
    deleted: int = 0
    conflicts: int = 0
    refused: list[str] = field(default_factory=list)
    images: list[int] = field(default_factory=list)

    @property
    def num_edits(self) -> int:
        return self.created + self.changed + self.deleted


def pull_edits(workspace: Workspace, bridge: Bridge) -> PullReport:
    """Take in all that was edited since the last look. Taking the same edit in twice changes nothing."""
    found, look = pull.changed_samples(bridge)
    report = take_in(workspace, bridge, found)
    bridge.remember_pull(look)
    return report


def take_in(workspace: Workspace, bridge: Bridge, found: Sequence[FoundSample]) -> PullReport:
    """Compare these samples with the rows and carry out the differences."""
    report = PullReport()
    if not found:
        return report
    memory = bridge.recall(sample.image_id for sample in found)
    names = bridge.about().names
    for sample in found:
        if sample.image_id in memory:
            agreed = _take_in(workspace, sample, memory[sample.image_id], names, report)
            if dict(agreed.boxes) != dict(memory[sample.image_id].boxes):
                bridge.remember([agreed])
        bridge.seen[sample.sample_id] = sample.modified_at
    return report


def _take_in(
    workspace: Workspace,
    sample: FoundSample,
    memory: Remembered,
    names: Mapping[str, int],
    report: PullReport,
) -> Remembered:
    """One sample in one transaction; returns what both sides agree on now."""
    image_id, before = sample.image_id, report.num_edits + report.conflicts
    with workspace.database.write() as tx:
        size_wh = images.get(tx, image_id).size_wh
        labelled = [label for label in sample.labels if label.name is not None]
        ids = _category_ids(tx, {label.name for label in labelled if label.name}, names)
        theirs = pull.contents(labelled, size_wh, ids)
        unfinished = [label.id for label in sample.labels if label.name is None]
        found = pull.differences(tx, image_id, theirs, unfinished, memory)
        uids = {label.id: pull.uid_of_new(label) for label in labelled}
        _carry_out(tx, image_id, found, uids, report)
        boxes = _agreed(tx, image_id, theirs, memory)
    if report.num_edits + report.conflicts != before:
        report.images.append(image_id)
    return replace(memory, boxes=boxes)


def _carry_out(
    tx: Transaction,
    image_id: int,
    found: Differences,
    uids: Mapping[str, str],
    report: PullReport,
) -> None:
    for key, content in found.created:
        edit: Edit = CreateBox(uids[key], content.box, content.category_id)
        report.created += _try(tx, image_id, edit, report)
    for here, content in found.changed:
        edit = UpdateBox(here.uid, content.box, content.category_id, here.revision)
        report.changed += _try(tx, image_id, edit, report)
    for here in found.deleted:
        report.deleted += _try(tx, image_id, DeleteBox(here.uid), report)
    for uid, theirs in found.conflicts:
        if theirs is not None and not _is_possible(tx, image_id, theirs, report):
            continue
        conflicts.note(
            tx,
            source=SOURCE,
            image_id=image_id,
            annotation_uid=uid,
            theirs=None if theirs is None else _document(theirs),
            at=datetime.now(UTC),
        )
        report.conflicts += 1


def _try(tx: Transaction, image_id: int, edit: Edit, report: PullReport) -> int:
    """1 when the edit was taken, 0 when it cannot be: then it is told, and the others go on."""
    try:
        with tx.begin_nested():
            apply_edit(tx, image_id, edit, author=fiftyone_author(), at=datetime.now(UTC))
    except (AppError, StorageError) as error:
        path = images.get(tx, image_id).relative_path
        report.refused.append(f"'{path}': {error}")
        return 0
    return 1


def _is_possible(tx: Transaction, image_id: int, theirs: Content, report: PullReport) -> bool:
    """A version that nobody could choose is told, and not asked about."""
    image = images.get(tx, image_id)
    try:
        annotations.checked_box(theirs.box, image.size_wh)
    except StorageError as error:
        report.refused.append(f"'{image.relative_path}': {error}")
        return False
    return True


def _agreed(
    tx: Transaction, image_id: int, theirs: Mapping[str, Content], memory: Remembered
) -> dict[str, tuple[str, int]]:
    """Boxes that are alike on both sides get their present revision; on others the memory stays."""
    ours = {label_id(a.uid): a for a in annotations.for_image(tx, image_id)}
    boxes = {key: value for key, value in memory.boxes.items() if key in theirs or key in ours}
    for key, here in ours.items():
        content = theirs.get(key)
        if content is not None and content.is_like(here.box, here.category_id):
            boxes[key] = (here.uid, here.revision)
    return boxes


def _category_ids(
    tx: Transaction, wanted: Iterable[str], pushed: Mapping[str, int]
) -> dict[str, int]:
    """Class names as FiftyOne has them: those of the last push first, for a class may be renamed since."""
    found: dict[str, int] = {}
    for name in wanted:
        if name in pushed:
            found[name] = pushed[name]  # one that was merged since is told apart by its history
            continue
        try:
            found[name] = categories.named(tx, name).id
        except NotFoundError:
            found[name] = categories.add(tx, name).id
    return found


def _document(content: Content) -> dict[str, object]:
    return {"box": list(content.box), "category_id": content.category_id}
