"""Tune or keep: a new prompt is adopted if it beats the detector alone and finds not clearly less than the one in use.

Where it does, the one in use stays, and may still gain by the new second look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import sdpt_engine
from app.bundles import load_prompt
from app.convert import metrics_json
from app.learnt import learnt_from
from app.workspace import Workspace
from sdpt_engine.availability import SHIPPED_PX
from sdpt_engine.errors import BundleError
from sdpt_engine.types import Metrics, ObjectClass
from storage import bundles
from storage.types import Bundle

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.tuning import Judged, TuneResult

MIN_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict in words for a person, what it is about, and the figures of the bundle in use (None without one).

    `result` is the new one, or the prompt in use under the new second look where that finds more: then `reused` is the
    bundle that it comes from.
    """

    is_better: bool
    reason: str
    result: TuneResult
    current: Metrics | None = None
    reused: Bundle | None = None

    @property
    def current_json(self) -> dict[str, Any] | None:
        return None if self.current is None else metrics_json(self.current)


def compare(
    workspace: Workspace,
    detector: Detector,
    result: TuneResult,
    *,
    classes: Sequence[ObjectClass],
) -> Comparison:
    """Compare on the images that judged the result, none of which it had learnt from when it did.

    Without a gain it is not adopted, unless that may be luck. Against the bundle in use only those images count that
    this one has not learnt from either. Where these hold but few boxes the newer is taken, which has learnt from more.
    """
    if not result.has_gained and not _is_luck(detector, result):
        return Comparison(
            False,
            f"Kept as a choice, not adopted: held-out AP50 {_percent(result.tuned)} does not beat "
            f"{_percent(result.zero_shot)} without a prompt{_on_few(result)}.",
            result,
        )
    with workspace.database.read() as tx:
        adopted = bundles.adopted(tx)
    rival = None if adopted is None else _rival(workspace, detector, adopted, result)
    gain = (
        f"held-out AP50 {_percent(result.tuned)}, {_percent(result.zero_shot)} without a prompt"
        f"{_on_few(result)}"
    )
    if not result.has_gained:
        gain += f", and {detector.name} is known to gain"
    if result.prompt_alone is not None:
        gain += (
            f"; a second look at {_what_looks_again(result)} of each box gives AP {result.tuned.ap:.1%}, "
            f"{result.prompt_alone.tuned.ap:.1%} without it"
        )
    if adopted is None or rival is None:
        return Comparison(True, f"Adopted: {gain}.", result)
    unseen = _unseen(workspace, adopted, result.judged)
    where = f"on {sum(unseen)} images that neither has learnt from"
    if not any(unseen):
        # Then it may judge itself by what it has learnt: that favours the one in use.
        unseen = [True] * len(unseen)
        where = f"on {len(unseen)} images, all of which '{adopted.name}' has learnt from"

    def on_unseen(judged: Sequence[Judged]) -> tuple[Judged, ...]:
        return tuple(compress(judged, unseen))

    judges = on_unseen(result.judged)
    ours = sdpt_engine.measured(judges, classes)
    theirs = sdpt_engine.measured(on_unseen(rival.as_it_is.judged), classes)
    sentence = f"{where}, AP50 {_percent(ours)} against {_percent(theirs)} of '{adopted.name}'"
    num_boxes = sdpt_engine.num_boxes_of(judges)
    if num_boxes < sdpt_engine.LEAST_BOXES_THAT_JUDGE:
        few = f"they hold {num_boxes} boxes, too few to tell, and the new one has learnt from more"
        return Comparison(True, f"Adopted: {gain}; {sentence}: {few}.", result, theirs)
    if sdpt_engine.may_find_as_much(ours, theirs, num_boxes=num_boxes):
        if ours.ap50 < theirs.ap50:
            sentence += (
                f": of {num_boxes} boxes that may be luck, and the new one has learnt from more"
            )
        return Comparison(True, f"Adopted: {gain}; {sentence}.", result, theirs)
    if rival.has_classes_of(result) and result.prompt_alone is not None:
        again = sdpt_engine.with_look_of(detector, rival.alone, result.bundle, classes=classes)
        again = replace(again, judged=on_unseen(again.judged))
        mixed = sdpt_engine.measured(again.judged, classes)
        if sdpt_engine.may_find_as_much(mixed, theirs, num_boxes=num_boxes):
            reason = (
                f"Adopted: the prompt of '{adopted.name}' once more, with what was learnt now of "
                f"{_what_looks_again(result)} of each box: AP50 {_percent(mixed)}; {sentence}."
            )
            return Comparison(True, reason, again, theirs, adopted)
    return Comparison(False, f"Kept as a choice, not adopted: {sentence}.", result, theirs)


def _is_luck(detector: Detector, result: TuneResult) -> bool:
    """Whether a result that shows no gain may have one: few boxes must be clearly against a second look of nano.

    On two of them one had an AP50 of .17, .25 without a prompt, and on 24 other images .80.
    """
    num_boxes = sdpt_engine.num_boxes_of(result.judged)
    return (
        detector.name in SHIPPED_PX
        and result.prompt_alone is not None
        and num_boxes < sdpt_engine.LEAST_BOXES_THAT_JUDGE
        and sdpt_engine.may_find_as_much(result.tuned, result.zero_shot, num_boxes=num_boxes)
    )


def _on_few(result: TuneResult) -> str:
    """What to think of figures that a few boxes gave."""
    num_boxes = sdpt_engine.num_boxes_of(result.judged)
    if num_boxes >= sdpt_engine.LEAST_BOXES_THAT_JUDGE:
        return ""
    return f" (on {num_boxes} {'box' if num_boxes == 1 else 'boxes'}, too few to tell)"


@dataclass(frozen=True, slots=True)
class _Rival:
    """The bundle in use as it was when it was judged, and its prompt alone."""

    as_it_is: TuneResult
    alone: TuneResult

    def has_classes_of(self, result: TuneResult) -> bool:
        mine, theirs = self.alone.bundle.categories, result.bundle.categories
        return [item.id for item in mine] == [item.id for item in theirs]


def _rival(
    workspace: Workspace, detector: Detector, adopted: Bundle, result: TuneResult
) -> _Rival | None:
    """None when the bundle in use is foreign or broken, so that it cannot be a rival."""
    if adopted.folder is None:
        return None
    try:
        older = load_prompt(workspace, adopted)
        alone = sdpt_engine.judged_by_the_same(detector, older, result, min_score=MIN_SCORE)
        classes = result.bundle.categories
        as_it_is = sdpt_engine.with_look_of(detector, alone, older, classes=classes)
    except BundleError:
        return None
    return _Rival(as_it_is, alone)


def _unseen(workspace: Workspace, adopted: Bundle, judged: Sequence[Judged]) -> list[bool]:
    """Whether the bundle in use has not learnt from it either."""
    seen = {workspace.image_path(path) for path in learnt_from(workspace, adopted)}
    return [pair.example.image_path not in seen for pair in judged]


def _what_looks_again(result: TuneResult) -> str:
    parts = {"the edges": result.bundle.edges, "the class": result.bundle.names}
    return " and ".join(part for part, learnt in parts.items() if learnt is not None)


def _percent(metrics: Metrics) -> str:
    return f"{metrics.ap50:.1%}"
