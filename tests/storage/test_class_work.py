"""Classes are merged, split and removed without losing a box, and each of it can be undone."""

from __future__ import annotations

import pytest

from storage import (
    annotations,
    bundles,
    categories,
    changes,
    class_work,
    predictions,
    restoring,
)
from storage.database import Transaction
from storage.errors import ConflictError
from storage.types import BundleKind, Category, NewPrediction, StoredPrediction, Verdict
from tests.storage.conftest import AT, Project

WHO = {"author": "anna", "at": AT}


def all_boxes(project: Project) -> list[tuple[str, str, tuple[float, ...]]]:
    """Uid, class name and corners of every box."""
    with project.database.read() as tx:
        names = {c.id: c.name for c in categories.list_all(tx)}
        found = annotations.for_images(tx, [image.id for image in project.images])
    return [(a.uid, names[a.category_id], a.box) for boxes in found.values() for a in boxes]


def propose(project: Project, category: Category, *boxes: tuple[float, ...]) -> int:
    """Proposals on the first image; returns the bundle's id."""
    with project.database.write() as tx:
        bundle = bundles.create(tx, name="tuned-1", kind=BundleKind.TUNED, at=AT)
        new = [NewPrediction((b[0], b[1], b[2], b[3]), category.id, 1 / 3) for b in boxes]
        image_id = project.images[0].id
        predictions.replace_for_image(
            tx, bundle_id=bundle.id, image_id=image_id, predictions=new, at=AT
        )
    return bundle.id


def proposals(project: Project) -> list[StoredPrediction]:
    with project.database.read() as tx:
        return predictions.for_image(tx, project.images[0].id)


def test_a_merge_keeps_every_box_and_proposal(project: Project) -> None:
    drawn = project.draw()
    propose(project, project.cell, (50, 50, 60, 60))
    with project.database.write() as tx:
        class_work.merge(tx, "cell", "platelet", **WHO)
        assert [c.name for c in categories.list_all(tx)] == ["platelet"]
    assert all_boxes(project) == [(drawn.uid, "platelet", drawn.box)]
    assert [p.category_id for p in proposals(project)] == [project.platelet.id]


def test_an_undone_merge_gives_each_class_its_own_boxes_back(project: Project) -> None:
    ours, theirs = project.draw(), project.draw((40, 40, 60, 60), place=1)
    with project.database.write() as tx:
        annotations.update(tx, theirs.uid, category_id=project.platelet.id, **WHO)
    propose(project, project.cell, (50, 50, 60, 60))
    before, waiting = all_boxes(project), proposals(project)
    with project.database.write() as tx:
        class_work.merge(tx, "cell", "platelet", **WHO)
    with project.database.write() as tx:
        (deed,) = history_of(tx)
        report = restoring.undo(tx, deed, **WHO)
    assert all_boxes(project) == before
    assert (report.changed, report.classes) == (1, ("cell",))
    assert proposals(project) == waiting
    assert ours.uid in {uid for uid, _, _ in before}


def test_a_removed_class_comes_back_with_boxes_verdicts_and_scores(project: Project) -> None:
    project.draw()
    propose(project, project.cell, (50, 50, 60, 60), (10, 50, 20, 60))
    with project.database.write() as tx:
        predictions.judge(tx, predictions.for_image(tx, 1)[0].id, Verdict.REJECTED, AT)
    boxes, judged = all_boxes(project), proposals(project)
    with project.database.write() as tx:
        use = class_work.remove(tx, project.cell.id, **WHO)
    assert (use.num_boxes, use.num_images, use.num_proposals) == (1, 1, 2)
    assert all_boxes(project) == proposals(project) == []
    with project.database.write() as tx:
        restoring.undo(tx, history_of(tx)[0], **WHO)
        assert categories.get(tx, project.cell.id) == project.cell
    assert all_boxes(project) == boxes
    assert proposals(project) == judged


def test_undo_can_be_undone_and_not_be_done_twice(project: Project) -> None:
    project.draw()
    before = all_boxes(project)
    with project.database.write() as tx:
        class_work.remove(tx, project.cell.id, **WHO)
        (removal,) = history_of(tx)
        restoring.undo(tx, removal, **WHO)
        with pytest.raises(ConflictError, match="undone before"):
            restoring.undo(tx, removal, **WHO)
        restoring.undo(tx, history_of(tx)[0], **WHO)
    assert all_boxes(project) == []
    with project.database.write() as tx:
        restoring.undo(tx, history_of(tx)[0], **WHO)
    assert all_boxes(project) == before


def test_a_split_moves_the_chosen_boxes_to_a_new_class(project: Project) -> None:
    first, second = project.draw(), project.draw((40, 40, 60, 60))
    with project.database.write() as tx:
        class_work.split(tx, project.cell.id, [second.uid], "large cell", **WHO)
    names = [(uid, name) for uid, name, _ in all_boxes(project)]
    assert names == [(first.uid, "cell"), (second.uid, "large cell")]
    with project.database.write() as tx:
        restoring.undo(tx, history_of(tx)[0], **WHO)
        assert categories.find(tx, "large cell") is None
    assert [name for _, name, _ in all_boxes(project)] == ["cell", "cell"]


def test_a_split_of_boxes_that_moved_on_changes_nothing(project: Project) -> None:
    first, second = project.draw(), project.draw((40, 40, 60, 60))
    with project.database.write() as tx:
        annotations.update(tx, second.uid, category_id=project.platelet.id, **WHO)
    before = all_boxes(project)
    uids = [first.uid, second.uid]
    with pytest.raises(ConflictError, match="1 of the 2"), project.database.write() as tx:
        class_work.split(tx, project.cell.id, uids, "large cell", **WHO)
    assert all_boxes(project) == before


def test_a_class_that_comes_back_under_a_taken_name_gets_a_number(project: Project) -> None:
    project.draw()
    with project.database.write() as tx:
        class_work.remove(tx, project.cell.id, **WHO)
        categories.add(tx, "Cell")
        report = restoring.undo(tx, history_of(tx)[0], **WHO)
    assert report.classes == ("cell (2)",)
    assert [name for _, name, _ in all_boxes(project)] == ["cell (2)"]


def test_boxes_edited_after_a_deed_stay_as_the_person_left_them(project: Project) -> None:
    moved, other = project.draw(), project.draw((40, 40, 60, 60))
    with project.database.write() as tx:
        class_work.merge(tx, "cell", "platelet", **WHO)
        (merge,) = history_of(tx)
        annotations.update(tx, moved.uid, box=(5, 5, 50, 50), **WHO)
        report = restoring.undo(tx, merge, **WHO)
    assert (report.changed, report.left) == (1, 1)
    found = {uid: (name, box) for uid, name, box in all_boxes(project)}
    assert found == {moved.uid: ("platelet", (5, 5, 50, 50)), other.uid: ("cell", other.box)}


def history_of(tx: Transaction) -> list[int]:
    """Ids of the deeds that can be undone, newest first."""
    return [c.id for c in changes.newest(tx, limit=50) if c.can_undo]
