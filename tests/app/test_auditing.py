import random

from app.auditing import ErrorKind, compare, draw_sample, estimate, settle

CELL, FAR = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)
SHIFTED = (20.0, 10.0, 60.0, 50.0)  # IoU .6 with CELL


def test_equal_boxes_agree() -> None:
    found = compare(1, [(CELL, 1), (FAR, 2)], [(FAR, 2), (CELL, 1)])

    assert found.differences == ()
    assert (found.num_objects, found.num_labels) == (2, 2)


def test_each_kind_of_error_is_told_apart() -> None:
    assert kinds(compare(1, [], [(CELL, 1)])) == [ErrorKind.MISSED]
    assert kinds(compare(1, [(CELL, 1)], [])) == [ErrorKind.SURPLUS]
    assert kinds(compare(1, [(CELL, 2)], [(CELL, 1)])) == [ErrorKind.WRONG_CLASS]
    assert kinds(compare(1, [(SHIFTED, 1)], [(CELL, 1)])) == [ErrorKind.BADLY_PLACED]


def test_a_box_of_the_same_class_is_the_partner_although_another_lies_nearer() -> None:
    found = compare(1, [(CELL, 2), (SHIFTED, 1)], [(CELL, 1)])

    assert kinds(found) == [ErrorKind.BADLY_PLACED, ErrorKind.SURPLUS]


def test_who_sees_both_may_find_the_label_right() -> None:
    overlooked = compare(1, [(CELL, 1), (FAR, 1)], [(CELL, 1)])
    settled = settle(overlooked, {0})

    assert settled.differences == ()
    assert settled.num_objects == 2


def test_a_sample_is_that_of_its_seed() -> None:
    assert draw_sample(range(100), 10, seed=1) == draw_sample(reversed(range(100)), 10, seed=1)
    assert sorted(draw_sample([3, 4], 10, seed=1)) == [3, 4]


def test_the_interval_holds_the_true_error_of_a_thousand_images() -> None:
    rng = random.Random(0)
    images = []
    for number in range(1_000):
        objects = [((x * 20.0, 0.0, x * 20.0 + 15, 15.0), 1) for x in range(rng.randint(1, 8))]
        kept = [item for item in objects if rng.random() > 0.08]
        images.append(compare(number, kept, objects))
    whole = estimate(images, num_done=1_000)
    sample = [images[i] for i in draw_sample(range(1_000), 40, seed=2)]
    found = estimate(sample, num_done=1_000)

    assert whole.missed is not None
    assert found.missed is not None
    assert whole.missed.low == whole.missed.high
    assert found.missed.low <= whole.missed.value <= found.missed.high
    assert found.missed.high < 0.2


def kinds(audited: object) -> list[ErrorKind]:
    return [d.kind for d in audited.differences]  # type: ignore[attr-defined]
