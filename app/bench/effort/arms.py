"""The ways to label a set that are compared, each from no box to the last finished image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.bench.effort.desk import Desk, IsShown, show_none
from app.bench.effort.machine import Machine, Tuning, ap50_of_proposals
from app.bundles import BEST, ZERO_SHOT, list_bundles
from app.inference import PredictRequest
from app.readiness import readiness
from app.tuning import TuneRequest
from sdpt_engine.thresholds import UNMEASURED_THRESHOLD


@dataclass(slots=True)
class Attempt:
    """A person and a machine at one workspace, and what was tuned so far."""

    desk: Desk
    machine: Machine
    class_ids: tuple[int, ...]
    request: TuneRequest
    num_first: int  # images drawn by hand before the one tuning of `tuned_once`
    tunings: list[Tuning]

    def tune(self) -> Mapping[str, Any]:
        """Press Tune, then pre-label what is still to do with the prompt in use; what the tune job says."""
        before = self.machine.seconds
        result = self.machine.tune(self.request)
        labelled = self.machine.prelabel(PredictRequest(bundle=BEST))
        self.tunings.append(
            Tuning(
                num_images=len(self.desk.truth) - len(self.desk.remaining),
                is_adopted=bool(result["adopted"]),
                ap50=ap50_of_proposals(
                    self.desk.workspace,
                    int(labelled["bundle"]),
                    {i: self.desk.truth[i] for i in self.desk.remaining},
                    class_ids=self.class_ids,
                ),
                machine_s=self.machine.seconds - before,
            )
        )
        return result


def by_hand(attempt: Attempt) -> None:
    """Every box is drawn."""
    attempt.desk.finish_all(attempt.desk.remaining, is_shown=show_none)


def zero_shot(attempt: Attempt) -> None:
    """The detector proposes once, as other tools do: everything above a fixed score is shown."""
    attempt.machine.prelabel(PredictRequest(bundle=ZERO_SHOT))
    attempt.desk.finish_all(attempt.desk.remaining, is_shown=_above({}))


def tuned_once(attempt: Attempt) -> None:
    """Some images by hand, one tuning, then all others with the best-F1 thresholds of its held-out images."""
    desk = attempt.desk
    desk.finish_all(desk.remaining[: attempt.num_first], is_shown=show_none)
    while desk.remaining and not readiness(desk.workspace).is_ready:
        desk.finish(desk.remaining[0], is_shown=show_none)
    if not desk.remaining:
        return
    result = attempt.tune()
    shown: Mapping[str, float] = {}
    if result["adopted"]:
        (bundle,) = (b for b in list_bundles(desk.workspace) if b.id == result["bundle"])
        shown = bundle.thresholds
    desk.finish_all(desk.remaining, is_shown=_above(shown))


def _above(thresholds: Mapping[str, float]) -> IsShown:
    def is_shown(proposal: Mapping[str, Any]) -> bool:
        least = thresholds.get(str(proposal["category_id"]), UNMEASURED_THRESHOLD)
        return float(proposal["score"]) >= least

    return is_shown


ARMS: Mapping[str, Callable[[Attempt], None]] = {
    "by hand": by_hand,
    "zero-shot once": zero_shot,
    "tuned once": tuned_once,
}
BY_HAND, FULL_LOOP = "by hand", "full loop"
