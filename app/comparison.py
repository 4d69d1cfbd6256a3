"""Tune or keep: a new prompt is adopted if it beats the detector alone and finds no less than the one in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sdpt_engine
from app.bundles import load_prompt
from app.convert import metrics_json
from app.job_context import job_dir
from app.snapshot import SNAPSHOT_NAME, read_snapshot
from app.workspace import Workspace
from sdpt_engine.errors import BundleError
from sdpt_engine.types import Metrics, ObjectClass
from storage import bundles
from storage.types import Bundle

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.predictor import Predictor
    from sdpt_engine.tuning import Judged, TuneResult

MIN_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict, in words for a person, and the figures of the bundle in use (None without one)."""

    is_better: bool
    reason: str
    current: Metrics | None = None

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

    Against the bundle in use only those images count that this one has not learnt from either.
    """
    if not result.has_gained:
        return Comparison(
            False,
            f"Kept as a choice, not adopted: held-out AP50 {_percent(result.tuned)} does not beat "
            f"{_percent(result.zero_shot)} without a prompt.",
        )
    with workspace.database.read() as tx:
        adopted = bundles.adopted(tx)
    rival = None if adopted is None else _usable(workspace, detector, adopted, classes)
    gain = f"held-out AP50 {_percent(result.tuned)}, {_percent(result.zero_shot)} without a prompt"
    if result.prompt_alone is not None:
        gain += (
            f"; a second look at {_what_looks_again(result)} of each box gives AP {result.tuned.ap:.1%}, "
            f"{result.prompt_alone.tuned.ap:.1%} without it"
        )
    if adopted is None or rival is None:
        return Comparison(True, f"Adopted: {gain}.")
    unseen = _unseen(workspace, adopted, result.judged)
    where = f"on {len(unseen)} images that neither has learnt from"
    if not unseen:  # then it may judge itself by what it has learnt: that favours the one in use
        unseen = list(result.judged)
        where = f"on {len(unseen)} images, all of which '{adopted.name}' has learnt from"
    names = [item.name for item in classes]
    truth = [(pair.example.boxes, pair.example.labels) for pair in unseen]
    ours = sdpt_engine.evaluate([pair.prediction for pair in unseen], truth, names)
    proposed = [rival.predict([pair.example.image_path])[0] for pair in unseen]
    theirs = sdpt_engine.evaluate(proposed, truth, names)
    sentence = f"{where}, AP50 {_percent(ours)} against {_percent(theirs)} of '{adopted.name}'"
    if sdpt_engine.finds_as_much(ours, theirs):
        return Comparison(True, f"Adopted: {gain}; {sentence}.", theirs)
    return Comparison(False, f"Kept as a choice, not adopted: {sentence}.", theirs)


def _usable(
    workspace: Workspace, detector: Detector, adopted: Bundle, classes: Sequence[ObjectClass]
) -> Predictor | None:
    """The prompt in use; None when it is foreign or broken, so that it cannot be a rival."""
    if adopted.folder is None:
        return None
    try:
        prompt = load_prompt(workspace, adopted)
        return sdpt_engine.Predictor(detector, classes, prompt, min_score=MIN_SCORE)
    except BundleError:
        return None


def _unseen(workspace: Workspace, adopted: Bundle, judged: Sequence[Judged]) -> list[Judged]:
    """What the bundle in use has not learnt from either."""
    path = job_dir(workspace, adopted.job_id or 0) / SNAPSHOT_NAME
    if not path.is_file():
        return list(judged)
    seen = {workspace.image_path(item.relative_path) for item in read_snapshot(path).train}
    return [pair for pair in judged if pair.example.image_path not in seen]


def _what_looks_again(result: TuneResult) -> str:
    parts = {"the edges": result.bundle.edges, "the class": result.bundle.names}
    return " and ".join(part for part, learnt in parts.items() if learnt is not None)


def _percent(metrics: Metrics) -> str:
    return f"{metrics.ap50:.1%}"
