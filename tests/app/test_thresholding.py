import pytest

from app.measuring import HeldOut, measure
from app.thresholding import UNMEASURED_THRESHOLD, best_threshold, default_threshold, expectation
from storage.types import Box

HERE, THERE = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def evidence(num_images: int) -> HeldOut:
    """Each image has an object that is found at .8, and something else at .3 that is none."""
    found = HeldOut()
    for image_id in range(num_images):
        proposals = [(HERE, 1, 0.8), (THERE, 1, 0.3)]
        found = found + measure(image_id, proposals, [(HERE, 1)], category_ids=[1])
    return found


def judged(*proposals: tuple[Box, int, float]) -> list[tuple[float, float]]:
    """(score, IoU) of what a person would judge on an image with one object of class 1."""
    found = measure(1, proposals, [(HERE, 1)], category_ids=[1, 2])
    return [(p.score, p.iou) for p in found.proposals]


def test_an_object_is_found_once_and_what_repeats_it_is_no_evidence() -> None:
    beside = (3.0, 0.0, 13.0, 10.0)  # overlaps it by .54: no repetition, but hidden by its box
    assert judged((HERE, 1, 0.4), (HERE, 1, 0.9), (beside, 1, 0.3)) == [(0.9, 1.0)]
    assert judged((HERE, 1, 0.9), (HERE, 2, 0.4)) == [(0.9, 1.0)]


def test_what_repeats_a_wrong_proposal_is_judged_only_as_another_class() -> None:
    assert judged((HERE, 2, 0.9), (HERE, 2, 0.5), (HERE, 1, 0.4)) == [(0.9, 0.0), (0.4, 1.0)]
    assert judged((THERE, 1, 0.9), (THERE, 1, 0.8)) == [(0.9, 0.0)]


def test_the_best_threshold_parts_right_from_wrong() -> None:
    assert best_threshold(evidence(5)) == pytest.approx(0.55)
    assert best_threshold(HeldOut()) is None


def test_a_lower_threshold_costs_precision() -> None:
    strict, loose = expectation(evidence(20), 0.5), expectation(evidence(20), 0.2)

    assert strict.precision is not None
    assert loose.precision is not None
    assert (strict.precision.value, loose.precision.value) == (1.0, 0.5)
    assert strict.precision.low > loose.precision.high


def test_more_images_make_the_expectation_surer() -> None:
    few, many = expectation(evidence(3), 0.5).recall, expectation(evidence(60), 0.5).recall

    assert few is not None
    assert many is not None
    assert few.low < many.low


def test_nothing_measured_gives_a_threshold_and_no_promise() -> None:
    found = expectation(HeldOut(), 0.5)

    assert default_threshold(HeldOut(), 1) == UNMEASURED_THRESHOLD
    assert found.precision is None
    assert found.recall is None


def test_a_class_that_is_never_found_shows_nothing() -> None:
    missed = HeldOut()
    for image_id in range(4):
        missed = missed + measure(image_id, [(THERE, 1, 0.6)], [(HERE, 1)], category_ids=[1])

    assert default_threshold(missed, 1) > 0.6


def test_each_measured_class_has_a_threshold_of_its_own() -> None:
    found = HeldOut()
    for image_id in range(5):
        sure, unsure = (
            [(HERE, 1, 0.8), (THERE, 1, 0.6)],
            [(THERE, 2, 0.3), ((80.0, 0.0, 90.0, 10.0), 2, 0.1)],
        )
        found = found + measure(
            image_id, [*sure, *unsure], [(HERE, 1), (THERE, 2)], category_ids=[1, 2]
        )

    assert default_threshold(found, 1) == pytest.approx(0.7)
    assert default_threshold(found, 2) == pytest.approx(0.2)


def test_newer_evidence_of_an_image_replaces_the_older() -> None:
    newer = measure(0, [], [(HERE, 1)], category_ids=[1])

    assert (evidence(2) + newer).num_true == {(0, 1): 1, (1, 1): 1}
    assert [p.image_id for p in (evidence(2) + newer).proposals] == [1, 1]
