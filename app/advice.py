"""What to do next, and why: a pure function of what is labelled, measured and left to do.

The currency is a person's seconds per object. Without a proposal one costs `by_hand_s`, drawn or pointed at, whichever
is quicker; with the proposals of a bundle it costs what `queueing.seconds_per_object` finds on held-out images. What is
left is not like these: review takes the images first on which proposals save most, and the others stay. So an object
that is left costs `by_hand_s` less what the proposals that wait should save. What another Tune would bring is foretold
by a power law in the number of labelled images: the part above the floor (one key per object) shrinks by
(before / now) ^ b. Two tunings measure b; until then it is one that full loops on composed sets
showed, other sets than those that `bench effort` is published with: 1 - AP50 fell with .3 to .8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from sdpt_engine.types import FEW_IMAGES

_EXPONENT = 0.4
_NEW_SHARE = 1.33  # labelled images since the last Tune, as a multiple, before another can be told from noise
_AFTER_FAILURE = 1.5  # the same after a Tune that was not kept
_LEAST_NEW = 3  # and so many images at the least: nobody wants to tune after each


class Step(StrEnum):
    """What a person does best next."""

    LABEL = "label"
    TUNE = "tune"
    PRELABEL = "prelabel"
    REVIEW = "review"
    BY_HAND = "by_hand"
    AUDIT = "audit"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Tuning:
    """A finished Tune: what it had learnt from, and what an object costs with its proposals, held-out."""

    num_images: int
    num_boxes: int
    seconds_per_object: float | None
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the advice rests on. Images `left` are neither done nor put aside.

    `least_images_per_class`: images on which the rarest class is labelled. `tunings`: oldest first.
    `has_fresh_proposals`: the bundle in use has been run on the images that are left.
    `help_s`: seconds per object with the proposals that are shown now; None without any measured.
    `saved_s`: seconds that those which wait should save on the images left, all together.
    `first_images`: a first Tune waits for so many, from where on some can be held out to judge the others.
    `tune_overhead_s`: what a Tune costs the person, who goes on meanwhile: pressing it, and looking at what it brought.
    """

    num_images_left: int
    num_images_done: int
    objects_per_image: float
    num_labelled_images: int
    num_labelled_boxes: int
    least_images_per_class: int
    by_hand_s: float
    floor_s: float = 1.0
    help_s: float | None = None
    saved_s: float | None = None
    tunings: tuple[Tuning, ...] = ()
    has_classes: bool = True
    has_fresh_proposals: bool = False
    is_audited: bool = False
    first_images: int = FEW_IMAGES
    tune_overhead_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Advice:
    """`saves_s`: what following it is expected to save the person, where that can be said."""

    step: Step
    reason: str
    saves_s: float | None = None


def advise(now: Situation) -> Advice:
    """The next step. The first rule that fits decides; each says what it saw."""
    if now.num_images_left == 0:
        return _at_the_end(now)
    objects = _objects_left(now)
    is_known = now.num_labelled_images > 0  # before the first, nobody knows how many there are
    if is_known and objects * now.by_hand_s <= now.tune_overhead_s:
        return Advice(
            Step.REVIEW if now.has_fresh_proposals and _helps(now) else Step.BY_HAND,
            f"{_about(objects)} left: finishing {'it' if round(objects) == 1 else 'them'} takes less than "
            f"{'another' if now.tunings else 'a'} Tune would.",
        )
    if not now.tunings:
        return _before_the_first(now)
    saves = expected_saving(now)
    last = now.tunings[-1]
    share = _NEW_SHARE if last.is_kept else _AFTER_FAILURE
    wanted = max(last.num_images + _LEAST_NEW, math.ceil(last.num_images * share))
    if now.num_labelled_images >= wanted and saves > now.tune_overhead_s:
        return Advice(
            Step.TUNE,
            f"{now.num_labelled_images} images are labelled, {last.num_images} when you tuned last: "
            f"another Tune should save about {_span(saves)} on the {objects:.0f} objects left.",
            saves,
        )
    return _go_on(now, saves, wanted - now.num_labelled_images)


def expected_saving(now: Situation) -> float:
    """Seconds that a Tune with the labels of now should save on what is left; never below zero."""
    before = _current_s(now)
    return max(0.0, before - predicted_seconds(now)) * _objects_left(now)


def predicted_seconds(now: Situation) -> float:
    """Seconds per object that a Tune with the labels of now should reach, at most those of now."""
    before = _current_s(now)
    known = [  # who hides proposals that cost more than drawing pays no more than for drawing
        (t.num_images, min(t.seconds_per_object, now.by_hand_s))
        for t in now.tunings
        if t.seconds_per_object and t.is_kept  # one that was not is luck as much as a plateau
    ]
    if not known:
        shots = max(1, now.least_images_per_class)
        share = min(0.5, 0.1 + 0.2 * math.log10(shots))  # what first tunings save in the benchmark
        return min(before, max(now.floor_s, before * (1.0 - share)))
    num_images, seconds = known[-1]
    if now.has_fresh_proposals and now.saved_s is not None:
        seconds = before
    ratio = max(1, num_images) / max(1, num_images, now.num_labelled_images)
    above = max(0.0, seconds - now.floor_s) * math.pow(ratio, _exponent(now, known))
    return min(before, now.floor_s + above)


def _exponent(now: Situation, known: list[tuple[int, float]]) -> float:
    """b, from the last two tunings as far as they lie apart; the one of before counts like one doubling."""
    if len(known) < 2:
        return _EXPONENT
    (few, slow), (many, fast) = known[-2:]
    apart = math.log(max(1, many) / max(1, few))
    if apart <= 0.0:
        return _EXPONENT
    fall = math.log(max(0.05, slow - now.floor_s) / max(0.05, fast - now.floor_s))
    found = (fall + _EXPONENT * math.log(2.0)) / (apart + math.log(2.0))
    return min(1.0, max(0.0, found))


def _about(objects: float) -> str:
    return "About 1 object is" if round(objects) == 1 else f"About {objects:.0f} objects are"


def _before_the_first(now: Situation) -> Advice:
    if now.num_labelled_images < now.first_images:
        return _without_a_prompt(now)
    saves = expected_saving(now)
    if saves > now.tune_overhead_s:
        return Advice(
            Step.TUNE,
            f"{now.num_labelled_images} images are labelled, enough for a first Tune; it should save "
            f"about {_span(saves)} on the {_objects_left(now):.0f} objects left.",
            saves,
        )
    return _go_on(now, saves, 0)


def _without_a_prompt(now: Situation) -> Advice:
    """Before a first Tune has what it needs: what the detector knows by itself may save drawing already."""
    number = now.num_labelled_images
    have = "1 image is" if number == 1 else f"{number} images are"
    labelled = f"{have} labelled, and a first Tune pays from {now.first_images} images on"
    if not now.has_fresh_proposals and now.has_classes:
        return Advice(
            Step.PRELABEL,
            f"{labelled}. Until then pre-label with the detector as it is: the images that you finish tell whether "
            "its proposals, or a click on an object (Point, P), save time.",
        )
    helped_s = _current_s(now)
    if helped_s < now.by_hand_s:
        return Advice(
            Step.REVIEW,
            f"The detector helps without any prompt ({helped_s:.1f} s an object, {now.by_hand_s:.1f} s without): "
            f"review. {labelled}.",
        )
    return Advice(Step.LABEL, f"Label a few images by hand first: {labelled}.")


def _go_on(now: Situation, saves: float, missing_images: int) -> Advice:
    """No Tune now: work on, with help or by hand, and say when to think of tuning again."""
    if not now.has_fresh_proposals and now.tunings and now.tunings[-1].is_kept:
        return Advice(
            Step.PRELABEL, "The newest prompt has not been run on the images left: pre-label them."
        )
    if (
        0 < missing_images < now.num_images_left
    ):  # without new labels a Tune saves nothing by definition
        more = "1 more image" if missing_images == 1 else f"{missing_images} more images"
        later = f"Tune again after {more}."
    elif saves <= now.tune_overhead_s:
        a_tune, end = (
            ("Another Tune", "stop tuning") if now.tunings else ("A Tune", "go on by hand")
        )
        later = f"{a_tune} would save about {_span(saves)}, less than it costs you: {end}."
    else:
        later = "Tune again when more is labelled."
    if not now.has_fresh_proposals:
        return Advice(Step.BY_HAND, f"There are no proposals to review. {later}")
    if not _helps(now):
        return Advice(
            Step.BY_HAND,
            f"An object costs {now.help_s:.1f} s with the proposals and {now.by_hand_s:.1f} s "
            f"without: hide them. {later}",
        )
    if now.saved_s == 0.0:
        return Advice(Step.BY_HAND, f"No proposal waits for review: label what is left. {later}")
    return Advice(Step.REVIEW, f"Go on reviewing. {later}")


def _at_the_end(now: Situation) -> Advice:
    if now.num_images_done and not now.is_audited:
        return Advice(
            Step.AUDIT, "Every image is done: audit a random sample to learn which error is left."
        )
    return Advice(Step.FINISHED, "Every image is done: export.")


def _helps(now: Situation) -> bool:
    return now.help_s is None or now.help_s < now.by_hand_s


def _current_s(now: Situation) -> float:
    """Of an object that is left. Nobody need use proposals that cost more than drawing."""
    if not now.has_fresh_proposals or now.help_s is None:
        return now.by_hand_s
    helped = now.help_s
    if now.saved_s is not None:
        helped = now.by_hand_s - now.saved_s / max(1.0, _objects_left(now))
    return min(max(helped, now.floor_s), now.by_hand_s)


def _objects_left(now: Situation) -> float:
    return now.num_images_left * now.objects_per_image


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
