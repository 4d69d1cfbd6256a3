"""What is shown of the stored proposals follows thresholds and merging, and every row stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage import bundles, predictions, shown
from storage.merging import leaders
from storage.shown import Showing
from storage.types import BundleKind, NewPrediction, Verdict
from tests.storage.conftest import AT, Project

BIG, ALIKE, INSIDE, FAR = (
    (10.0, 10.0, 50.0, 50.0),
    (11.0, 11.0, 51.0, 51.0),
    (12.0, 12.0, 34.0, 34.0),  # a quarter of BIG, and within it
    (60.0, 60.0, 80.0, 80.0),
)


@pytest.fixture
def showing(project: Project) -> Showing:
    """A cell, the same object called a platelet, a piece of the cell, and a far unsure cell."""
    cell, platelet = project.cell.id, project.platelet.id
    with project.database.write() as tx:
        bundle = bundles.create(tx, name="b", kind=BundleKind.IMPORTED, at=AT)
        proposals = [
            NewPrediction(BIG, cell, 0.9),
            NewPrediction(ALIKE, platelet, 0.8),
            NewPrediction(INSIDE, cell, 0.7),
            NewPrediction(FAR, cell, 0.2),
        ]
        predictions.replace_for_image(
            tx,
            bundle_id=bundle.id,
            image_id=project.images[0].id,
            predictions=proposals,
            at=AT,
        )
    return Showing(bundle.id)


def scores(project: Project, showing: Showing) -> list[float]:
    with project.database.read() as tx:
        return [p.score for p in shown.for_image(tx, project.images[0].id, showing)]


def test_duplicates_of_any_class_are_merged_and_come_back(
    project: Project, showing: Showing
) -> None:
    assert scores(project, showing) == [0.9, 0.2]
    assert scores(project, replace(showing, merges_duplicates=False)) == [0.9, 0.8, 0.7, 0.2]


def test_a_threshold_holds_for_its_class_alone(project: Project, showing: Showing) -> None:
    strict = replace(showing, thresholds={project.cell.id: 0.5}, merges_duplicates=False)

    assert scores(project, strict) == [0.9, 0.8, 0.7]


def test_what_a_hidden_proposal_led_shows_again(project: Project, showing: Showing) -> None:
    no_cells = replace(showing, thresholds={project.cell.id: 0.95})

    assert scores(project, no_cells) == [0.8]


def test_a_rejected_leader_gives_way_to_another_class_but_not_to_its_own(
    project: Project, showing: Showing
) -> None:
    with project.database.write() as tx:
        surest = shown.for_image(tx, project.images[0].id, showing)[0]
        predictions.judge(tx, surest.id, Verdict.REJECTED, AT)

    assert scores(project, showing) == [0.8, 0.2]


def test_the_surest_of_an_image_has_a_score_of_its_own(project: Project, showing: Showing) -> None:
    nothing = replace(showing, otherwise=0.95)
    guessed = replace(nothing, surest_from=0.5)

    assert scores(project, nothing) == []
    assert scores(project, guessed) == [0.9]
    with project.database.read() as tx:
        assert shown.num_guesses(tx, guessed) == 1
        assert shown.num_guesses(tx, replace(showing, surest_from=0.5)) == 0  # shown by its class
        assert shown.surest_counts(tx, showing.bundle_id) == {90: 1}
        assert [p.is_surest for p in shown.waiting(tx, guessed)] == [True]


def test_no_other_becomes_the_guess_of_an_image_whose_surest_was_wrong(
    project: Project, showing: Showing
) -> None:
    guessed = replace(showing, otherwise=0.95, surest_from=0.1)
    with project.database.write() as tx:
        (surest,) = shown.for_image(tx, project.images[0].id, guessed)
        predictions.judge(tx, surest.id, Verdict.REJECTED, AT)

    assert scores(project, guessed) == []


def test_the_counts_agree_with_what_is_shown(project: Project, showing: Showing) -> None:
    with project.database.read() as tx:
        found = shown.counts(tx, showing)
        waiting = shown.waiting(tx, showing)
        bins = shown.score_counts(tx, showing.bundle_id)

    assert found == {project.cell.id: (2, 1)}
    assert sorted(p.score for p in waiting) == [0.2, 0.9]
    assert bins == {project.cell.id: {90: 1, 70: 1, 20: 1}, project.platelet.id: {80: 1}}


def test_a_detail_of_another_class_is_an_object_of_its_own() -> None:
    assert leaders([BIG, INSIDE], [1, 2]) == [None, None]
    assert leaders([BIG, INSIDE], [1, 1]) == [None, 0]


def test_a_second_run_merges_with_what_was_accepted(project: Project, showing: Showing) -> None:
    with project.database.write() as tx:
        surest = shown.for_image(tx, project.images[0].id, showing)[0]
        predictions.judge(tx, surest.id, Verdict.ACCEPTED, AT)
        predictions.replace_for_image(
            tx,
            bundle_id=showing.bundle_id,
            image_id=project.images[0].id,
            predictions=[NewPrediction(ALIKE, project.platelet.id, 0.99)],
            at=AT,
        )

    assert scores(project, showing) == []
