"""Proposals are shown only where they have been seen to save time."""

from __future__ import annotations

from pathlib import Path

from app.evidence import keep
from app.measuring import HeldOut, Measured
from app.paying import HIDDEN, show_what_pays, what_pays
from app.queueing import Costs
from app.review_queue import queue
from app.showing import SUREST, Surest, set_thresholds
from storage import bundles, categories, images, predictions, projects, review_settings
from storage.types import BundleKind, ImageFilter, NewPrediction
from tests.app.blood_cells import blood_cells, now

CELL, BOARD = 1, 2


def seen(*rows: tuple[int, float, float], category_id: int = CELL) -> HeldOut:
    """(image, score, IoU with the object that was found, 0 for none)."""
    return HeldOut(tuple(Measured(image, category_id, score, iou) for image, score, iou in rows))


def from_score(known: HeldOut, which: int | Surest, costs: Costs | None = None) -> float:
    """From which score it is shown."""
    score = what_pays(known, [CELL, BOARD], costs or Costs())[which]
    return HIDDEN if score is None else score


def test_without_evidence_nothing_is_shown() -> None:
    assert what_pays(HeldOut(), [CELL], Costs()) == {SUREST: None, CELL: HIDDEN}


def test_one_lucky_image_is_corrected_by_the_next_ones() -> None:
    lucky = seen((0, 0.8, 0.9), (0, 0.6, 0.9))
    wrong = [(image, score, 0.0) for image in range(1, 13) for score in (0.8, 0.6)]
    assert from_score(lucky, CELL) < 0.6
    assert from_score(lucky + seen(*wrong), CELL) == HIDDEN


def test_right_proposals_are_shown_and_the_wrong_ones_below_are_not() -> None:
    known = beside_a_sure_one((0.6, 0.9), (0.3, 0.0), num_images=12)
    assert 0.3 < from_score(known, CELL) <= 0.6


def test_any_number_of_wrong_ones_below_hides_none_of_the_right_ones() -> None:
    rows = [(0.01 + 0.0001 * n, 0.0) for n in range(100)]
    assert from_score(beside_a_sure_one((0.6, 0.9), *rows, num_images=12), CELL) <= 0.6


def test_proposals_that_are_mostly_wrong_are_hidden() -> None:
    rows = [(image, 0.8, 0.9 if image % 12 == 0 else 0.0) for image in range(60)]
    assert from_score(seen(*rows), CELL) > 0.8
    assert from_score(seen(*rows), SUREST) > 0.8


def test_what_only_must_be_mended_pays_while_mending_is_cheaper_than_drawing() -> None:
    loose = seen(*((image, 0.8, 0.6) for image in range(20)))
    assert from_score(loose, SUREST, Costs(fix_s=4.0)) < 0.8
    assert from_score(loose, SUREST, Costs(fix_s=8.0)) == HIDDEN


def beside_a_sure_one(
    *rows: tuple[float, float], num_images: int, category_id: int = CELL
) -> HeldOut:
    """On each image a cell of .95 that is right, and beside it (score, IoU) of a class."""
    sure = [Measured(image, CELL, 0.95, 0.9) for image in range(num_images)]
    beside = [
        Measured(image, category_id, score, iou)
        for image in range(num_images)
        for score, iou in rows
    ]
    return HeldOut((*sure, *beside))


def test_a_class_that_was_never_seen_is_shown_as_all_are() -> None:
    known = beside_a_sure_one((0.6, 0.9), (0.4, 0.0), num_images=12)
    assert from_score(known, BOARD) == from_score(known, CELL) <= 0.6


def test_a_class_of_which_the_detector_is_less_sure_is_shown_from_lower_scores() -> None:
    cells = beside_a_sure_one((0.8, 0.9), (0.6, 0.0), num_images=12)
    boards = beside_a_sure_one((0.4, 0.9), (0.2, 0.0), num_images=12, category_id=BOARD)
    known = HeldOut((*cells.proposals, *boards.proposals))
    assert from_score(known, BOARD) < from_score(known, CELL)


def test_a_class_that_was_wrong_often_enough_is_not_shown_for_the_sake_of_others() -> None:
    right = beside_a_sure_one((0.6, 0.9), (0.4, 0.0), num_images=12)
    wrong = beside_a_sure_one((0.6, 0.0), num_images=20, category_id=BOARD)
    known = HeldOut((*right.proposals, *wrong.proposals))
    assert from_score(known, CELL) <= 0.6
    assert from_score(known, BOARD) > 0.6


def sure_images(*, num_images: int, least: float, beside: float = 0.0) -> HeldOut:
    """One right proposal an image, of scores down to `least`, and five wrong ones of the score `beside` it."""
    scores = [least + (0.9 - least) * image / num_images for image in range(num_images)]
    rows = [(image, score, 0.9) for image, score in enumerate(scores)]
    rows += [(image, beside, 0.0) for image in range(num_images) if beside for _ in range(5)]
    return seen(*rows)


def test_the_surest_of_an_image_is_shown_below_all_that_was_seen() -> None:
    assert from_score(sure_images(num_images=20, least=0.3), SUREST) < 0.2


def test_the_surest_are_hidden_where_they_have_been_wrong() -> None:
    wrong = seen(*((image, 0.5 + image / 50, 0.0) for image in range(20)))
    assert from_score(wrong, SUREST) > 0.8


def test_faint_ones_that_were_wrong_end_the_showing_where_they_lie() -> None:
    sure = sure_images(num_images=20, least=0.3)
    wrong = seen(*((100 + image, 0.15, 0.0) for image in range(20)))
    known = HeldOut((*sure.proposals, *wrong.proposals))
    assert from_score(sure, SUREST) < 0.15 < from_score(known, SUREST) < 0.3


def test_what_stands_beside_something_surer_has_chances_of_its_own() -> None:
    known = sure_images(num_images=20, least=0.3, beside=0.25)
    assert from_score(known, CELL) > 0.25 > from_score(known, SUREST)


def test_images_that_hold_more_than_one_object_show_what_lies_beside_the_surest() -> None:
    rows = [(n, score, 0.9) for n in range(10) for score in (0.8, 0.4, 0.3)]
    assert from_score(seen(*rows), CELL) <= 0.3


def test_who_moves_a_slider_no_longer_keeps_to_what_pays(tmp_path: Path) -> None:
    with blood_cells(tmp_path, num_images=3, num_labelled=2) as workspace:
        with workspace.database.write() as tx:
            bundle = bundles.create(tx, name="b", kind=BundleKind.TUNED, at=now())
            projects.set_prelabel_bundle(tx, bundle.id)
        for act, keeps in (
            (lambda: show_what_pays(workspace, now()), True),
            (lambda: set_thresholds(workspace, {SUREST: 0.3}, now()), False),
        ):
            act()
            with workspace.database.read() as tx:
                assert review_settings.get(tx).keeps_to_what_pays is keeps


def test_what_does_not_pay_leaves_the_queue_and_what_does_comes_back(tmp_path: Path) -> None:
    with blood_cells(tmp_path, num_images=5, num_labelled=2) as workspace:
        with workspace.database.write() as tx:
            bundle = bundles.create(tx, name="b", kind=BundleKind.TUNED, at=now())
            (waiting, *_) = images.list_ids(tx, state=ImageFilter.UNREVIEWED)
            (first, *_) = categories.list_all(tx)
            found = [NewPrediction((10.0, 10.0, 90.0, 90.0), first.id, 0.7)]
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=waiting, predictions=found, at=now()
            )
            projects.set_prelabel_bundle(tx, bundle.id)
        show_what_pays(workspace, now())
        assert queue(workspace) == []
        with workspace.database.write() as tx:
            known = images.list_ids(tx, state=ImageFilter.ALL)
            rows = [(image_id, 0.6, 0.9) for image_id in known for _ in range(4)]
            proof = HeldOut(
                seen(*rows, category_id=first.id).proposals, {(i, first.id): 4 for i in known}
            )
            keep(tx, bundle.id, proof)
        show_what_pays(workspace, now())
        assert [item.image_id for item in queue(workspace)] == [waiting]
