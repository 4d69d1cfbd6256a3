from dataclasses import replace

from app.advice import Situation, Step, Tuning, advise, expected_saving

START = Situation(
    num_images_left=500,
    num_images_done=0,
    objects_per_image=5.0,
    num_labelled_images=0,
    num_labelled_boxes=0,
    least_images_per_class=0,
    by_hand_s=7.0,
)
TUNED = replace(
    START,
    num_labelled_images=12,
    least_images_per_class=4,
    help_s=4.0,
    has_fresh_proposals=True,
    tunings=(Tuning(10, 50, 4.0, True),),
)


def test_a_new_project_is_pre_labelled_as_soon_as_there_is_a_class_to_look_for() -> None:
    assert advise(replace(START, has_classes=False)).step is Step.LABEL
    assert advise(START).step is Step.PRELABEL
    assert "6 images" in advise(START).reason


def test_nobody_counts_the_objects_left_before_a_first_image_is_labelled() -> None:
    found = advise(replace(START, objects_per_image=0.0, has_fresh_proposals=True))

    assert found.step is Step.LABEL
    assert "objects are left" not in found.reason


def test_finished_images_tell_whether_the_detector_helps_without_a_prompt() -> None:
    begun = replace(START, num_labelled_images=3, least_images_per_class=1, num_images_done=3)
    judged = replace(begun, has_fresh_proposals=True)
    assert advise(replace(judged, help_s=3.0)).step is Step.REVIEW
    # Nothing that it shows saves time.
    assert advise(replace(judged, help_s=7.0)).step is Step.LABEL
    ready = replace(judged, num_labelled_images=8, least_images_per_class=2, help_s=3.0)
    assert advise(ready).step is Step.TUNE


def test_enough_labels_ask_for_the_first_tune() -> None:
    found = advise(replace(START, num_labelled_images=8, least_images_per_class=3))

    assert found.step is Step.TUNE
    assert found.saves_s is not None
    assert found.saves_s > 60


def test_a_class_that_is_rare_does_not_hold_up_the_first_tune() -> None:
    found = advise(replace(START, num_labelled_images=6, least_images_per_class=0))

    assert found.step is Step.TUNE


def test_a_first_tune_waits_for_as_many_images_as_the_detector_asks_for() -> None:
    three = replace(START, num_labelled_images=3, least_images_per_class=1)

    assert advise(three).step is Step.PRELABEL
    assert advise(replace(three, first_images=3)).step is Step.TUNE


def test_a_tune_on_few_images_is_not_followed_by_another_after_the_next() -> None:
    early = replace(TUNED, tunings=(Tuning(3, 15, 4.0, True),))

    assert "after 1 more image" in advise(replace(early, num_labelled_images=5)).reason
    assert advise(replace(early, num_labelled_images=6)).step is Step.TUNE


def test_a_tune_waits_for_a_third_as_many_labels_again() -> None:
    assert advise(TUNED).step is Step.REVIEW
    assert "Tune again after 2 more images" in advise(TUNED).reason
    assert advise(replace(TUNED, num_labelled_images=14)).step is Step.TUNE


def test_a_tune_that_was_not_kept_waits_for_half_as_many_labels_again() -> None:
    unkept = (Tuning(10, 50, 6.9, False),)
    failed = replace(TUNED, num_labelled_images=14, tunings=unkept, help_s=6.9)

    assert advise(failed).step is Step.REVIEW
    assert advise(replace(failed, num_labelled_images=15)).step is Step.TUNE


def test_a_first_tune_that_cost_more_than_drawing_does_not_silence_the_next() -> None:
    harmful = (Tuning(8, 40, 30.0, False),)
    found = advise(replace(TUNED, num_labelled_images=16, tunings=harmful, help_s=None))

    assert found.step is Step.TUNE


def test_a_flat_curve_says_stop() -> None:
    flat = (Tuning(10, 50, 2.0, True), Tuning(100, 500, 2.0, True))
    then = replace(TUNED, num_images_left=15, num_labelled_images=200, help_s=2.0)
    found = advise(replace(then, tunings=flat))

    assert found.step is Step.REVIEW
    assert "stop tuning" in found.reason
    falling = (Tuning(10, 50, 4.0, True), *flat[1:])
    assert advise(replace(then, tunings=falling)).step is Step.TUNE


def test_what_is_left_when_review_has_taken_the_easy_images_asks_for_a_tune() -> None:
    rest = replace(TUNED, num_images_left=12, num_labelled_images=30, help_s=1.3)
    tuned = replace(rest, tunings=(Tuning(20, 100, 1.3, True),))
    easy = replace(tuned, saved_s=12 * 5 * 5.7)
    nothing_waits = replace(tuned, saved_s=0.0)

    assert expected_saving(easy) < expected_saving(nothing_waits)
    assert advise(easy).step is Step.REVIEW
    assert advise(nothing_waits).step is Step.TUNE


def test_who_has_reviewed_everything_is_not_sent_to_review() -> None:
    found = advise(replace(TUNED, saved_s=0.0))

    assert found.step is Step.BY_HAND
    assert "No proposal waits" in found.reason
    assert "Tune again after 2 more images" in found.reason


def test_a_steep_curve_expects_more_of_the_next_tune() -> None:
    now = replace(TUNED, num_labelled_images=40)
    steep = replace(now, tunings=(Tuning(5, 25, 6.5, True), Tuning(10, 50, 4.0, True)))

    assert expected_saving(steep) > expected_saving(now) > 0


def test_proposals_that_cost_more_than_drawing_are_hidden() -> None:
    found = advise(replace(TUNED, help_s=8.0))

    assert found.step is Step.BY_HAND
    assert "8.0 s with the proposals and 7.0 s without" in found.reason


def test_a_few_objects_left_are_not_worth_a_tune() -> None:
    found = advise(replace(TUNED, num_images_left=1, objects_per_image=0.7, num_labelled_images=99))

    assert found.step is Step.REVIEW
    assert "less than another Tune" in found.reason


def test_the_end_is_audited_before_it_is_exported() -> None:
    done = replace(TUNED, num_images_left=0, num_images_done=500)

    assert advise(done).step is Step.AUDIT
    assert advise(replace(done, is_audited=True)).step is Step.FINISHED


def test_before_the_first_tune_nobody_is_told_to_stop_tuning() -> None:
    few = replace(START, num_images_left=3, objects_per_image=1.0, least_images_per_class=3)
    found = advise(replace(few, num_labelled_images=13))

    assert found.step is Step.BY_HAND
    assert "go on by hand" in found.reason


def test_right_after_a_tune_it_says_when_to_tune_again() -> None:
    found = advise(replace(TUNED, num_labelled_images=10))

    assert found.reason == "Go on reviewing. Tune again after 4 more images."
