"""The seconds that a person spends, as measured in their browser, and what they cost per box and image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.queueing import Costs
from app.workspace import Workspace
from storage import efforts, projects
from storage.database import Transaction
from storage.efforts import Effort, EffortSum

IDLE_S = 30.0  # a longer pause is no work; the browser caps it too
_LEAST_TIMES = 10  # before a person's own times replace the published ones
# What was "pointed" at is no measure of drawing: as one, it would make drawing look cheap and help look dear.
_COST_OF = {"drawn": "draw_s", "accepted": "accept_s", "rejected": "reject_s", "corrected": "fix_s"}


@dataclass(frozen=True, slots=True)
class Timed:
    """One action of the browser: active seconds since the one before, and the boxes that it settled."""

    uid: str
    image_id: int
    action: str
    seconds: float
    num_boxes: int = 1


@dataclass(frozen=True, slots=True)
class Meter:
    """Seconds by hand and with proposals on the image; None where nothing was measured yet."""

    by_hand: EffortSum
    with_help: EffortSum

    @property
    def by_hand_s(self) -> float | None:
        return _per(self.by_hand.seconds, self.by_hand.num_boxes)

    @property
    def with_help_s(self) -> float | None:
        return _per(self.with_help.seconds, self.with_help.num_boxes)

    @property
    def by_hand_image_s(self) -> float | None:
        return _per(self.by_hand.seconds, self.by_hand.num_images)

    @property
    def with_help_image_s(self) -> float | None:
        return _per(self.with_help.seconds, self.with_help.num_images)


def record(workspace: Workspace, timed: Sequence[Timed], *, author: str, at: datetime) -> None:
    """Keep what a browser measured. Sent twice, it counts once; pauses count as IDLE_S at the most."""
    with workspace.database.write() as tx:
        shown = projects.get(tx).prelabel_bundle_id
        helped = efforts.with_proposals(tx, [item.image_id for item in timed], shown)
        efforts.add(
            tx,
            [
                Effort(
                    uid=item.uid,
                    at=at,
                    author=author,
                    image_id=item.image_id,
                    action=item.action,
                    seconds=min(max(item.seconds, 0.0), IDLE_S),
                    num_boxes=item.num_boxes,
                    has_help=item.image_id in helped,
                )
                for item in timed
            ],
        )


def meter(tx: Transaction) -> Meter:
    found = efforts.sums(tx)
    return Meter(by_hand=found[False], with_help=found[True])


def measured_costs(tx: Transaction) -> Costs:
    """The person's own median seconds per action, each once it was timed often enough."""
    return _own(Costs(), efforts.medians(tx))


def _own(costs: Costs, medians: Mapping[str, tuple[float, int]]) -> Costs:
    mine = {
        name: medians[action][0]
        for action, name in _COST_OF.items()
        if action in medians and medians[action][1] >= _LEAST_TIMES
    }
    return replace(costs, **mine)


def _per(seconds: float, number: int) -> float | None:
    return seconds / number if number else None
