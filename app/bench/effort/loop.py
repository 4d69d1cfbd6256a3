"""The full loop: the person does what the app advises, and sees what the app shows."""

from __future__ import annotations

from app.advice import Step
from app.advising import effort_report
from app.bench.effort.attempt import Attempt
from app.bench.effort.desk import Desk
from app.paying import show_what_pays
from app.pointing.trials import try_pointing
from app.readiness import readiness
from app.review_queue import queue

ASK_EVERY = 3  # finished images between two looks at the hint, once there was a first Tune


def full_loop(attempt: Attempt) -> None:
    """Label by hand until the hint says Tune, review while it pays, tune again when it says so.

    What no shown proposal saves is pointed at before it is drawn, where the hint says that this pays.
    """
    desk = attempt.desk
    while desk.remaining:
        report = effort_report(desk.workspace)
        step, points = report.advice.step, report.pointing.pays(report.costs)
        if step is Step.TUNE and readiness(desk.workspace).is_ready:
            attempt.tune()
            show_what_pays(desk.workspace, desk.now)
        elif step is Step.PRELABEL:
            attempt.prelabel()
            show_what_pays(desk.workspace, desk.now)
        else:
            _work_on(attempt, is_by_hand=step is not Step.REVIEW, points=points)


def _work_on(attempt: Attempt, *, is_by_hand: bool, points: bool) -> None:
    """Finish a few images: those of the review queue first, then the others in their order."""
    desk = attempt.desk
    has_proposals = attempt.has_proposals
    for _ in range(ASK_EVERY if has_proposals else 1):
        if not finish_next(desk, is_by_hand=is_by_hand, points=points):
            return
    if has_proposals:
        show_what_pays(desk.workspace, desk.now)


def finish_next(desk: Desk, *, is_by_hand: bool = False, points: bool) -> bool:
    """The first image of the review queue, or the first of those that are left; whether there was one."""
    waiting = [] if is_by_hand else [item.image_id for item in queue(desk.workspace)]
    following = next((i for i in waiting or desk.remaining), None)
    if following is None:
        return False
    desk.finish(following, is_by_hand=is_by_hand, points=points)
    try_pointing(desk.workspace, desk.answers)  # in the background, in the app
    return True
