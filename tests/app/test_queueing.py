import random

import pytest

from app.measuring import HeldOut, Measured
from app.queueing import (
    Calibration,
    Chances,
    Costs,
    Order,
    Proposal,
    calibrate,
    order_images,
    seconds_per_object,
    seconds_saved,
)

SMALL, LARGE = (0.1, 0.1, 0.15, 0.15), (0.1, 0.1, 0.9, 0.9)


def ordered(proposals: list[Proposal], order: Order, **given: object) -> list[int]:
    found = order_images(
        proposals,
        order,
        calibration=Calibration(),
        costs=Costs(),
        **given,  # type: ignore[arg-type]
    )
    return [item.image_id for item in found]


def test_a_sure_proposal_saves_the_drawing_and_a_wrong_one_costs_a_rejection() -> None:
    assert seconds_saved(Chances(1.0, 0.0), Costs()) == 6.0
    assert seconds_saved(Chances(0.0, 0.0), Costs()) == -1.0
    assert seconds_saved(Chances(0.0, 1.0), Costs()) == 4.0


def test_images_that_save_most_come_first() -> None:
    proposals = [
        Proposal(1, 1, 1, 0.9, SMALL),
        Proposal(2, 2, 1, 0.9, SMALL),
        Proposal(3, 2, 1, 0.8, LARGE),
        Proposal(4, 3, 1, 0.1, SMALL),
    ]

    assert ordered(proposals, Order.SECONDS_SAVED) == [2, 1, 3]


def test_the_nearest_to_a_toss_up_is_the_least_certain() -> None:
    proposals = [Proposal(1, 1, 1, 0.95, SMALL), Proposal(2, 2, 1, 0.55, SMALL)]

    assert ordered(proposals, Order.LEAST_CERTAIN) == [2, 1]


def test_one_class_leaves_out_images_without_it() -> None:
    proposals = [Proposal(1, 1, 1, 0.9, SMALL), Proposal(2, 2, 2, 0.9, SMALL)]

    assert ordered(proposals, Order.ONE_CLASS, category_id=2) == [2]
    with pytest.raises(ValueError, match="needs a class"):
        ordered(proposals, Order.ONE_CLASS)


def test_look_alikes_of_a_small_box_are_small() -> None:
    proposals = [Proposal(1, 1, 1, 0.5, LARGE), Proposal(2, 2, 1, 0.5, SMALL)]
    rejected = Proposal(3, 9, 1, 0.45, SMALL)

    assert ordered(proposals, Order.LOOK_ALIKES, like=rejected) == [2, 1]


def test_a_random_order_is_that_of_its_seed() -> None:
    proposals = [Proposal(n, n, 1, 0.5, SMALL) for n in range(50)]
    first = ordered(proposals, Order.RANDOM, seed=4)

    assert first == ordered(proposals[::-1], Order.RANDOM, seed=4)
    assert first != ordered(proposals, Order.RANDOM, seed=5)


def test_chances_follow_what_came_true_and_not_the_score() -> None:
    rng = random.Random(0)
    scores = [rng.random() * 0.4 for _ in range(400)]
    held_out = HeldOut(tuple(Measured(n, 1, s, 0.9 * (s > 0.2)) for n, s in enumerate(scores)))
    known = calibrate(held_out)

    assert known.chances(0.3).right > 0.9
    assert known.chances(0.1).right < 0.1


def test_the_surest_of_an_image_has_other_chances_than_what_lies_beside_it() -> None:
    surest = [Measured(n, 1, 0.3, 0.9) for n in range(40)]
    beside = [Measured(n, 1, 0.29, 0.0) for n in range(40) for _ in range(5)]
    known = calibrate(HeldOut((*surest, *beside)))

    assert known.chances(0.29, is_surest=False).right < 0.2
    assert known.chances(0.29, is_surest=True).right > 0.8


def test_an_object_costs_what_becomes_of_it() -> None:
    found = (Measured(1, 1, 0.9, 0.8), Measured(1, 1, 0.8, 0.6), Measured(1, 1, 0.7, 0.0))
    held_out = HeldOut(found, {(1, 1): 3})

    assert seconds_per_object(held_out, {}, Costs()) == (1.0 + 3.0 + 1.0 + 7.0) / 3
    assert seconds_per_object(held_out, {1: 0.85}, Costs()) == (1.0 + 7.0 + 7.0) / 3
    assert seconds_per_object(held_out, {1: 0.95}, Costs(), surest_from=0.5) == (1.0 + 14.0) / 3
    assert seconds_per_object(HeldOut(), {}, Costs()) is None
