"""Many crops of one class on a page: a person marks the wrong ones, the rest is accepted in one stroke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import review
from app.errors import ProposalJudgedError
from app.evidence import evidence
from app.queueing import calibrate
from app.review_queue import waiting
from app.showing import required_showing
from app.workspace import Workspace
from storage import images, predictions
from storage.errors import NotFoundError
from storage.types import Box, Image

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class GridVerdict:
    """`uid` is that of the box an accepted proposal becomes, made by the browser."""

    prediction_id: int
    is_right: bool
    uid: str = ""


@dataclass(frozen=True, slots=True)
class GridOutcome:
    """How many were taken and turned down; `late`: judged elsewhere or replaced meanwhile."""

    accepted: int
    rejected: int
    late: int


def page(workspace: Workspace, category_id: int, *, limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The shown proposals of a class, likeliest first, so that one page is much of a kind."""
    with workspace.database.read() as tx:
        what = required_showing(tx)
        found = waiting(tx, what, category_id=category_id)
        known = calibrate(evidence(tx, what.bundle_id))
        found.sort(key=lambda p: (-p.score, p.id))
        paths = {
            i.id: i.relative_path for i in images.get_many(tx, [p.image_id for p in found[:limit]])
        }
    return {
        "num_left": len(found),
        "items": [
            {
                "id": p.id,
                "image_id": p.image_id,
                "path": paths[p.image_id],
                "score": p.score,
                "chance": round(
                    1.0
                    - known.chances(
                        p.score, category_id=p.category_id, is_surest=p.is_surest
                    ).wrong,
                    3,
                ),
            }
            for p in found[:limit]
        ],
    }


def judge(
    workspace: Workspace, verdicts: Sequence[GridVerdict], *, author: str, at: datetime
) -> GridOutcome:
    """Judge a page in one transaction. Sent again it changes nothing; late verdicts are counted."""
    accepted = rejected = late = 0
    with workspace.database.write() as tx:
        for verdict in verdicts:
            try:
                if verdict.is_right:
                    proposal = predictions.get(tx, verdict.prediction_id)
                    review.accept_in(tx, proposal, uid=verdict.uid, author=author, at=at)
                    accepted += 1
                else:
                    review.reject_in(tx, verdict.prediction_id, at=at)
                    rejected += 1
            except (ProposalJudgedError, NotFoundError):
                late += 1
    return GridOutcome(accepted, rejected, late)


def undo(workspace: Workspace, prediction_ids: Sequence[int], *, author: str, at: datetime) -> int:
    """Take the verdicts of a page back in one transaction; returns how many proposals wait again."""
    number = 0
    with workspace.database.write() as tx:
        for prediction_id in prediction_ids:
            try:
                review.unjudge_in(tx, prediction_id, author=author, at=at)
            except NotFoundError:  # a newer run has replaced it
                continue
            number += 1
    return number


def place(workspace: Workspace, prediction_id: int) -> tuple[Image, Box]:
    """Where a proposal lies. Raises NotFoundError."""
    with workspace.database.read() as tx:
        proposal = predictions.get(tx, prediction_id)
        return images.get(tx, proposal.image_id), proposal.box
