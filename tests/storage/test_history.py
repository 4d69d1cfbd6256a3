"""Going back in time: nothing is lost, whatever a person does."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from storage import (
    annotations,
    bundles,
    categories,
    changes,
    class_work,
    differences,
    images,
    machine_boxes,
    predictions,
    restoring,
    timeline,
)
from storage.database import Transaction
from storage.errors import NotFoundError
from storage.history_types import BoxFate, Point
from storage.types import (
    Annotation,
    BundleKind,
    Category,
    NewPrediction,
    Origin,
    StoredPrediction,
    Verdict,
)
from tests.storage.conftest import AT, Project

WHO = {"author": "anna", "at": AT}
Everything = tuple[list[tuple[Any, ...]], list[Category], list[list[StoredPrediction]]]


def everything(tx: Transaction) -> Everything:
    """Boxes, classes, proposals and marks as they are; revisions and times of change aside."""
    ids = [1, 2]
    boxes = annotations.for_images(tx, ids)
    return (
        [
            (a.id, a.uid, a.box, a.category_id, a.origin, a.prediction_id, a.created_at)
            for image_id in ids
            for a in boxes[image_id]
        ],
        categories.list_all(tx),
        [predictions.for_image(tx, image_id) for image_id in ids],
    )


def propose(tx: Transaction, project: Project, *, name: str = "tuned-1") -> int:
    bundle = bundles.create(tx, name=name, kind=BundleKind.TUNED, at=AT)
    new = [
        NewPrediction((10.0 * i, 50, 10.0 * i + 8, 60), project.cell.id, 0.1 * i) for i in (1, 2, 3)
    ]
    for image in project.images:
        predictions.replace_for_image(
            tx, bundle_id=bundle.id, image_id=image.id, predictions=new, at=AT
        )
    return bundle.id


def accept(tx: Transaction, prediction_id: int, *, origin: Origin = Origin.ACCEPTED) -> Annotation:
    proposal = predictions.get(tx, prediction_id)
    verdict = Verdict.ACCEPTED if origin is Origin.ACCEPTED else Verdict.CORRECTED
    predictions.judge(tx, prediction_id, verdict, AT)
    return annotations.create(
        tx,
        uid=uuid4().hex,
        image_id=proposal.image_id,
        box=proposal.box,
        category_id=proposal.category_id,
        origin=origin,
        prediction_id=prediction_id,
        **WHO,
    )


def test_an_image_goes_back_and_forth(project: Project) -> None:
    kept, gone, other = project.draw(), project.draw((40, 40, 60, 60)), project.draw(place=1)
    with project.database.write() as tx:
        point, before = changes.now(tx), everything(tx)
        annotations.update(tx, kept.uid, box=(5, 5, 9, 9), **WHO)
        annotations.delete(tx, gone.uid, **WHO)
    project.draw((20, 20, 30, 30))
    with project.database.write() as tx:
        annotations.update(tx, other.uid, box=(6, 6, 9, 9), **WHO)
        later = changes.now(tx)
        there = everything(tx)
        report = restoring.restore_image(tx, kept.image_id, point, name="it", **WHO)
        assert (report.added, report.removed, report.changed) == (1, 1, 1)
        annotations.update(tx, other.uid, box=other.box, **WHO)
        assert everything(tx) == before
        restoring.restore_project(tx, later, name="later", **WHO)
        assert everything(tx) == there


def test_restoring_adds_to_the_history_and_takes_nothing_out(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        before = annotations.events(tx)
        restoring.restore_project(tx, Point(0, 0), name="the start", **WHO)
        after = annotations.events(tx)
    assert after[: len(before)] == before
    (new,) = after[len(before) :]
    assert (new.action, new.author, new.annotation_uid) == ("delete", "anna", drawn.uid)


def test_a_restored_box_is_newer_than_every_version_before(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        point = changes.now(tx)
        annotations.update(tx, drawn.uid, box=(5, 5, 9, 9), **WHO)
        annotations.delete(tx, drawn.uid, **WHO)
        restoring.restore_project(tx, point, name="it", **WHO)
        back = annotations.for_image(tx, drawn.image_id)
    assert [(a.id, a.box, a.author, a.revision) for a in back] == [
        (drawn.id, drawn.box, drawn.author, 3)
    ]


def test_the_project_goes_back_over_merges_removals_and_verdicts(project: Project) -> None:
    project.draw()
    with project.database.write() as tx:
        propose(tx, project)
        accept(tx, 1)
        predictions.judge(tx, 2, Verdict.REJECTED, AT)
        point, before = changes.now(tx), everything(tx)
        class_work.merge(tx, "cell", "platelet", **WHO)
        class_work.remove(tx, project.platelet.id, **WHO)
        categories.add(tx, "new")
        gone = everything(tx)
        restoring.restore_project(tx, point, name="it", **WHO)
        categories_now = [c.name for c in categories.list_all(tx)]
        assert sorted(categories_now) == ["cell", "new", "platelet"]
        back = everything(tx)
        assert (back[0], back[2]) == (before[0], before[2])
        restoring.undo(tx, changes.newest(tx, limit=1)[0].id, **WHO)
        assert everything(tx) == gone


def test_an_image_restored_over_a_merge_takes_part_in_the_merge(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        point = changes.now(tx)
        annotations.delete(tx, drawn.uid, **WHO)
        class_work.merge(tx, "cell", "platelet", **WHO)
        restoring.restore_image(tx, drawn.image_id, point, name="it", **WHO)
        (back,) = annotations.for_image(tx, drawn.image_id)
    assert (back.uid, back.category_id) == (drawn.uid, project.platelet.id)


def test_an_accepted_box_that_is_taken_back_lets_its_proposal_wait_again(project: Project) -> None:
    with project.database.write() as tx:
        propose(tx, project)
        point = changes.now(tx)
        accept(tx, 1)
        restoring.restore_project(tx, point, name="it", **WHO)
        assert predictions.get(tx, 1).verdict is Verdict.PENDING
        restoring.undo(tx, changes.newest(tx, limit=1)[0].id, **WHO)
        assert predictions.get(tx, 1).verdict is Verdict.ACCEPTED


def test_an_image_whose_boxes_go_back_is_not_done_any_more(project: Project) -> None:
    with project.database.write() as tx:
        point = changes.now(tx)
    drawn = project.draw()
    with project.database.write() as tx:
        images.mark_reviewed(tx, drawn.image_id, AT)
        report = restoring.restore_project(tx, point, name="it", **WHO)
        assert report.undone_marks == 1
        assert images.get(tx, drawn.image_id).reviewed_at is None
        restoring.undo(tx, changes.newest(tx, limit=1)[0].id, **WHO)
        assert images.get(tx, drawn.image_id).reviewed_at == AT


def test_an_image_that_was_done_with_the_boxes_it_has_again_stays_done(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        images.mark_reviewed(tx, drawn.image_id, AT)
        point = changes.now(tx)
        class_work.remove(tx, project.cell.id, **WHO)
        assert restoring.restore_project(tx, point, name="it", **WHO).undone_marks == 0
        assert images.get(tx, drawn.image_id).reviewed_at == AT
        assert len(annotations.for_image(tx, drawn.image_id)) == 1


def test_an_undone_import_leaves_no_image_done_without_boxes(project: Project) -> None:
    image_id = project.images[0].id
    row = {"uid": "u", "image_id": image_id, "category_id": project.cell.id, "origin": "imported"}
    with project.database.write() as tx:
        annotations.create_many(tx, [{**row, "box": (1.0, 1.0, 9.0, 9.0)}], **WHO)
        images.mark_reviewed(tx, image_id, AT)
        restoring.undo(tx, changes.newest(tx, limit=1)[0].id, **WHO)
        assert annotations.for_image(tx, image_id) == []
        assert images.get(tx, image_id).reviewed_at is None


def test_proposals_that_a_newer_run_replaced_do_not_come_back(project: Project) -> None:
    with project.database.write() as tx:
        bundle_id = propose(tx, project)
        machine_boxes.remove(tx, bundle_id, with_accepted=False, **WHO)
        later = AT + timedelta(hours=1)
        new = [NewPrediction((11, 50, 18, 60), project.cell.id, 0.5)]
        predictions.replace_for_image(
            tx, bundle_id=bundle_id, image_id=1, predictions=new, at=later
        )
        restoring.undo(tx, changes.newest(tx, limit=1)[0].id, **WHO)
        assert [len(predictions.for_image(tx, image_id)) for image_id in (1, 2)] == [1, 3]


def test_machine_boxes_go_alone_and_come_back(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        bundle_id = propose(tx, project)
        other_id = propose(tx, project, name="tuned-2")
        accept(tx, 1)
        corrected = accept(tx, 2, origin=Origin.CORRECTED)
        predictions.judge(tx, 3, Verdict.REJECTED, AT)
        before = everything(tx)
        found, _ = machine_boxes.remove(tx, bundle_id, with_accepted=True, **WHO)
        assert (found.pending, found.accepted, found.num_images) == (3, 1, 2)
        left = {a.uid for a in annotations.for_image(tx, drawn.image_id)}
        assert left == {drawn.uid, corrected.uid}
        counts = predictions.counts(tx, bundle_id)
        assert (counts.total, counts.rejected, counts.corrected) == (2, 1, 1)
        assert predictions.counts(tx, other_id).pending == 6
        restoring.undo(tx, changes.newest(tx, limit=1)[0].id, **WHO)
        assert everything(tx) == before


def test_without_asking_for_it_accepted_boxes_stay(project: Project) -> None:
    with project.database.write() as tx:
        bundle_id = propose(tx, project)
        box = accept(tx, 1)
        machine_boxes.remove(tx, bundle_id, with_accepted=False, **WHO)
        assert annotations.for_image(tx, box.image_id) == [box]
        assert predictions.counts(tx, bundle_id).pending == 0


def test_a_difference_tells_what_became_of_each_box(project: Project) -> None:
    moved, reclassed, gone = (project.draw((10.0 * i, 1, 10.0 * i + 8, 9)) for i in (1, 2, 3))
    with project.database.write() as tx:
        a = changes.now(tx)
        annotations.update(tx, moved.uid, box=(1, 1, 9, 9), **WHO)
        annotations.update(tx, reclassed.uid, category_id=project.platelet.id, **WHO)
        annotations.delete(tx, gone.uid, **WHO)
    added, fleeting = project.draw(place=1), project.draw((2, 2, 4, 4), place=1)
    with project.database.write() as tx:
        annotations.delete(tx, fleeting.uid, **WHO)
        found = differences.difference(tx, a, changes.now(tx))
        back = differences.difference(tx, changes.now(tx), a)
        boxes = differences.boxes_of_image(tx, moved.image_id, a, changes.now(tx))
    total = found.total
    assert (total.added, total.removed, total.moved, total.reclassed) == (1, 1, 1, 1)
    assert [(i.relative_path, i.added, i.removed) for i in found.images] == [
        ("a/one.jpg", 0, 1),
        ("two.jpg", 1, 0),
    ]
    assert (back.total.added, back.total.removed, found.num_images) == (1, 1, 2)
    assert {b.uid: b.fates for b in boxes} == {
        moved.uid: (BoxFate.MOVED,),
        reclassed.uid: (BoxFate.RECLASSED,),
        gone.uid: (BoxFate.REMOVED,),
    }
    assert added.image_id == found.images[1].image_id


def test_a_merge_shows_as_reclassed_boxes_that_did_not_move(project: Project) -> None:
    project.draw((1.125, 2.001, 30.999, 40.5))
    with project.database.write() as tx:
        a = changes.now(tx)
        class_work.merge(tx, "cell", "platelet", **WHO)
        total = differences.difference(tx, a, changes.now(tx)).total
    assert (total.added, total.removed, total.moved, total.reclassed) == (0, 0, 0, 1)


def test_the_timeline_shows_deeds_and_edits_in_one_go(project: Project) -> None:
    project.draw()
    project.draw((40, 40, 60, 60), place=1)
    with project.database.write() as tx:
        class_work.merge(tx, "cell", "platelet", **WHO)
        changes.name_point(tx, "before lunch", **WHO)
        annotations.delete(tx, annotations.for_image(tx, 1)[0].uid, **WHO)
        lines = timeline.entries(tx)
        first, rest = (
            timeline.entries(tx, limit=1),
            timeline.entries(tx, until=timeline.entries(tx, limit=1)[-1].point_before),
        )
    told = [(line.author, line.text, line.num_boxes, line.num_images) for line in lines]
    assert told == [
        ("anna", "Deleted 1", 1, 1),
        ("anna", "before lunch", 0, 0),
        ("anna", "Merged 'cell' into 'platelet'", 2, 2),
        ("tester", "Drew 2", 2, 2),
    ]
    assert first + rest == lines


def test_a_pause_begins_a_new_line(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        later = AT + timedelta(hours=1)
        annotations.update(tx, drawn.uid, box=(5, 5, 9, 9), author="tester", at=later)
        lines = timeline.entries(tx)
    assert [line.text for line in lines] == ["Changed 1", "Drew 1"]


def test_points_are_found_by_name_time_and_number(project: Project) -> None:
    project.draw()
    with project.database.write() as tx:
        named = changes.name_point(tx, "before lunch", **WHO).point
        assert changes.parsed_point(tx, "before lunch") == named
        assert changes.parsed_point(tx, str(named)) == named
        assert changes.parsed_point(tx, "2026-01-02T03:04:06") == named
        assert changes.parsed_point(tx, "2026-01-02T03:04:04") == Point(0, 0)
        with pytest.raises(NotFoundError, match="no point in the history"):
            changes.parsed_point(tx, "yesterday")
        with pytest.raises(NotFoundError, match="ahead of the history"):
            changes.parsed_point(tx, "99.0")


def test_nobody_ever_saw_half_of_a_deed(project: Project) -> None:
    project.draw()
    project.draw((40, 40, 60, 60))
    with project.database.write() as tx:
        class_work.merge(tx, "cell", "platelet", **WHO)
        merged = changes.now(tx)
        assert changes.parsed_point(tx, "3.0") == merged
        assert changes.parsed_point(tx, f"2.{merged.change_id}") == Point(2, 0)


@pytest.mark.parametrize("seed", range(10))
def test_every_moment_of_a_random_life_can_be_had_again(project: Project, seed: int) -> None:
    chance = random.Random(seed)
    with project.database.write() as tx:
        propose(tx, project)
        moments = [(changes.now(tx), everything(tx))]
        for _ in range(25):
            live_a_little(tx, chance)
            moments.append((changes.now(tx), everything(tx)))
        for _ in range(12):
            point, was = chance.choice(moments)
            restoring.restore_project(tx, point, name="it", **WHO)
            now = everything(tx)
            assert (now[0], now[2]) == (was[0], was[2])
            assert [c for c in was[1] if c not in now[1]] == []  # classes added since may stay
            moments.append((changes.now(tx), now))


def live_a_little(tx: Transaction, chance: random.Random) -> None:
    """One thing that a person may do."""
    boxes = [a for image_id in (1, 2) for a in annotations.for_image(tx, image_id)]
    classes = categories.list_all(tx)
    deed = chance.choice(("draw", "draw", "move", "delete", "merge", "remove", "split", "undo"))
    if deed == "draw" or len(classes) < 2:
        category = categories.add(tx, uuid4().hex) if len(classes) < 2 else chance.choice(classes)
        x = float(chance.randint(0, 60))
        annotations.create(
            tx,
            uid=uuid4().hex,
            image_id=chance.choice((1, 2)),
            box=(x, x, x + 5, x + 5.125),
            category_id=category.id,
            origin=Origin.DRAWN,
            **WHO,
        )
    elif deed == "move" and boxes:
        x = float(chance.randint(0, 60))
        annotations.update(tx, chance.choice(boxes).uid, box=(x, 1, x + 9, 9.5), **WHO)
    elif deed == "delete" and boxes:
        annotations.delete(tx, chance.choice(boxes).uid, **WHO)
    elif deed == "merge":
        source, into = chance.sample(classes, 2)
        class_work.merge(tx, source.name, into.name, **WHO)
    elif deed == "remove":
        class_work.remove(tx, chance.choice(classes).id, **WHO)
    elif deed == "split" and boxes:
        box = chance.choice(boxes)
        class_work.split(tx, box.category_id, [box.uid], uuid4().hex, **WHO)
    elif deed == "undo":
        for change in changes.newest(tx, limit=3):
            if change.can_undo:
                restoring.undo(tx, change.id, **WHO)
                return
