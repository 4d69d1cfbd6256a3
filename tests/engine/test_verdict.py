"""Pair by pair, few boxes tell what luck is and what is not."""

from __future__ import annotations

import numpy as np

from sdpt_engine.verdict import may_be_as_high

OLD = np.array([0.9, 0.5, 0.8, 0.7, 0.85, 0.6])


def test_a_little_lower_here_and_higher_there_is_luck() -> None:
    assert may_be_as_high(OLD + np.array([0.1, -0.1, 0.05, -0.06, -0.02, 0.01]), OLD)


def test_lower_almost_everywhere_is_not_luck_however_little() -> None:
    assert not may_be_as_high(OLD - np.array([0.02, 0.03, 0.02, 0.04, -0.01, 0.02]), OLD)


def test_one_pair_or_none_tells_nothing() -> None:
    assert may_be_as_high(OLD[:1] - 0.5, OLD[:1])
    assert may_be_as_high(OLD[:0], OLD[:0])
