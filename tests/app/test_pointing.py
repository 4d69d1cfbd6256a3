"""Boxes that were found but are not shown, for who points at an object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import labelling, review
from app.pointing import Candidate, best_at
from app.showing import SAME_OBJECT_IOU
from app.workspace import Workspace
from storage import bundles, categories, predictions, projects
from storage.boxes import intersection_over_union
from storage.types import Box, BundleKind, NewPrediction
from tests.app.blood_cells import blood_cells, now

SURE, LOW, REPEATED, FAR = (
    (50, 50, 90, 90),
    (200, 200, 260, 260),
    (202, 200, 260, 260),
    (5, 5, 30, 30),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """One image with a sure proposal, three that are below every threshold, and no human box."""
    with blood_cells(tmp_path, num_images=2, num_labelled=1) as made:
        with made.database.write() as tx:
            first, second, *_ = [category.id for category in categories.list_all(tx)]
            bundle = bundles.create(tx, name="test", kind=BundleKind.ZERO_SHOT, at=now())
            found = [
                NewPrediction(SURE, first, 0.9),
                NewPrediction(LOW, first, 0.08),
                NewPrediction(REPEATED, second, 0.06),
                NewPrediction(FAR, second, 0.05),
            ]
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=2, predictions=found, at=now()
            )
            projects.set_prelabel_bundle(tx, bundle.id)
        yield made


def offered(workspace: Workspace) -> list[Box]:
    document = labelling.image_document(workspace, 2)
    return [tuple(candidate["box"]) for candidate in document["candidates"]]


def test_what_is_below_its_threshold_is_offered_once_surest_first(workspace: Workspace) -> None:
    assert offered(workspace) == [LOW, FAR]


def test_what_a_person_boxed_or_turned_down_is_offered_no_more(workspace: Workspace) -> None:
    with workspace.database.read() as tx:
        (far,) = [p for p in predictions.for_image(tx, 2) if p.box == FAR]
        category_id = categories.list_all(tx)[0].id
    review.reject(workspace, far.id, author="tester", at=now())
    near = (201.0, 201.0, 262.0, 261.0)
    edit = labelling.CreateBox("mine", near, category_id)
    labelling.apply_edits(workspace, 2, [edit], author="tester", at=now())
    assert intersection_over_union(near, LOW) > SAME_OBJECT_IOU
    assert offered(workspace) == []


def test_nothing_is_offered_before_the_first_prelabelling(tmp_path: Path) -> None:
    with blood_cells(tmp_path, num_images=1, num_labelled=1) as fresh:
        assert labelling.image_document(fresh, 1)["candidates"] == []


def test_a_pointer_means_the_box_whose_middle_is_near() -> None:
    part, whole = Candidate((40, 40, 60, 60), 0.1), Candidate((0, 0, 100, 100), 0.1)
    shifted = Candidate((45, 0, 145, 100), 0.3)
    assert best_at([part, shifted, whole], 50, 50) in (part, whole)
    assert best_at([part, shifted, whole], 90, 52) is shifted
    assert best_at([part, shifted, whole], 150, 50) is None


def test_of_boxes_around_one_middle_a_pointer_means_the_surest() -> None:
    unsure, sure = Candidate((0, 0, 100, 100), 0.1), Candidate((2, 2, 98, 98), 0.2)
    assert best_at([unsure, sure], 50, 50) is sure
