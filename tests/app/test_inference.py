"""What a pre-labelling run stores of what it finds, on an image that a person has judged before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import review
from app.inference import news
from app.labelling import CreateBox, apply_edits
from app.workspace import Workspace
from storage import bundles, images, predictions
from storage.types import Box, BundleKind, NewPrediction
from tests.app.blood_cells import blood_cells, now

IMAGE = 2  # no person has labelled it
PLACE, THREE_QUARTERS, TWO_THIRDS, HALF = (
    (0.0, 0.0, width, 100.0) for width in (100.0, 75.0, 65.0, 55.0)
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path, num_images=2, num_labelled=1) as made:
        yield made


@pytest.fixture
def proposal(workspace: Workspace) -> int:
    """Of class 1 at PLACE, by an earlier bundle."""
    with workspace.database.write() as tx:
        bundle = bundles.create(tx, name="earlier", kind=BundleKind.IMPORTED, at=now())
        found = [NewPrediction(PLACE, 1, 0.9)]
        predictions.replace_for_image(
            tx, bundle_id=bundle.id, image_id=IMAGE, predictions=found, at=now()
        )
        return predictions.for_image(tx, IMAGE)[0].id


def is_news(workspace: Workspace, box: Box, category_id: int) -> bool:
    with workspace.database.read() as tx:
        found = [NewPrediction(box, category_id, 0.8)]
        return news(tx, images.get(tx, IMAGE), found) == found


@pytest.mark.parametrize(
    ("box", "category_id", "expected"),
    [(THREE_QUARTERS, 1, False), (TWO_THIRDS, 1, True), (THREE_QUARTERS, 2, True)],
)
def test_a_rejection_holds_for_its_class_and_place(
    workspace: Workspace, proposal: int, box: Box, category_id: int, expected: bool
) -> None:
    review.reject(workspace, proposal, author="tester", at=now())
    assert is_news(workspace, box, category_id) is expected


@pytest.mark.parametrize(
    ("box", "category_id", "expected"),
    [
        (THREE_QUARTERS, 1, False),  # the class that was wrong
        (TWO_THIRDS, 1, True),
        (TWO_THIRDS, 2, False),  # the class that it was given: there is a box of it
        (THREE_QUARTERS, 3, True),
    ],
)
def test_a_class_that_was_corrected_is_not_proposed_over_the_box(
    workspace: Workspace, proposal: int, box: Box, category_id: int, expected: bool
) -> None:
    review.correct(
        workspace, proposal, uid="mended", box=PLACE, category_id=2, author="tester", at=now()
    )
    assert is_news(workspace, box, category_id) is expected


def test_a_rejection_holds_beside_the_box_that_a_person_drew_instead(
    workspace: Workspace, proposal: int
) -> None:
    review.reject(workspace, proposal, author="tester", at=now())
    edit = CreateBox("better", HALF, 1)
    apply_edits(workspace, IMAGE, [edit], author="tester", at=now())
    longer = (0.0, 0.0, 120.0, 100.0)  # overlaps the box by .46, what was rejected by .83

    assert not is_news(workspace, longer, 1)
