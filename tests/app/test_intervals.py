import numpy as np
import pytest

from app.intervals import share, wilson


def test_wilson_agrees_with_the_textbook() -> None:
    low, high = wilson(0.8, 10)

    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)


def test_no_error_seen_is_no_proof_of_none() -> None:
    found = share([(0, 5)] * 20)

    assert found is not None
    assert found.value == found.low == 0.0
    assert 0.03 < found.high < 0.10


def test_one_image_alone_says_nothing() -> None:
    found = share([(3, 4)])

    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)
    assert share([(0, 0)]) is None


def test_having_seen_everything_leaves_no_doubt() -> None:
    found = share([(1, 5), (0, 5)], seen=1.0)

    assert found is not None
    assert found.low == found.value == found.high == 0.1


@pytest.mark.parametrize(("rate", "images"), [(0.05, 20), (0.3, 8), (0.6, 30)])
def test_intervals_hold_the_truth_although_images_differ(rate: float, images: int) -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        sizes = rng.poisson(4, images) + 1
        own = rng.beta(3 * rate, 3 * (1 - rate), images)  # images are good or bad as a whole
        found = share(list(zip(rng.binomial(sizes, own).tolist(), sizes.tolist(), strict=True)))
        assert found is not None
        held += found.low <= rate <= found.high

    assert held >= 0.92 * 400
