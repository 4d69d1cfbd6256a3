"""A score into a chance."""

from __future__ import annotations

import pytest

from app.calibrating import Curve, Scored, fit_curve

CELL, BOARD, RARE = 1, 2, 3


def seen(
    num: int, score: float, *, category_id: int = CELL, is_surest: bool = True
) -> list[Scored]:
    return [Scored(category_id, score, is_surest)] * num


def test_without_evidence_the_score_is_the_chance() -> None:
    curve = fit_curve([], [])
    assert curve == Curve()
    assert curve.at(0.3, category_id=CELL, is_surest=False) == pytest.approx(0.3)


def test_what_was_seen_often_moves_the_curve_further_than_what_was_seen_once() -> None:
    often = fit_curve(seen(50, 0.2), [True] * 50)
    once = fit_curve(seen(1, 0.2), [True])
    assert 0.2 < once.at(0.2) < 0.9 < often.at(0.2)


def test_a_class_that_is_mostly_wrong_is_so_at_all_scores_and_the_others_are_not() -> None:
    right, wrong = seen(30, 0.5), seen(30, 0.5, category_id=BOARD)
    curve = fit_curve([*right, *wrong], [True] * 30 + [False] * 30)
    assert curve.at(0.7, category_id=CELL) > 0.9
    assert curve.at(0.7, category_id=BOARD) < 0.3


def test_a_class_that_was_never_seen_is_as_all() -> None:
    curve = fit_curve(seen(30, 0.5), [True] * 30)
    assert curve.at(0.5, category_id=RARE) == curve.at(0.5)


def test_what_lies_beside_something_surer_is_less_likely_where_it_was_wrong() -> None:
    surest, beside = seen(20, 0.2), seen(60, 0.2, is_surest=False)
    curve = fit_curve([*surest, *beside], [True] * 20 + [False] * 60)
    assert curve.at(0.2) > 0.8
    assert curve.at(0.2, is_surest=False) < 0.2


def test_a_chance_never_falls_as_the_score_rises() -> None:
    proposals = [*seen(20, 0.1), *seen(20, 0.6)]
    curve = fit_curve(proposals, [True] * 20 + [False] * 20)  # the faint ones were right
    assert curve.slope == 0.0
    assert curve.at(0.1) == curve.at(0.6) == pytest.approx(0.5, abs=0.05)
