"""The ways to label a set that are compared, each from no box to the last finished image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.bench.effort.attempt import Attempt
from app.bench.effort.loop import full_loop
from app.bundles import ZERO_SHOT
from app.readiness import readiness
from app.showing import Surest, set_thresholds

BY_HAND, ZERO_SHOT_ONCE = "by hand", "zero-shot once"
TUNED_ONCE, FULL_LOOP = "tuned once", "full loop"
USUAL_SCORE = 0.3  # from which tools with a zero-shot detector show its boxes as they come


def by_hand(attempt: Attempt) -> None:
    """Every box is drawn."""
    attempt.desk.finish_all(attempt.desk.remaining, is_by_hand=True)


def zero_shot_once(attempt: Attempt) -> None:
    """The detector proposes once, as other tools do: everything above one fixed score is shown."""
    desk = attempt.desk
    attempt.prelabel(ZERO_SHOT)
    usual: dict[int | Surest, float | None] = dict.fromkeys(desk.class_ids, USUAL_SCORE)
    set_thresholds(desk.workspace, usual, desk.now)
    desk.finish_all(desk.remaining)


def tuned_once(attempt: Attempt) -> None:
    """Some images by hand, one tuning, then all others with the app's first thresholds (best F1)."""
    desk = attempt.desk
    desk.finish_all(desk.remaining[: attempt.num_first], is_by_hand=True)
    while desk.remaining and not readiness(desk.workspace).is_ready:
        desk.finish(desk.remaining[0], is_by_hand=True)
    if desk.remaining:
        attempt.tune()
        desk.finish_all(desk.remaining)


ARMS: Mapping[str, Callable[[Attempt], None]] = {
    BY_HAND: by_hand,
    ZERO_SHOT_ONCE: zero_shot_once,
    TUNED_ONCE: tuned_once,
    FULL_LOOP: full_loop,
}
