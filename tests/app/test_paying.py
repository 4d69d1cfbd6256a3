"""Proposals are shown only where they have been seen to save time."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.evidence import keep
from app.measuring import HeldOut, Measured
from app.paying import HIDDEN, paying_guess, paying_thresholds, show_what_pays, what_pays
from app.queueing import Costs
from app.review_queue import queue
from app.showing import SUREST, set_thresholds
from storage import bundles, categories, images, predictions, projects, review_settings
from storage.types import BundleKind, ImageFilter, NewPrediction
from tests.app.blood_cells import blood_cells, now

CELL, BOARD = 1, 2


def seen(*rows: tuple[int, float, float], category_id: int = CELL) -> HeldOut:
    """(image, score, IoU with the object that was found, 0 for none)."""
    return HeldOut(tuple(Measured(image, category_id, score, iou) for image, score, iou in rows))


def right_above(score: float, *, num_images: int, category_id: int = CELL) -> HeldOut:
    """On each image two proposals: one right, and a surely wrong one below `score`."""
    rows = [(image, score + 0.1, 0.9) for image in range(num_images)]
    rows += [(image, score - 0.1, 0.0) for image in range(num_images)]
    return seen(*rows, category_id=category_id)


def test_without_evidence_nothing_is_shown() -> None:
    assert paying_thresholds(HeldOut(), [CELL], Costs()) == {CELL: HIDDEN}


def test_one_lucky_image_proves_nothing() -> None:
    assert paying_thresholds(right_above(0.5, num_images=1), [CELL], Costs()) == {CELL: HIDDEN}


def test_many_right_proposals_are_shown_and_the_wrong_ones_below_are_not() -> None:
    chosen = paying_thresholds(right_above(0.5, num_images=12), [CELL], Costs())
    assert chosen[CELL] == pytest.approx(0.5)  # nobody saw what lies between


def test_any_number_of_wrong_ones_below_hides_none_of_the_right_ones() -> None:
    junk = seen(*((image, 0.01 + 0.0001 * n, 0.0) for image in range(12) for n in range(100)))
    chosen = paying_thresholds(right_above(0.5, num_images=12) + junk, [CELL], Costs())
    assert chosen[CELL] == pytest.approx(0.5)


def test_proposals_that_are_mostly_wrong_are_hidden() -> None:
    rows = [(image, 0.9, 0.9 if image % 12 == 0 else 0.0) for image in range(60)]
    assert paying_thresholds(seen(*rows), [CELL], Costs()) == {CELL: HIDDEN}


def test_what_only_must_be_mended_pays_while_mending_is_cheaper_than_drawing() -> None:
    loose = seen(*((image, 0.8, 0.6) for image in range(20)))
    assert paying_thresholds(loose, [CELL], Costs(fix_s=4.0))[CELL] < HIDDEN
    assert paying_thresholds(loose, [CELL], Costs(fix_s=8.0))[CELL] == HIDDEN


def test_a_rare_class_is_judged_together_with_all_others() -> None:
    known = right_above(0.5, num_images=12)
    rare = seen((50, 0.7, 0.9), category_id=BOARD)
    chosen = paying_thresholds(known + rare, [CELL, BOARD], Costs())
    assert chosen[BOARD] < HIDDEN


def test_a_rare_class_of_which_the_detector_is_less_sure_is_shown_from_its_own_scores() -> None:
    known = right_above(0.8, num_images=12)
    rare = right_above(0.4, num_images=4, category_id=BOARD)
    chosen = paying_thresholds(known + rare, [CELL, BOARD], Costs())
    assert chosen[CELL] == pytest.approx(0.8)
    assert chosen[BOARD] == pytest.approx(0.4)


def test_a_class_that_was_wrong_often_enough_is_not_shown_for_the_sake_of_others() -> None:
    known = right_above(0.5, num_images=12)
    wrong = seen(*((image, 0.7, 0.0) for image in range(10)), category_id=BOARD)
    assert paying_thresholds(known + wrong, [CELL, BOARD], Costs())[BOARD] == HIDDEN


def test_a_known_class_that_fails_is_hidden_beside_one_that_pays() -> None:
    rows = [(100 + image, 0.9, 0.6 if image < 8 else 0.0) for image in range(80)]
    failing = seen(*rows, category_id=BOARD)
    chosen = paying_thresholds(right_above(0.5, num_images=12) + failing, [CELL, BOARD], Costs())
    assert chosen[CELL] < HIDDEN
    assert chosen[BOARD] == HIDDEN


def sure_images(*, num_images: int, least: float, beside: float = 0.0) -> HeldOut:
    """One right proposal an image, of scores down to `least`, and five wrong ones of the score `beside` it."""
    scores = [least + (0.9 - least) * image / num_images for image in range(num_images)]
    rows = [(image, score, 0.9) for image, score in enumerate(scores)]
    rows += [(image, beside, 0.0) for image in range(num_images) if beside for _ in range(5)]
    return seen(*rows)


def test_the_surest_of_an_image_is_guessed_at_below_all_that_was_seen() -> None:
    guess = paying_guess(sure_images(num_images=20, least=0.3), Costs())
    assert guess is not None
    assert guess < 0.2


def test_nobody_guesses_where_the_surest_have_been_wrong() -> None:
    wrong = seen(*((image, 0.5 + image / 50, 0.0) for image in range(20)))
    guess = paying_guess(wrong, Costs())
    assert guess is None or guess > 0.8
    assert paying_guess(sure_images(num_images=1, least=0.3), Costs()) is None  # too few to say


def test_faint_ones_that_were_wrong_end_the_guessing_where_they_lie() -> None:
    sure = sure_images(num_images=20, least=0.3)
    wrong = seen(*((100 + image, 0.15, 0.0) for image in range(20)))
    before, after = (paying_guess(known, Costs()) for known in (sure, sure + wrong))
    assert before is not None
    assert after is not None
    assert before < 0.15 < after < 0.3


def test_what_stands_beside_something_surer_must_pay_by_itself() -> None:
    scores = what_pays(sure_images(num_images=20, least=0.3, beside=0.25), [CELL], Costs())
    assert scores[CELL] == HIDDEN
    surest = scores[SUREST]
    assert surest is not None
    assert surest < 0.25


def test_one_full_image_does_not_fill_all_others() -> None:
    sure = sure_images(num_images=20, least=0.3, beside=0.05)
    full = seen(*((100, score, 0.9) for score in (0.8, 0.2, 0.15, 0.1)))
    assert what_pays(sure + full, [CELL], Costs())[CELL] == HIDDEN
    many = seen(*((100 + n, score, 0.9) for n in range(3) for score in (0.8, 0.2, 0.15, 0.1)))
    shown_from = what_pays(sure + many, [CELL], Costs())[CELL]
    assert shown_from is not None
    assert shown_from <= 0.3


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
