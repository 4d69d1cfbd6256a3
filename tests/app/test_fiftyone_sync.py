"""Push and pull against a real FiftyOne and a real MongoDB: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app import labelling, review
from app.fiftyone import verdicts
from app.fiftyone.pulling import PullReport, pull_edits
from app.workspace import Workspace, open_workspace
from storage import annotations, bundles, categories, conflicts, images, predictions, projects
from storage.fiftyone_bridge.bridge import Bridge
from storage.fiftyone_bridge.push import PushReport, push
from storage.types import (
    Annotation,
    Box,
    BundleKind,
    ConflictChoice,
    ImageFilter,
    NewPrediction,
    Origin,
    Verdict,
)

NUM_IMAGES = 3
PLACES: tuple[Box, ...] = ((10.0, 20.0, 60.0, 70.5), (100.25, 30.0, 180.0, 90.0))


@dataclass(frozen=True, slots=True)
class Pair:
    """A project and its dataset: both sides, and a person on each of them."""

    workspace: Workspace
    bridge: Bridge
    cell: int
    platelet: int

    def push(self) -> PushReport:
        return push(self.workspace.database, self.bridge, seconds_per_verdict=2.0)

    def pull(self) -> PullReport:
        return pull_edits(self.workspace, self.bridge)

    def sync(self) -> PullReport:
        report = self.pull()
        self.push()
        return report

    def boxes(self, image_id: int = 1) -> list[Annotation]:
        with self.workspace.database.read() as tx:
            return annotations.for_image(tx, image_id)

    def here(self, *edits: labelling.Edit, image_id: int = 1) -> None:
        labelling.apply_edits(
            self.workspace, image_id, edits, author="tester", at=datetime.now(UTC)
        )

    def sample(self, image_id: int = 1) -> Any:
        """As the App's server reads it: fresh."""
        self.bridge.dataset.reload()
        sample = self.bridge.dataset.one({"image_id": image_id})
        sample.reload(hard=True)
        return sample

    def move_there(
        self, place: int = 0, bounding_box: tuple[float, ...] = (0.5, 0.5, 0.1, 0.2)
    ) -> None:
        sample = self.sample()
        sample.human.detections[place].bounding_box = list(bounding_box)
        sample.save()

    def delete_there(self, place: int = 0) -> None:
        sample = self.sample()
        del sample.human.detections[place]
        sample.save()

    def draw_there(self, label: str | None = "cell") -> str:
        import fiftyone as fo

        sample = self.sample()
        drawn = fo.Detection(label=label, bounding_box=[0.2, 0.2, 0.25, 0.25])
        sample.human.detections.append(drawn)
        sample.save()
        return str(drawn.id)


@pytest.fixture
def pair(tmp_path: Path, bridge: Bridge) -> Iterator[Pair]:
    (tmp_path / "images").mkdir()
    at = datetime.now(UTC)
    with open_workspace(tmp_path / "images") as workspace:
        with workspace.database.write() as tx:
            for number in range(NUM_IMAGES):
                images.add(
                    tx,
                    relative_path=f"{number}.png",
                    sha256=str(number),
                    width=200,
                    height=100,
                    size_bytes=1,
                    mtime_ns=1,
                    at=at,
                )
            cell, platelet = (categories.add(tx, name) for name in ("cell", "platelet"))
            for box in PLACES:
                annotations.create(
                    tx,
                    uid=uuid4().hex,
                    image_id=1,
                    box=box,
                    category_id=cell.id,
                    origin=Origin.DRAWN,
                    author="tester",
                    at=at,
                )
            bundle = bundles.create(tx, name="tuned-7", kind=BundleKind.TUNED, at=at)
            found = [NewPrediction(box, cell.id, 0.8) for box in PLACES]
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=2, predictions=found, at=at
            )
            projects.set_prelabel_bundle(tx, bundle.id)
        made = Pair(workspace, bridge, cell.id, platelet.id)
        made.push()
        made.pull()
        yield made


def test_a_push_shows_boxes_and_proposals_in_their_places(pair: Pair) -> None:
    human = pair.sample(1).human.detections
    assert [d.label for d in human] == ["cell", "cell"]
    assert human[0].bounding_box == pytest.approx([0.05, 0.2, 0.25, 0.505])
    proposals = pair.sample(2).tuned_7.detections
    assert [(d.confidence, d.verdict, d.threshold) for d in proposals] == [
        (0.8, "pending", "above")
    ] * 2
    assert pair.bridge.dataset.values("state") == ["begun", "needs review", "untouched"]


def test_a_second_push_writes_nothing(pair: Pair) -> None:
    assert pair.push() == PushReport()


def test_a_push_writes_only_what_has_changed(pair: Pair) -> None:
    pair.here(labelling.DeleteBox(pair.boxes()[0].uid))
    assert pair.push() == PushReport(updated=1)
    assert len(pair.sample().human.detections) == 1


def test_both_ways_of_writing_show_the_same(pair: Pair, tmp_path: Path) -> None:
    slow = Bridge.open(f"{pair.bridge.dataset.name}-slow", tmp_path / "images", is_fast=False)
    push(pair.workspace.database, slow, seconds_per_verdict=2.0)
    plain, fast = (
        [sample.to_dict(include_private=False) for sample in dataset.sort_by("image_id")]
        for dataset in (slow.dataset, pair.bridge.dataset)
    )
    volatile = ("created_at", "last_modified_at", "_id", "_rand", "_dataset_id")
    for document in (*plain, *fast):
        for name in volatile:
            document.pop(name, None)
    assert plain == fast


def test_what_is_pushed_comes_back_as_no_edit(pair: Pair) -> None:
    before = pair.boxes()
    assert pair.pull().num_edits == 0
    assert pair.boxes() == before


def test_a_box_moved_there_moves_here_and_the_history_says_where(pair: Pair) -> None:
    pair.move_there()
    assert pair.sync().changed == 1
    moved = pair.boxes()[0]
    assert moved.box == (100.0, 50.0, 120.0, 70.0)
    assert moved.author.endswith("(FiftyOne)")
    assert pair.sync().num_edits == 0


def test_a_box_drawn_there_is_drawn_here_once(pair: Pair) -> None:
    drawn = pair.draw_there()
    assert pair.pull().created == 1
    assert pair.sync().num_edits == 0
    assert [a.uid for a in pair.boxes()][2:] == [f"fo-{drawn}"]
    assert [str(d.id) for d in pair.sample().human.detections][2:] == [drawn]


def test_a_box_without_a_class_waits_and_is_not_thrown_away(pair: Pair) -> None:
    pair.draw_there(label=None)
    pair.here(labelling.DeleteBox(pair.boxes()[0].uid))
    pair.sync()
    assert len(pair.sample().human.detections) == 3
    sample = pair.sample()
    sample.human.detections[2].label = "platelet"
    sample.save()
    pair.sync()
    assert [a.category_id for a in pair.boxes()] == [pair.cell, pair.platelet]
    assert len(pair.sample().human.detections) == 2


def test_a_box_deleted_there_goes_here_and_undo_there_brings_it_back(pair: Pair) -> None:
    before = pair.boxes()[0]
    sample = pair.sample()
    old = sample.human.detections[0]
    pair.delete_there()
    assert pair.sync().deleted == 1
    sample = pair.sample()
    sample.human.detections.append(old)
    sample.save()
    assert pair.sync().created == 1
    back = next(a for a in pair.boxes() if a.uid == before.uid)
    assert (back.id, back.box) == (before.id, before.box)


def test_a_change_here_is_no_edit_there(pair: Pair) -> None:
    uid = pair.boxes()[0].uid
    pair.here(labelling.UpdateBox(uid, box=(5.0, 5.0, 50.0, 50.0)))
    pair.move_there(place=1)  # another box of the same image
    report = pair.sync()
    assert (report.changed, report.conflicts) == (1, 0)
    assert pair.boxes()[0].box == (5.0, 5.0, 50.0, 50.0)
    assert pair.sample().human.detections[0].bounding_box[0] == pytest.approx(0.025)


def test_a_box_changed_on_both_sides_keeps_both_and_asks(pair: Pair) -> None:
    uid = pair.boxes()[0].uid
    pair.here(labelling.UpdateBox(uid, box=(5.0, 5.0, 50.0, 50.0)))
    pair.move_there()
    assert pair.sync().conflicts == 1
    with pair.workspace.database.write() as tx:
        (conflict,) = conflicts.list_open(tx)
        assert conflict.theirs == {"box": [100.0, 50.0, 120.0, 70.0], "category_id": pair.cell}
    assert pair.boxes()[0].box == (5.0, 5.0, 50.0, 50.0)
    assert len(pair.sample().conflicts.detections) == 1
    with pair.workspace.database.write() as tx:
        conflicts.settle(tx, conflict.id, ConflictChoice.BOTH, author="t", at=datetime.now(UTC))
    assert pair.sync().num_edits == 0
    assert [a.box for a in pair.boxes()][::2] == [
        (5.0, 5.0, 50.0, 50.0),
        (100.0, 50.0, 120.0, 70.0),
    ]
    assert len(pair.sample().conflicts.detections) == 0


def test_a_box_deleted_there_and_changed_here_asks_too(pair: Pair) -> None:
    uid = pair.boxes()[0].uid
    pair.here(labelling.UpdateBox(uid, box=(5.0, 5.0, 50.0, 50.0)))
    pair.delete_there()
    assert pair.sync().conflicts == 1
    with pair.workspace.database.write() as tx:
        (conflict,) = conflicts.list_open(tx)
        assert conflict.theirs is None
        conflicts.settle(tx, conflict.id, ConflictChoice.THEIRS, author="t", at=datetime.now(UTC))
    pair.sync()
    assert uid not in [a.uid for a in pair.boxes()]


def test_a_box_deleted_here_and_moved_there_can_be_taken_back(pair: Pair) -> None:
    uid = pair.boxes()[0].uid
    pair.here(labelling.DeleteBox(uid))
    pair.move_there()
    assert pair.sync().conflicts == 1
    with pair.workspace.database.write() as tx:
        (conflict,) = conflicts.list_open(tx)
        conflicts.settle(tx, conflict.id, ConflictChoice.THEIRS, author="t", at=datetime.now(UTC))
    pair.sync()
    assert next(a for a in pair.boxes() if a.uid == uid).box == (100.0, 50.0, 120.0, 70.0)


def test_a_version_that_is_not_taken_can_be_had_from_the_history(pair: Pair) -> None:
    uid = pair.boxes()[0].uid
    pair.here(labelling.UpdateBox(uid, box=(5.0, 5.0, 50.0, 50.0)))
    pair.move_there()
    pair.sync()
    with pair.workspace.database.write() as tx:
        (conflict,) = conflicts.list_open(tx)
        conflicts.settle(tx, conflict.id, ConflictChoice.HERE, author="t", at=datetime.now(UTC))
        known = [(e.author, e.after["box"]) for e in annotations.history_of(tx, uid) if e.after]
    assert ("t (FiftyOne)", [100.0, 50.0, 120.0, 70.0]) in known
    assert pair.sync() == PullReport()
    assert pair.boxes()[0].box == (5.0, 5.0, 50.0, 50.0)
    assert pair.sample().human.detections[0].bounding_box[0] == pytest.approx(0.025)


def test_a_box_that_stays_deleted_keeps_the_other_version_too(pair: Pair) -> None:
    uid = pair.boxes()[0].uid
    pair.here(labelling.DeleteBox(uid))
    pair.move_there()
    pair.sync()
    with pair.workspace.database.write() as tx:
        (conflict,) = conflicts.list_open(tx)
        conflicts.settle(tx, conflict.id, ConflictChoice.HERE, author="t", at=datetime.now(UTC))
        known = [e.after["box"] for e in annotations.history_of(tx, uid) if e.after]
    assert known[-1] == [100.0, 50.0, 120.0, 70.0]
    assert pair.sync() == PullReport()
    assert uid not in [a.uid for a in pair.boxes()]


def test_a_proposal_is_wrong_when_its_box_is_given_up_to_a_deletion_there(pair: Pair) -> None:
    targets = verdicts.targets_of_samples(pair.workspace, pair.bridge, [pair.sample(2).id])
    verdicts.accept(pair.workspace, pair.bridge, targets)
    box = pair.boxes(2)[0]
    at = datetime.now(UTC)
    with pair.workspace.database.write() as tx:
        told = {"source": "FiftyOne", "image_id": 2, "annotation_uid": box.uid}
        conflict = conflicts.note(tx, **told, theirs=None, at=at)
        conflicts.settle(tx, conflict.id, ConflictChoice.THEIRS, author="t", at=at)
        judged = predictions.get(tx, box.prediction_id or 0)
    assert judged.verdict is Verdict.REJECTED


def test_an_impossible_version_is_told_and_not_asked_about(pair: Pair) -> None:
    pair.here(labelling.UpdateBox(pair.boxes()[0].uid, box=(5.0, 5.0, 50.0, 50.0)))
    pair.move_there(bounding_box=(0.5, 0.5, 0.001, 0.001))
    report = pair.sync()
    assert (report.conflicts, len(report.refused)) == (0, 1)
    assert pair.sample().human.detections[0].bounding_box[0] == pytest.approx(0.025)


def test_an_impossible_box_is_refused_and_told(pair: Pair) -> None:
    pair.move_there(bounding_box=(0.5, 0.5, 0.001, 0.001))
    report = pair.pull()
    assert report.num_edits == 0
    assert "empty" in report.refused[0]
    assert pair.boxes()[0].box == PLACES[0]


def test_a_renamed_class_does_not_come_back_as_a_new_one(pair: Pair) -> None:
    with pair.workspace.database.write() as tx:
        categories.rename(tx, "cell", "round cell")
    pair.move_there()
    pair.sync()
    with pair.workspace.database.read() as tx:
        assert [c.name for c in categories.list_all(tx)] == ["round cell", "platelet"]
    assert pair.sample().human.detections[0].label == "round cell"


def test_a_pull_that_is_cut_off_before_it_is_noted_changes_nothing_twice(pair: Pair) -> None:
    pair.move_there()
    pair.draw_there()
    pair.pull()
    again = Bridge.open(pair.bridge.dataset.name, pair.bridge.data_dir)
    again.pulled_until = None  # as if nothing had been noted
    assert pull_edits(pair.workspace, again).num_edits == 0
    assert len(pair.boxes()) == 3


def test_accept_by_plugin_makes_a_box_at_once_and_shows_it(pair: Pair) -> None:
    first = pair.sample(2).tuned_7.detections[0]
    targets = verdicts.targets_of_labels(pair.bridge, [str(first.id)])
    assert verdicts.accept(pair.workspace, pair.bridge, targets).number == 1
    (made,) = pair.boxes(2)
    assert (made.origin, made.box) == (Origin.ACCEPTED, PLACES[0])
    sample = pair.sample(2)
    assert [d.label for d in sample.human.detections] == ["cell"]
    assert sample.tuned_7.detections[0].verdict == "accepted"


def test_reject_and_send_back_by_plugin(pair: Pair) -> None:
    ids = [str(d.id) for d in pair.sample(2).tuned_7.detections]
    targets = verdicts.targets_of_labels(pair.bridge, ids)
    assert verdicts.reject(pair.workspace, pair.bridge, targets).number == 2
    with pair.workspace.database.read() as tx:
        assert len(predictions.rejected_for_image(tx, 2)) == 2
    assert verdicts.send_back(pair.workspace, pair.bridge, targets).number == 2
    assert {d.verdict for d in pair.sample(2).tuned_7.detections} == {Verdict.PENDING.value}


def test_change_class_by_plugin_corrects_proposals_and_changes_boxes(pair: Pair) -> None:
    ids = [str(pair.sample(2).tuned_7.detections[0].id), str(pair.sample(1).human.detections[0].id)]
    targets = verdicts.targets_of_labels(pair.bridge, ids)
    assert verdicts.change_class(pair.workspace, pair.bridge, targets, "platelet").number == 2
    assert pair.boxes(1)[0].category_id == pair.platelet
    assert (pair.boxes(2)[0].category_id, pair.boxes(2)[0].origin) == (
        pair.platelet,
        Origin.CORRECTED,
    )


def test_images_are_marked_done_and_sent_back_by_plugin(pair: Pair) -> None:
    targets = verdicts.targets_of_samples(pair.workspace, pair.bridge, [pair.sample(1).id])
    verdicts.mark_done(pair.workspace, pair.bridge, targets)
    with pair.workspace.database.read() as tx:
        assert images.list_ids(tx, state=ImageFilter.REVIEWED) == [1]
    assert pair.sample(1).state == "done"
    verdicts.send_back(pair.workspace, pair.bridge, targets)
    assert pair.sample(1).state == "begun"


def test_a_verdict_takes_the_edits_of_the_image_along(pair: Pair) -> None:
    pair.move_there()
    targets = verdicts.targets_of_samples(pair.workspace, pair.bridge, [pair.sample(1).id])
    verdicts.mark_done(pair.workspace, pair.bridge, targets)
    assert pair.boxes()[0].box == (100.0, 50.0, 120.0, 70.0)


def test_proposals_that_were_judged_here_are_not_judged_again(pair: Pair) -> None:
    targets = verdicts.targets_of_samples(pair.workspace, pair.bridge, [pair.sample(2).id])
    review.reject(pair.workspace, targets.proposals[0], author="t", at=datetime.now(UTC))
    outcome = verdicts.accept(pair.workspace, pair.bridge, targets)
    assert (outcome.number, len(outcome.problems)) == (1, 1)


def test_the_views_and_what_may_be_edited_are_there(pair: Pair) -> None:
    names = pair.bridge.dataset.list_saved_views()
    assert {"needs review", "least certain", "rejected", "class cell"} <= set(names)
    assert pair.bridge.dataset.active_label_schemas == ["human"]
    assert pair.bridge.dataset.label_schemas["human"]["classes"] == ["cell", "platelet"]
    assert pair.bridge.dataset.load_saved_view("needs review").values("image_id") == [2]


def test_accepting_an_image_leaves_out_what_repeats_a_box(pair: Pair) -> None:
    pair.here(labelling.CreateBox("mine", PLACES[0], pair.cell), image_id=2)
    pair.push()
    targets = verdicts.targets_of_samples(pair.workspace, pair.bridge, [pair.sample(2).id])
    assert verdicts.accept(pair.workspace, pair.bridge, targets).number == 1
    assert [a.box for a in pair.boxes(2)] == list(PLACES)
